"""A run in one row of a list."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from annex_actors.base.errors import UserError
from annex_actors.control.client import SilentError
from annex_actors.control.current import status_of
from annex_actors.control.folders import begun_at
from annex_actors.control.status import Number, RunState, Status
from annex_actors.runs.run_lock import holder_of
from annex_actors.runs.saved_run import SavedRun


class Overview(BaseModel):
    """A run in one row.

    Args:
        run: its folder.
        state: how far it is; ``damaged`` if its files cannot be read.
        dataset: the name of its data set.
        epoch: how many epochs are finished.
        epochs: how many it is to have.
        result: its last accuracy, or its first other metric, or the last cost; None: there is none yet.
        result_name: what that is.
        restarts: how often any actor was restarted.
        began: when it began, in seconds since 1970.
        pid: of the process that works on it; None: none does.
        nodes: the names of the nodes on which its actors live now, sorted; none where it has one machine.
    """

    model_config = ConfigDict(frozen=True)

    run: str
    state: RunState | Literal["damaged", "silent"]
    dataset: str = ""
    epoch: int = 0
    epochs: int = 0
    result: Number = None
    result_name: str = ""
    restarts: int = 0
    began: float
    pid: int | None = None
    nodes: tuple[str, ...] = ()


def overview(run: Path) -> Overview:
    """Return a run in one row, whatever its files are like."""
    pid, began = holder_of(run), begun_at(run)
    try:
        now, saved = status_of(run), SavedRun.open(run)
        name, result = _result(now)
        return Overview(
            run=str(run),
            state=now.state,
            dataset=saved.network.dataset,
            epoch=now.epoch,
            epochs=now.epochs,
            result=result,
            result_name=name,
            restarts=now.restarts,
            began=began,
            pid=now.pid,
            nodes=tuple(sorted({each.node for each in now.actors if each.node})),
        )
    except SilentError:
        return Overview(run=str(run), state="silent", began=began, pid=pid)
    except UserError:
        return Overview(run=str(run), state="damaged", began=began, pid=pid)


def _result(now: Status) -> tuple[str, float | None]:
    metrics = dict(now.metrics)
    name = "accuracy" if "accuracy" in metrics else next(iter(metrics), "cost")
    return name, metrics.get(name, now.train_cost)
