"""The events of a run as lines of JSON in its folder: what happened, and when, even if the whole job was killed.

Each start of the run, the first one and every resume, adds a line of type ``run``, then a line of type ``event`` for
each event but the ends of steps, of which there are too many. Times are seconds of the run's monotonic clock; the line
of the start has the wall time beside it.

```
{"type": "run", "version": 1, "clock": {"monotonic": 11.2, "wall_time": "2025-01-31T23:59:59.120Z"}, ...}
{"type": "event", "event": "PeerExited", "time": 12.9, "address": "stage-1", "label": "layer 1 relu", ...}
```
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.files import SMALL, open_file, read_file, reading, writing
from annex_actors.base.texts import shortened
from annex_actors.protocol.events import CheckpointSaved, EpochFinished, Evaluated, Event, StepFinished
from annex_actors.protocol.messages import Address
from annex_actors.runs.run_directory import EVENTS, RunDirectory
from annex_actors.runtimes import clock
from annex_actors.training.preparation import PreparedTraining

VERSION = 1
"""Of the lines. A reader leaves out keys and types that it does not know."""

ROOM = SMALL // 2
"""Bytes of a run's lines about normal operation, and as many of those about failures: 30,000 epochs, and some thousand
failures with their tracebacks."""

LAST = 100
"""Failures that are kept where there is no room: the last ones, of which one may have ended the run."""

_ROUTINE = (EpochFinished, Evaluated, CheckpointSaved)
"""Normal operation. The epochs are in the metrics as well."""

_LONGEST = 20_000
"""Characters of a text in a line: the message of an exception may be of any length."""

_MOST_BYTES = 8 * SMALL
"""The most bytes that are read: some more than are ever written."""


class EventLog:
    """An observer that adds a line to the run's events for each event but the ends of steps.

    The file is bounded. A line of type ``limit`` says where there was no more room: from there on lines about normal
    operation are left out, and of those about failures the last `LAST` are added at the end of the run.

    Args:
        directory: the run's folder.
        training: what starts now.

    Raises:
        ConfigError: the file cannot be written.
    """

    def __init__(self, directory: RunDirectory, training: PreparedTraining) -> None:
        self._directory = directory
        size, is_torn = _found(directory.path / EVENTS)
        room = max(0, ROOM - size)
        self._rooms = {"normal operation": room, "failures": room}
        self._last: deque[bytes] = deque(maxlen=LAST)
        # What a kill has torn stays a line of its own.
        directory.add_events((b"\n" if is_torn else b"") + _line(_start(training)))

    def on_event(self, event: Event) -> None:
        """Add the line of an event, while there is room."""
        if isinstance(event, StepFinished):
            return
        line = _line(record_of(event))
        about = "normal operation" if isinstance(event, _ROUTINE) else "failures"
        if self._has_room(about, len(line), event.time):
            self._directory.add_events(line)
        elif about == "failures":
            self._last.append(line)

    def close(self) -> None:
        """Add the last failures, if there was no room for them."""
        last = b"".join(self._last)
        self._last.clear()
        if last:
            with suppress(ConfigError):  # as an observer that fails, it affects nothing else
                self._directory.add_events(last)

    def _has_room(self, about: str, size: int, time: float) -> bool:
        before = self._rooms[about]
        self._rooms[about] = before - size
        if before >= 0 > before - size:
            self._directory.add_events(_line({"type": "limit", "about": about, "time": time}))
        return before >= size


def record_of(event: Event) -> dict[str, Any]:
    """Return an event as JSON: its class, its time and its fields; an address is text, and what is not finite None."""
    own = {each.name: _plain(getattr(event, each.name)) for each in fields(event) if each.name != "time"}
    return {"type": "event", "event": type(event).__name__, "time": event.time, **own}


def read_events(path: str | Path) -> list[dict[str, Any]]:
    """Return the records in a run's folder, in order; of a run from before they were kept, none.

    A line that is no record, such as one that a kill has torn, is left out. Records of types, events and keys that this
    version does not know are returned as they are.

    Args:
        path: the run's folder.

    Raises:
        DataError: the file cannot be read.
    """
    file = checks.path("path", path) / EVENTS
    if not os.path.lexists(file):
        return []
    with reading(file):
        lines = read_file(file, limit=_MOST_BYTES).splitlines()
    return [record for line in lines if (record := _record(line)) is not None]


def _start(training: PreparedTraining) -> dict[str, Any]:
    spec, trainer = training.spec, training.trainer
    stages = spec.stage_specs(training.initial, trainer.run)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    return {
        "type": "run",
        "version": VERSION,
        "clock": {"monotonic": clock.now(), "wall_time": f"{now}Z"},
        "stages": [{"id": str(stage.address), "label": stage.label} for stage in stages],
        "runtime": spec.runtime.name,
        "schedule": spec.schedule.name,
        "microbatches": trainer.microbatches,
        "epochs": trainer.epochs,
        "step": training.initial.step,
        "steps": trainer.steps,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Address):
        return str(value)
    if isinstance(value, str):
        return shortened(value, _LONGEST)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _found(path: Path) -> tuple[int, bool]:
    """Return the size of the file, and whether its last line is torn; no file is an empty one."""
    if not os.path.lexists(path):
        return 0, False
    with writing(path), open_file(path, limit=sys.maxsize) as file:  # a file of any size takes no more lines
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return size, file.read() not in (b"", b"\n")


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("type"), str) else None
