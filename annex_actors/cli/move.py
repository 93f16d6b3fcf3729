"""``annex-actors move``: move a layer of a run to another worker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from annex_actors.base.errors import ConfigError
from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_result

_WHICH = (
    "RUN LAYER WORKER, or LAYER WORKER alone. LAYER is an index, an id such as stage-1, or a part of a label, such as "
    "relu; WORKER is process, for a new process, or thread, for one of the run's own process."
)


def move(
    words: Annotated[list[str], typer.Argument(metavar="[RUN] LAYER WORKER", help=_WHICH)], debug: shared.Debug = False
) -> None:
    """Move a layer, or the reader, to another worker while the training goes on; no bit of the result changes.

    It ends after its current piece of work, and starts on the new worker at its last commit. With the runtime processes
    it may go to a new process or to a thread, and back; all other runtimes have threads alone.
    """
    from annex_actors.control.client import Client
    from annex_actors.control.current import await_restart
    from annex_actors.control.folders import meant

    if len(words) not in (2, 3):
        got = counted(len(words), "argument")
        raise ConfigError(f"expected a run, a layer and a worker, got {got}; quote a label with spaces")
    *run, layer, worker = words
    with Client(meant(Path(run[0]) if run else None, Path())) as client:
        moved = client.move(layer, worker)
        print_result(f"{moved.label}, incarnation {moved.incarnation}, moves to a {moved.worker}")
        again = await_restart(client, moved)
        if again is not None:
            where = "on a thread" if again.pid is None else f"in process {again.pid}"
            print_result(f"{again.label} is up again, incarnation {again.incarnation}, {where}")
