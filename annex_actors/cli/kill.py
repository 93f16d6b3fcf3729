"""``annex-actors kill``: kill an actor of a run, or all replicas of a layer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from annex_actors.base.errors import ConfigError
from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_result

_WHICH = (
    "RUN LAYER, or LAYER alone: an index, which kills all replicas of the layer if it has several; 2:1 for replica 1 "
    "of layer 2 alone; an id such as stage-1; or a part of a label, such as relu."
)


def kill(
    run_and_layer: Annotated[list[str], typer.Argument(metavar="[RUN] LAYER", help=_WHICH)], debug: shared.Debug = False
) -> None:
    """Kill a layer of a run as an accident would; its supervisor restarts it, and no bit of the result changes.

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
        for each in killed:
            print_result(f"killed {each.label}, incarnation {each.incarnation}")
        for each in killed:
            again = await_restart(client, each)
            if again is not None:
                print_result(f"{again.label} is up again, incarnation {again.incarnation}")
