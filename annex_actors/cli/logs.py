"""``annex-actors logs``: what happened in a run."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_result

if TYPE_CHECKING:
    from annex_actors.control.entries import Entry

_POLL_S = 0.2

_FOLLOW = "Go on until the run ends, or Ctrl-C."


def logs(
    run: shared.RunHere = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help=_FOLLOW)] = False,
    debug: shared.Debug = False,
) -> None:
    """Print what happened in a run by the time of day: its events, and its log with the tracebacks of crashes."""
    from annex_actors.control.entries import Entries
    from annex_actors.control.folders import meant
    from annex_actors.runs.run_lock import holder_of

    folder = meant(run, Path())
    entries = Entries(folder)
    while True:
        goes_on = follow and holder_of(folder) is not None  # looked at first: what is written at the end is read too
        for entry in entries.new():
            print_result(_text(entry))
        if not goes_on:
            return
        time.sleep(_POLL_S)


def _text(entry: Entry) -> str:
    first, *rest = entry.text.splitlines() or [""]
    when = datetime.fromtimestamp(entry.time).strftime("%H:%M:%S.%f")[:-3]
    return "\n".join([f"{when}  {first}", *(f"    {line}" for line in rest)])
