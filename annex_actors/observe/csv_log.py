"""A run's epochs as CSV: an observer that writes while the run trains, and the text of a run that is kept."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from annex_actors.base import checks
from annex_actors.observe.log_file import LogFile
from annex_actors.protocol.events import Event
from annex_actors.runs.records import EpochRecord
from annex_actors.runs.run_counts import RunCounts

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""

_BEFORE = ("epoch", "steps", "train_cost", "validation_cost", "test_cost")
_BEHIND = ("samples_per_second", "seconds", "restarts")
"""The columns before and behind the metrics."""


class CsvLog:
    """An observer that adds a line to a CSV file after each epoch; `csv_text` says which columns there are.

    Args:
        path: the file; an old one is replaced at the end of the first epoch.

    Raises:
        ConfigError: it cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self._file, self._counts = LogFile(checks.path("path", path)), RunCounts()
        self._metrics: list[str] | None = None

    def on_event(self, event: Event) -> None:
        """Add a line if an epoch has ended."""
        record = self._counts.count(event)
        if record is None:
            return
        metrics = _metrics_of(self._counts.epochs)
        if metrics == self._metrics:
            self._file.add(_lines(_row(record, metrics)).encode())
        else:  # the first epoch, or one with a metric that was never defined before
            self._metrics = metrics
            self._file.replace(csv_text(self._counts.epochs).encode())


def csv_text(records: Sequence[EpochRecord]) -> str:
    """Return epochs as CSV: epoch, steps, costs, metrics by name, samples per second, seconds, restarts.

    A cell is empty where there is no such number. A name that a spreadsheet would take for a formula begins with ``'``.
    """
    metrics = _metrics_of(records)
    names = [f"'{name}" if name.startswith(_FORMULA) else name for name in metrics]
    return _lines([*_BEFORE, *names, *_BEHIND], *(_row(record, metrics) for record in records))


def _metrics_of(records: Sequence[EpochRecord]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record.metrics))


def _row(record: EpochRecord, metrics: Sequence[str]) -> list[float | None]:
    before, behind = ([getattr(record, name) for name in names] for names in (_BEFORE, _BEHIND))
    return [*before, *(record.metrics.get(name) for name in metrics), *behind]


def _lines(*rows: Sequence[object]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
