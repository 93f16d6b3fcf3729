"""What failed in a run, as lines in order: the first cause, then what followed from it. Pure: records in, lines out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annex_actors.base.words import counted

_MOST = 10
"""Lines about failures; of more the first and the last ones are told."""


def story(records: Iterable[Mapping[str, Any]], error: str | None = None) -> list[str]:
    """Return what failed since the last start of a run, one line each; no line if nothing did.

    The first line is ``error``, which names the first cause. Failures of one peer for one reason are one line: when the
    first one was, how many there were, and what was restarted.

    Args:
        records: of `read_events`; what is not known or damaged is left out.
        error: what ended the run; None: it goes on, or survived all.
    """
    told = _Told()
    for record in records:
        told.add(record)
    failures = list(told.failures.values())
    cause = next((each for each in reversed(failures) if error and each.is_behind(error)), None)
    lines = [each.line(is_cause=each is cause) for each in failures if each is not cause or each.has_more]
    return ([error] if error else []) + _shortened(lines) + [each.line() for each in told.unsaved.values()]


@dataclass
class _Failure:
    """Failures of one peer for one reason."""

    label: str
    reason: str
    where: str
    since: float
    """Seconds from the start of the first actor to the first one."""

    count: int = 0
    restarts: int = 0
    recovered_s: float = 0.0
    together: dict[str, None] = field(default_factory=dict)
    """The labels of the peers that were restarted with it."""

    @property
    def has_more(self) -> bool:
        """Whether there is more to tell than the error that it ended the run with."""
        return self.restarts > 0

    def is_behind(self, error: str) -> bool:
        """Return whether it ended the run with this error."""
        return bool(self.reason) and (self.reason in error or error in self.reason)

    def line(self, *, is_cause: bool) -> str:
        """Return one line; of the failure that ended the run only what its error does not say."""
        if is_cause:
            first = f"the first of {counted(self.count, 'such failure')}" if self.count > 1 else "that"
            return f"{first} was after {self.since:.2f} s; {self.label} was {self._restarted}"
        where = f" ({self.where})" if self.where else ""
        times = f", {counted(self.count, 'time')}" if self.count > 1 else ""
        then = f"; {self._restarted}, in {_duration(self.recovered_s)}" if self.restarts else ""
        return f"after {self.since:.2f} s: {_named(self.label, self.reason)}{where}{times}{then}"

    @property
    def _restarted(self) -> str:
        others = list(self.together)
        some = " and ".join(others) if len(others) < 3 else f"{others[0]} and {len(others) - 1} more"
        how_often = f" {counted(self.restarts, 'time')}" if self.count > 1 else ""
        return f"restarted{how_often}{f' together with {some}' if others else ''}"


@dataclass
class _Unsaved:
    """Checkpoints that could not be written for one reason."""

    reason: str
    step: int
    since: float
    count: int = 0

    def line(self) -> str:
        more = f" and {counted(self.count - 1, 'later one')}" if self.count > 1 else ""
        return f"after {self.since:.2f} s: the checkpoint of step {self.step}{more} could not be saved: {self.reason}"


class _Told:
    """What the records since the last start of the run say, in order."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._began: float | None = None
        self.failures: dict[tuple[str, str], _Failure] = {}
        self.unsaved: dict[str, _Unsaved] = {}
        self._down: dict[str, tuple[_Failure, float]] = {}
        self._last: _Failure | None = None

    def add(self, record: Mapping[str, Any]) -> None:
        """Take the next record."""
        if record.get("type") == "run":
            self._begin()
        elif self._began is None and record.get("type") == "event":
            self._began = _number(record, "time")
        match record.get("event"):
            case "PeerExited" if not record.get("orderly"):
                self._fail(record)
            case "PeerStarted" if _number(record, "incarnation") > 1:
                self._restart(record)
            case "CheckpointFailed":
                reason, since = _text(record, "reason"), self._since(record)
                found = self.unsaved.setdefault(reason, _Unsaved(reason, int(_number(record, "step")), since))
                found.count += 1

    def _fail(self, record: Mapping[str, Any]) -> None:
        address, reason, time = _text(record, "address"), _text(record, "reason"), _number(record, "time")
        new = _Failure(_text(record, "label"), reason, _text(record, "where"), self._since(record))
        failure = self.failures.setdefault((address, reason), new)
        failure.count += 1
        self._down[address] = failure, time
        self._last = failure

    def _restart(self, record: Mapping[str, Any]) -> None:
        failure, failed = self._down.pop(_text(record, "address"), (None, 0.0))
        if failure is not None:
            failure.restarts += 1
            failure.recovered_s = _number(record, "time") - failed
        elif self._last is not None:
            self._last.together[_text(record, "label")] = None

    def _since(self, record: Mapping[str, Any]) -> float:
        """Return the time of a record, in seconds from the first event."""
        return _number(record, "time") - (self._began or 0.0)


def _shortened(lines: Sequence[str]) -> list[str]:
    if len(lines) <= _MOST:
        return list(lines)
    half = _MOST // 2
    return [*lines[:half], f"and {counted(len(lines) - _MOST, 'other failure')}", *lines[-half:]]


def _named(label: str, reason: str) -> str:
    """Return a reason that names its layer, as that of a layer's exception does by itself."""
    return reason if reason.startswith("layer ") else f"{label}: {reason}"


def _duration(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.1f} s"


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return " ".join(value.split()) if isinstance(value, str) else ""


def _number(record: Mapping[str, Any], key: str) -> float:
    value = record.get(key)
    return float(value) if isinstance(value, int | float) and abs(value) < 1e15 else 0.0
