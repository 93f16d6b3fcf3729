"""Observers: they show a run's events. A run needs no observer, and an observer that raises does no harm.

`lines` turns events into text, `incidents` says which failures are shown, and `progress` shows them, as plain lines or
above a live bar. `csv_log` and `tensorboard_log` write each epoch for other programs, to a `log_file`. `timeline` draws
a simulation.
"""

from pathlib import Path

from annex_actors.observe.csv_log import CsvLog
from annex_actors.observe.progress import LiveProgress, PlainProgress, progress
from annex_actors.observe.tensorboard_log import TensorBoardLog


def log_at(path: Path) -> CsvLog | TensorBoardLog:
    """Return the log that a path asks for: CSV in a file ``.csv``, else events of TensorBoard in a folder.

    Raises:
        ConfigError: it cannot be written, or tensorboardX is not installed.
    """
    return CsvLog(path) if path.suffix.lower() == ".csv" else TensorBoardLog(path)


__all__ = ["CsvLog", "LiveProgress", "PlainProgress", "TensorBoardLog", "log_at", "progress"]
