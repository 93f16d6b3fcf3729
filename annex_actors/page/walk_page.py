"""The page of a walk: as a server sends it, and as one file with the walk's points in it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from annex_actors.base.files import writing
from annex_actors.page.assets import STEP_SCRIPTS
from annex_actors.page.saved_page import filled, live
from annex_actors.stepping.point import Point
from annex_actors.stepping.saved import as_json
from annex_actors.stepping.stepper import Stepper
from annex_actors.training.atomic_files import write_whole

STYLES = ("page.css", "step.css")


def live_walk() -> str:
    """Return the page that a server sends, which asks it for moves."""
    return live("step.html", STEP_SCRIPTS)


def walk_page(points: Iterable[Point]) -> str:
    """Return a walk as one HTML file, in which one goes back and forth, offline."""
    return filled("step.html", STYLES, STEP_SCRIPTS, "points", map(as_json, points))


def save_walk(stepper: Stepper, path: Path) -> None:
    """Save a walk up to where it is: as a page if the name ends in ``.html``, else as JSON, to repeat it.

    Raises:
        ConfigError: it cannot be written.
    """
    content = walk_page(stepper.points()) if path.suffix == ".html" else stepper.saved().to_json() + "\n"
    with writing(path, "a walk"):
        write_whole(path, content)
