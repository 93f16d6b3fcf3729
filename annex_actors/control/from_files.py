"""A run whose actors cannot be asked, as its files show it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from annex_actors.control.folders import begun_at
from annex_actors.control.status import Status, wall_time
from annex_actors.runs.run_directory import LOG, METRICS, RESULT
from annex_actors.runs.saved_run import SavedRun


def status_from_files(run: Path, pid: int | None) -> Status:
    """Return a run as its files show it, without its actors.

    Args:
        run: its folder.
        pid: of the process that works on it, if one does: the run is about to start then, or at its end.

    Raises:
        UserError: the files are missing or damaged.
    """
    saved = SavedRun.open(run)
    report, training = saved.report, saved.config.training
    last = saved.epochs[-1] if saved.epochs else None
    report = None if pid is not None else report
    return Status(
        run=str(saved.path),
        pid=pid,
        state="running" if pid is not None else "dead" if report is None else report.status,
        wall_time=wall_time(last_written(saved.path)),
        seconds=report.seconds if report else last.seconds if last else 0.0,
        runtime=saved.config.runtime.name,
        schedule=training.schedule,
        microbatches=training.microbatches or 1,
        epoch=report.epochs if report else last.epoch if last else 0,
        epochs=training.epochs,
        step=report.steps if report else last.steps if last else 0,
        steps=last.steps // last.epoch * training.epochs if last else 0,
        samples_per_second=last.samples_per_second if last else 0.0,
        train_cost=last.train_cost if last else None,
        metrics=last.metrics if last else {},
        restarts=report.restarts if report else last.restarts if last else 0,
    )


def last_written(run: Path) -> float:
    """Return when a run's files last changed, in seconds since 1970."""
    times = [begun_at(run)]
    for name in (METRICS, RESULT, LOG):
        with suppress(OSError):
            times.append((run / name).stat().st_mtime)
    return max(times)
