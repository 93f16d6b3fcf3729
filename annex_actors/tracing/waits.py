"""Why a peer did nothing: each moment between two pieces of its work has a reason, found from the records alone.

While a peer is idle, nothing that it has done changes; only messages arrive. So from the first moment on at which a
message is there whose work the schedule allows, the peer waits for a processor. Before that moment it waits for this
message: until it is sent, and then until it arrives. If other messages are there meanwhile that the schedule does not
allow yet, then it is the schedule that keeps the peer idle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from annex_actors.protocol.messages import WHOLE_STEP, Address
from annex_actors.runtimes.hosting.heartbeat import START
from annex_actors.schedules.discipline import Discipline
from annex_actors.tracing.permission import Permission
from annex_actors.tracing.pieces import Flow, Idle, Work

NO_ACTIVATION, NO_GRADIENT, NO_MESSAGE = "no activation yet", "no gradient yet", "no other message yet"
HOP, CREDIT, SCHEDULE, CORE = "hop", "credit spent", "schedule", "waiting for a core"
RESTARTING, NOT_STARTED, FINISHED, NOT_TRACED = "restarting", "not started", "finished", "not traced"

REASONS = (
    *(NO_ACTIVATION, NO_GRADIENT, NO_MESSAGE, HOP, CREDIT, SCHEDULE, CORE),
    *(RESTARTING, NOT_STARTED, FINISHED, NOT_TRACED),
)
"""Why a peer may do nothing.

It waits for an activation, a gradient or another message that is not sent yet; a message is on its way (hop); an
activation is there, and the schedule allows no further one before a gradient is back (credit spent); work is there, and
the schedule asks for other work first (schedule); it could work, and no core is free; it is being restarted, not
started yet, or has finished; or its work is not recorded: in a sample, that on the steps between.
"""

_MISSING = {"forward": NO_ACTIVATION, "predict": NO_ACTIVATION, "backward": NO_GRADIENT}

_LOOK_AHEAD = 64
"""Pieces of work of a peer that are looked at to find what it could have done instead: more are not there at once."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of work, and when its message was sent and was there."""

    work: Work
    sent: float
    there: float


class Waits:
    """The waits of the peers of a trace.

    Args:
        begin: of the trace, in seconds.
        end: of the trace.
        every: start and end of every piece of work of every peer.
        cores: how many pieces may be done at once; None: as many as there are peers.
        row: the schedule; None: it is not known here.
        stages: how many.
        is_sample: whether only some steps are traced.
    """

    def __init__(
        self,
        begin: float,
        end: float,
        every: Sequence[tuple[float, float]],
        *,
        cores: int | None,
        row: Discipline | None,
        stages: int,
        is_sample: bool = False,
    ) -> None:
        self._begin, self._end, self._is_sample = begin, end, is_sample
        self._row, self._stages = row, stages
        times = np.array([*(start for start, _ in every), *(end for _, end in every)])
        order = np.argsort(times, kind="stable")
        busy = np.cumsum(np.repeat([1, -1], len(every))[order])
        self._times = times[order]
        is_full = busy[:-1] >= (np.inf if cores is None else cores)
        self._full_until = np.concatenate([[0.0], np.cumsum(np.diff(self._times) * is_full)])

    def of(self, peer: Address, works: Sequence[Work], flows: Sequence[Flow | None]) -> list[Idle]:
        """Return the waits of one peer.

        Args:
            peer: its address.
            works: its work, in its order. There may be none: of the newest records, or before its first piece is done.
            flows: the message of each piece of work.
        """
        if not works:
            return [Idle(peer, self._begin, self._end, NOT_TRACED)] if self._end > self._begin else []
        spans = _spans(works, flows)
        permission = Permission(self._row, peer.number or 0, self._stages, _microbatches(works))
        found: list[Idle] = []
        at, last = self._begin, None
        for index, span in enumerate(spans):
            work = span.work
            if work.start > at:
                parts = self._parts(spans, index, at, last, permission)
                found += [
                    Idle(peer, start, end, reason, work.kind, work.step, work.microbatch)
                    for start, end, reason in parts
                    if end > start
                ]
            permission.count(work)
            at, last = max(at, work.end), work
        return [*found, Idle(peer, at, self._end, FINISHED)] if self._end > at else found

    def _parts(
        self, spans: Sequence[Span], index: int, at: float, last: Work | None, permission: Permission
    ) -> list[tuple[float, float, str]]:
        """Return the waits from ``at`` until a piece of work: start, end and reason of each."""
        work = spans[index].work
        if work.kind == START:
            return [(at, work.start, NOT_STARTED if last is None else RESTARTING)]
        if self._is_sample and (last is None or work.step - last.step > 1):
            return [(at, work.start, NOT_TRACED)]
        there = list(_next_of_each_kind(spans, index))
        able = [each for each in there if _is_allowed(each.work, work.version, permission)]
        first = min(able, key=lambda each: each.there, default=spans[index])
        sent, arrived = (min(max(time, at), work.start) for time in (first.sent, first.there))
        blocked = [each.work for each in there if each.there <= at and each not in able]
        return [
            (at, sent, _missing(first.work, blocked, permission)),
            (sent, arrived, CORE if self._is_full(sent, arrived) else HOP),
            (arrived, work.start, CORE),
        ]

    def _is_full(self, start: float, end: float) -> bool:
        """Return whether all cores were at work for more than half of a time."""
        before, after = np.interp([start, end], self._times, self._full_until)
        return bool(after - before > (end - start) / 2)


