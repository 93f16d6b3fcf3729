"""A run's epochs as events of TensorBoard: an observer that writes while it trains, and the file of a run that is kept.

tensorboardX knows the protocol buffers and their checksum, without torch and without TensorBoard's server. Its writer
has a process and a queue; here a record is appended by the observer itself, so that there is nothing to stop.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.observe.log_file import LogFile
from annex_actors.protocol.events import Event
from annex_actors.runs.records import EpochRecord
from annex_actors.runs.run_counts import RunCounts

EVENTS_FILE = "events.out.tfevents.0.annex-actors"
"""The name of the file: by a part of it TensorBoard finds it, and a second log of a run replaces the first."""

_VERSION = "brain.Event:2"
"""What the first event of a file says."""


class TensorBoardLog:
    """An observer that adds an event of TensorBoard after each epoch, at the number of steps trained so far.

    Costs are ``cost/train``, ``cost/validation`` and ``cost/test``; metrics have their names.

    Args:
        folder: for this run alone; ``tensorboard --logdir`` is given it, or the one above. An old log is replaced.

    Raises:
        ConfigError: it cannot be written, or tensorboardX is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        self._file = LogFile(checks.path("folder", folder) / EVENTS_FILE, makes_folders=True)
        self._counts, self._has_begun = RunCounts(), False
        _protocol()  # refused before the run

    def on_event(self, event: Event) -> None:
        """Replace an old log at the first event; add one if an epoch has ended."""
        if not self._has_begun:
            self._file.replace(events_file([], time.time()))
            self._has_begun = True
        record = self._counts.count(event)
        if record is not None:
            self._file.add(_of_epoch(record, time.time()))


def events_file(records: Sequence[EpochRecord], ended: float) -> bytes:
    """Return the content of a file of events.

    Args:
        records: the epochs.
        ended: when the last of them ended, in seconds since 1970.

    Raises:
        ConfigError: tensorboardX is not installed.
    """
    started = ended - (records[-1].seconds if records else 0.0)
    first = _framed(_protocol().Event(wall_time=started, file_version=_VERSION))
    return b"".join([first, *(_of_epoch(record, started + record.seconds) for record in records)])


def _of_epoch(record: EpochRecord, wall_time: float) -> bytes:
    event = _protocol().Event(wall_time=wall_time, step=record.steps)
    for tag, value in _values(record):
        event.summary.value.add(tag=tag, simple_value=value)
    return _framed(event)


def _values(record: EpochRecord) -> Iterator[tuple[str, float]]:
    costs = ("train_cost", "validation_cost", "test_cost")
    values = {f"cost/{name.removesuffix('_cost')}": getattr(record, name) for name in costs}
    values |= {**record.metrics, "samples_per_second": record.samples_per_second, "restarts": record.restarts}
    yield from ((tag, value) for tag, value in values.items() if value is not None)


def _framed(event: Any) -> bytes:
    """Return an event as a record of the file: its length and its bytes, each with a checksum."""
    from tensorboardX.record_writer import masked_crc32c

    content = event.SerializeToString()
    length = struct.pack("<Q", len(content))
    return b"".join(part + struct.pack("<I", masked_crc32c(part)) for part in (length, content))


def _protocol() -> Any:
    try:
        from tensorboardX.proto import event_pb2
    except ImportError as error:
        raise ConfigError(
            "expected tensorboardX for a log of TensorBoard, got none; pip install 'annex-actors[tensorboard]'"
        ) from error
    return event_pb2
