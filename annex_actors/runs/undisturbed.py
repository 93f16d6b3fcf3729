"""Find a run with the same settings and data in which nothing was restarted: any other should end with its bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from annex_actors.base.errors import UserError
from annex_actors.runs.run_directory import IDENTITY, RESULT
from annex_actors.runs.saved_run import SavedRun

MOST_RUNS = 200
"""How many runs are looked at, the newest."""


def undisturbed_sha256(path: Path) -> str | None:
    """Return the fingerprint of the weights of an undisturbed run beside a finished one; None where there is none.

    Args:
        path: the folder of the finished run. Runs beside it are those in the same folder, such as ``runs/``.
    """
    run = SavedRun.open(path)
    if run.report is None or run.identity is None:
        return None
    for other in _beside(path):
        with suppress(UserError):  # a run that is damaged is no run to compare with
            found = SavedRun.open(other)
            report = found.report
            is_whole = report is not None and report.status == "finished" and not report.restarts
            if report is not None and is_whole and report.steps == run.report.steps and found.identity == run.identity:
                return report.weights_sha256
    return None


def _beside(path: Path) -> Iterator[Path]:
    """Yield the folders of other runs beside one, the newest first."""
    try:
        others = [
            each for each in path.resolve().parent.iterdir() if each != path.resolve() and (each / RESULT).is_file()
        ]
        yield from sorted(others, key=lambda each: (each / IDENTITY).stat().st_mtime, reverse=True)[:MOST_RUNS]
    except OSError:
        return
