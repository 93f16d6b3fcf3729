"""``annex-actors runs``: what runs and ran here."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_note, print_result, print_table

if TYPE_CHECKING:
    from annex_actors.control.overview import Overview

_FOLDER = "Where to look: in this folder, and in its runs/."


def runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help=_FOLDER)] = Path(),
    json: shared.Json = False,
    debug: shared.Debug = False,
) -> None:
    """List what runs and ran here, the newest first; a run whose process was killed is dead, and can be resumed."""
    from annex_actors.control.folders import runs_in
    from annex_actors.control.overview import overview

    found = [overview(run) for run in runs_in(folder)]
    if json:
        print_json(f"[{', '.join(each.model_dump_json() for each in found)}]")
    elif not found:
        print_note(f"no run is in {folder / 'runs'} or {folder}; annex-actors train makes one")
    else:
        rows = [_row(each, time.time()) for each in found]
        names = [name for name in rows[0] if any(row[name] for row in rows)]
        print_table(names, [[row[name] for name in names] for row in rows])
        for each in found:
            if each.state == "dead":
                print_result(f"{each.run} is dead: annex-actors resume {each.run} goes on from its newest checkpoint")


_NODES = 3
"""How many nodes of a run are named."""


def _row(run: Overview, now: float) -> dict[str, str]:
    """Return what is shown of a run; a column in which no run has anything is left out."""
    from annex_actors.base.figures import number

    return {
        "run": run.run,
        "state": run.state,
        "data": run.dataset,
        "epochs": f"{run.epoch}/{run.epochs}",
        "result": "" if run.result is None else f"{run.result_name} {number(run.result)}",
        "age": _age(now - run.began),
        "node": ", ".join(run.nodes[:_NODES]) + (f" +{len(run.nodes) - _NODES}" if len(run.nodes) > _NODES else ""),
        "pid": "" if run.pid is None else str(run.pid),
        "restarts": str(run.restarts) if run.restarts else "",
    }


def _age(seconds: float) -> str:
    """Return a duration in its largest unit: ``3 min``."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
