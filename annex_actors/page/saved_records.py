"""The records of a run that is kept in a folder: those that its page showed while it went on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from annex_actors.page.costs import CostCurve
from annex_actors.page.feed import Record
from annex_actors.page.saved_trace import trace_of
from annex_actors.runs.event_log import read_events
from annex_actors.runs.records import EpochRecord, RunReport
from annex_actors.runs.run_directory import STATE
from annex_actors.runs.saved_run import SavedRun
from annex_actors.runs.undisturbed import undisturbed_sha256


def records_of(run: SavedRun) -> Iterator[Record]:
    """Yield the records of a run, however it ended, or as far as it is.

    Raises:
        DataError: a file is damaged; the message names it.
    """
    events = read_events(run.path)
    yield from events or _from_metrics(run)
    if os.path.lexists(run.path / STATE):
        curve = CostCurve()
        for step, cost in enumerate(run.costs):
            curve.add(step, cost)
        yield from curve.records()
    yield from trace_of(run.path, [event["time"] for event in events if _is_death(event)])
    yield _unfinished(run) if run.report is None else end_of(run.path, run.report)


def _is_death(event: Record) -> bool:
    return event.get("event") == "PeerExited" and not event["orderly"]


def end_of(path: Path, report: RunReport) -> Record:
    """Return the record of a run's end.

    Args:
        path: the run's folder, in which the report is.
        report: how it ended.
    """
    return {
        "type": "end",
        "run": str(path),
        "status": report.status,
        "error": report.error,
        "restarts": report.restarts,
        "weights_sha256": report.weights_sha256,
        "undisturbed_sha256": undisturbed_sha256(path),
    }


def _unfinished(run: SavedRun) -> Record:
    again = f"it goes on, or was killed; `annex-actors resume {run.path}` goes on from its last checkpoint"
    return {"type": "end", "run": str(run.path), "status": "unfinished", "error": again, "weights_sha256": None}


def _from_metrics(run: SavedRun) -> Iterator[Record]:
    """Yield records of a run from before events were kept."""
    config = run.config
    plan = {"schedule": config.training.schedule, "microbatches": config.training.microbatches}
    epochs, steps = config.training.epochs, run.epochs[-1].steps if run.epochs else 0
    yield {"type": "run", "version": 1, "stages": [], "epochs": epochs, "steps": steps, "run": str(run.path), **plan}
    yield from map(_epoch, run.epochs)


def _epoch(epoch: EpochRecord) -> Record:
    known = epoch.model_dump(exclude={"epoch", "restarts", "samples_per_second"})
    return {"type": "event", "event": "EpochFinished", "time": epoch.seconds, "epoch": epoch.epoch - 1, **known}
