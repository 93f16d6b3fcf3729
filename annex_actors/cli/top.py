"""``annex-actors top``: the actors of a run, live in the terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from annex_actors.base.errors import ConfigError
from annex_actors.cli import options as shared

_EVERY = "Seconds between two looks."


def top(
    run: shared.RunHere = None,
    every: Annotated[float, typer.Option(help=_EVERY, min=0.1, max=60.0)] = 1.0,
    debug: shared.Debug = False,
) -> None:
    """Show the actors of a run live in the terminal, to sort, search, examine, kill and move (extra `top`).

    Keys: s sorts by the next column, / searches, d examines all actors, k kills and m moves the one that is selected
    after a question, q ends the view. What has failed is always shown, at the top.
    """
    try:
        import textual  # noqa: F401 - so that the error names the extra
    except ImportError as error:
        raise ConfigError("expected Textual for `top`, got none; pip install 'annex-actors[top]'") from error
    from annex_actors.cli.live_table import LiveTable
    from annex_actors.control.client import Client
    from annex_actors.control.folders import meant

    folder = meant(run, Path())
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError("expected a terminal for `top`, got none; annex-actors status prints the same once")
    with Client(folder) as client:
        LiveTable(client, every_s=every).run()