def _spans(works: Sequence[Work], flows: Sequence[Flow | None]) -> list[Span]:
    """Return each piece of work with the times of its message; a stage's own messages are there when it sends them."""
    targets = {
        (flow.step, flow.microbatch): flow for flow in flows if flow is not None and flow.kind == "target"
    }  # a forward of the last stage needs its target, too
    ends: dict[tuple[str, int, int], float] = {}
    found = []
    for work, flow in zip(works, flows, strict=True):
        needed = [flow] if flow is not None else []
        if work.kind == "forward" and (target := targets.get((work.step, work.microbatch))) is not None:
            needed.append(target)
        times = [(each.sent or 0.0, each.received or 0.0) for each in needed if (each.received or 0.0) <= work.start]
        own = _own_message(work, ends) if flow is None else 0.0
        last = max(times, key=lambda each: each[1], default=(own, own))
        found.append(Span(work, *last))
        if work.on_step:
            ends[work.letter, work.step, work.microbatch] = ends[work.letter, work.step, WHOLE_STEP] = work.end
    return found


def _own_message(work: Work, ends: dict[tuple[str, int, int], float]) -> float:
    """Return when a stage has sent itself the message of a piece: W after B, and B of the last stage after its F."""
    before = {"W": "B", "B": "F"}.get(work.letter)
    return ends.get((before, work.step, work.microbatch), 0.0) if before else 0.0


def _next_of_each_kind(spans: Sequence[Span], index: int) -> Iterator[Span]:
    """Yield the next piece of each kind, if its message was there before the peer began the next piece at all."""
    start, kinds = spans[index].work.start, set[str]()
    for span in islice(spans, index, index + _LOOK_AHEAD):
        if span.work.kind == START and span is not spans[index]:
            return
        if span.work.kind not in kinds and span.there <= start:
            yield span
        kinds.add(span.work.kind)


def _is_allowed(work: Work, version: int, permission: Permission) -> bool:
    if not work.on_step:
        return True
    return permission.has_version(work, version) and permission.has_credit(work) and permission.is_open(work)


def _missing(work: Work, blocked: Sequence[Work], permission: Permission) -> str:
    """Return for what a peer waits whose next message is not sent yet, given the work that is there and not allowed."""
    if any(each.letter == "F" and not permission.has_credit(each) for each in blocked):
        return CREDIT
    if any(not permission.is_open(each) for each in blocked):
        return SCHEDULE
    return _MISSING.get(work.kind, NO_MESSAGE)


def _microbatches(works: Sequence[Work]) -> dict[int, int]:
    """Return into how many microbatches each step was cut, as far as the work shows."""
    found: dict[int, int] = {}
    for work in works:
        if work.letter in "FB":
            found[work.step] = max(found.get(work.step, 1), work.microbatch + 1)
    return found
