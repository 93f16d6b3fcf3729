"""``annex-actors kill``: kill an actor of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from annex_actors.base.errors import ConfigError
from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_result

_WHICH = "RUN LAYER, or LAYER alone: an index, an id such as stage-1, or a part of a label, such as relu."


def kill(
    run_and_layer: Annotated[list[str], typer.Argument(metavar="[RUN] LAYER", help=_WHICH)], debug: shared.Debug = False
) -> None:
    """Kill an actor of a run as an accident would; its supervisor restarts it, and no bit of the result changes.

    The process of a layer is killed by SIGKILL; in a thread, an exception is raised.
    """
    from annex_actors.control.client import Client
    from annex_actors.control.current import await_restart
    from annex_actors.control.folders import meant

    *run, layer = run_and_layer
    if len(run) > 1:
        got = counted(len(run_and_layer), "argument")
        raise ConfigError(f"expected a run and a layer, got {got}; quote a label with spaces")
    with Client(meant(Path(run[0]) if run else None, Path())) as client:
        killed = client.kill(layer)
        print_result(f"killed {killed.label}, incarnation {killed.incarnation}")
        again = await_restart(client, killed)
        if again is not None:
            print_result(f"{again.label} is up again, incarnation {again.incarnation}")
