"""``annex-actors stop``: end a run as Ctrl-C would."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_result

_WAIT = "Do not wait until it has ended."


def stop(
    run: shared.RunHere = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help=_WAIT)] = False,
    debug: shared.Debug = False,
) -> None:
    """End a run in order, as Ctrl-C does: the steps in flight finish and are saved. Wait until it has ended."""
    from annex_actors.control.client import Client
    from annex_actors.control.current import await_end, status_of
    from annex_actors.control.folders import meant

    folder = meant(run, Path())
    with Client(folder) as client:
        client.stop()
    if no_wait:
        print_result(f"{folder} ends once the steps in flight are finished")
        return
    await_end(folder)
    last = status_of(folder)
    print_result(f"{folder} has ended, {last.state}, after step {last.step:,}; annex-actors resume {folder} goes on")
