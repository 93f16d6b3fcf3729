"""The files of the page, in the order in which a browser needs them; there is no build step.

`page.html` is the frame of a run's page, `page.css` the look; `step.html` and `step.css` are those of a walk. A script
defines one object, and uses those of the scripts before it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

SCRIPTS = (
    "text.js",
    "model.js",
    "picture.js",
    "headline.js",
    "tree.js",
    "pipeline.js",
    "timeline.js",
    "curves.js",
    "events.js",
    "details.js",
    "player.js",
    "page.js",
)
"""The scripts, in their order."""

STEP_SCRIPTS = ("text.js", "step.js")
"""Those of the page of a walk."""

MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
"""The kinds of files by their endings."""


@cache
def asset(name: str) -> str | None:
    """Return the text of a file of the page; None if it has none of that name."""
    if name not in {"page.html", "page.css", "step.html", "step.css", "icon.svg", *SCRIPTS, *STEP_SCRIPTS}:
        return None
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
