"""The files of a trace in a run's folder: what it is of, and its records one after the other, see `RECORD`."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from annex_actors.base.files import open_in_place, writing
from annex_actors.runs.run_directory import TRACE, TRACE_RECORDS
from annex_actors.runtimes.tracing.kept import Header
from annex_actors.runtimes.tracing.layout import RECORD, Records
from annex_actors.training.atomic_files import write_whole

MOST_IN_FILE = 12_000_000
"""Records that are kept: 1 GB."""


class InFolder:
    """Keeps records in a run's folder. A killed job leaves all but those of its last moments.

    A run that is resumed replaces the trace of what was before.

    Args:
        folder: of the run.

    Raises:
        ConfigError: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._length = 0
        with writing(folder / TRACE_RECORDS, "a file of the run's own"):
            os.close(open_in_place(folder / TRACE_RECORDS, os.O_WRONLY | os.O_TRUNC))

    def add(self, records: Records) -> int:
        """Append more records to the file; on a disk that is full they are lost, and the run goes on."""
        kept, path = records[: max(0, MOST_IN_FILE - self._length)], self._folder / TRACE_RECORDS
        try:
            with os.fdopen(open_in_place(path, os.O_WRONLY | os.O_APPEND), "wb", buffering=0) as file:
                written = file.write(kept.view(np.uint8).data) // RECORD.itemsize
                self._length += written
                if written < len(kept):  # behind a part of a record, nothing could be read
                    os.ftruncate(file.fileno(), self._length * RECORD.itemsize)
        except OSError:
            return len(records)
        return len(records) - written

    def describe(self, header: Header) -> None:
        """Replace the file that says what the trace is of."""
        with suppress(OSError):  # a disk that is full costs the trace, and not the run
            write_whole(self._folder / TRACE, json.dumps(header))
