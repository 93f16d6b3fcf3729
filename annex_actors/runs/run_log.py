"""The log of a run: where the tracebacks of crashes go."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path

from annex_actors.base.files import open_in_place


class RunLog(logging.FileHandler):
    """Adds records to a file, which it makes with the first; if it cannot be written, records are dropped.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", delay=True)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Add a record, if the file can be written."""
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Drop a record that could not be written: standard error shows the progress of the run."""

    def close(self) -> None:
        """Close the file, if there is one."""
        with suppress(OSError):
            super().close()

    def _open(self) -> TextIOWrapper:
        fd = open_in_place(Path(self.baseFilename), os.O_WRONLY | os.O_APPEND)
        return open(fd, "a", encoding="utf-8")
