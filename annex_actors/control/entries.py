"""What happened in a run, as lines for people: its events and its log, by the time of day, as they are written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from annex_actors.base.files import open_file
from annex_actors.base.words import counted
from annex_actors.runs.run_directory import EVENTS, LOG

_STAMP = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) ")
"""How a record in the log begins; what follows it without one is part of it."""

_CHUNK = 2**20


@dataclass(frozen=True, order=True)
class Entry:
    """Something that happened.

    Args:
        time: when, in seconds since 1970.
        text: what; may have several lines.
    """

    time: float
    text: str


class Entries:
    """Reads what a run's files say, and what is added to them later.

    Args:
        run: the run's folder.
    """

    def __init__(self, run: Path) -> None:
        self._events, self._log = _Lines(run / EVENTS), _Lines(run / LOG)
        self._offset = 0.0
        """Seconds from the run's clock to the time of day."""
        self._last = 0.0

    def new(self) -> list[Entry]:
        """Return what was added since the last call, in the order of time."""
        return sorted([*self._from_events(), *self._from_log()])

    def _from_events(self) -> Iterator[Entry]:
        for line in self._events.new():
            with suppress(
                ValueError, KeyError, TypeError, AttributeError
            ):  # a line that a kill has torn, or a new kind
                record = json.loads(line)
                if record["type"] == "run":
                    began = datetime.fromisoformat(record["clock"]["wall_time"]).timestamp()
                    self._offset = began - record["clock"]["monotonic"]
                    yield Entry(began, _start(record))
                elif record["type"] == "event":
                    yield Entry(record["time"] + self._offset, text_of(record))

    def _from_log(self) -> Iterator[Entry]:
        text: list[str] = []
        for line in self._log.new():
            stamp = _STAMP.match(line)
            if stamp is not None:
                if text:
                    yield Entry(self._last, "\n".join(text))
                self._last = datetime.fromisoformat(stamp[1]).timestamp() + int(stamp[2]) / 1000
                text = []
            text.append(line[stamp.end() :] if stamp else line)
        if text:
            yield Entry(self._last, "\n".join(text))


class _Lines:
    """The whole lines of a file that grows; there may be no such file yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._rest = b""

    def new(self) -> list[str]:
        """Return the lines that were finished since the last call."""
        with suppress(OSError), open_file(self._path) as file:
            file.seek(self._read)
            while chunk := file.read(_CHUNK):
                self._read += len(chunk)
                self._rest += chunk
        *lines, self._rest = self._rest.split(b"\n")
        return [line.decode(errors="replace") for line in lines]


def _start(record: Mapping[str, Any]) -> str:
    what = f"goes on from step {record['step']:,}" if record["step"] else "starts"
    stages = counted(len(record["stages"]), "stage")
    return f"the run {what} on {record['runtime']}: {stages}, schedule {record['schedule']}"


def text_of(record: Mapping[str, Any]) -> str:
    """Return the record of an event as text; see `annex_actors.runs.event_log`."""
    label, place = record.get("label"), record.get("place")
    match record["event"]:
        case "PeerStarted":
            again = f"again, incarnation {record['incarnation']}" if record["incarnation"] > 1 else ""
            return f"{label} is up {again}".rstrip() + _on(record)
        case "PeerExited":
            how = "ended in order" if record["orderly"] else f"ended: {record['reason']}"
            return "\n".join([f"{label} {how}", *(record.get("traceback") or "").splitlines()])
        case "PeerMoved":
            return f"{label} moves to a {record['worker']}"
        case "PeerHung":
            return f"{label} hangs{_on(record)}: {place} for more than {record['limit_s']:.3g} s"
        case "PeerAbandoned":
            return f"{label} could not be stopped: it was fenced off and left behind"
        case "EpochFinished" | "Evaluated" as kind:
            return f"{_evaluation(kind, record)}: {_costs(record)}"
        case "CheckpointSaved":
            return f"the checkpoint of step {record['step']:,} is saved"
        case "CheckpointFailed":
            return f"the checkpoint of step {record['step']:,} could not be saved: {record['reason']}"
        case "Finished":
            return f"finished after step {record['step']:,}"
        case kind:
            return f"{kind} {json.dumps({name: each for name, each in record.items() if name not in _COMMON})}"


_COMMON = ("type", "event", "time")


def _on(record: Mapping[str, Any]) -> str:
    return f" on node {record['node']}" if record.get("node") else ""


def _evaluation(kind: str, record: Mapping[str, Any]) -> str:
    return f"epoch {record['epoch'] + 1}" if kind == "EpochFinished" else f"evaluated after step {record['steps']:,}"


def _costs(record: Mapping[str, Any]) -> str:
    named = ("train_cost", "validation_cost", "test_cost")
    costs = {name.replace("_", " "): record[name] for name in named if record.get(name) is not None}
    return ", ".join(
        f"{name} {value:.4f}" for name, value in {**costs, **record["metrics"]}.items() if value is not None
    )
