"""Why a peer did nothing: each moment between two pieces of its work has a reason, found from the records alone.

A peer becomes able to do its next piece of work at one of three moments: when it ends the piece before, when the
message of the next piece is there, or when another message arrives after which the schedule allows it. What lies before
those moments is a wait for something; what lies after the last of them is a wait for a processor.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from annex_actors.runtimes.hosting.heartbeat import START
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
activation is there, and the schedule allows no further one before a gradient is back (credit spent), or asks for other
work first (schedule); it could work, and no core is free; it is being restarted, not started yet, or has finished; or,
in a sample, the steps between are not traced.
"""

_MISSING = {"forward": NO_ACTIVATION, "predict": NO_ACTIVATION, "backward": NO_GRADIENT}


class Waits:
    """The waits of the peers of a trace.

    Args:
        begin: of the trace, in seconds.
        end: of the trace.
        every: start and end of every piece of work of every peer.
        cores: how many pieces may be done at once; None: as many as there are peers.
        is_sample: whether only some steps are traced.
    """

    def __init__(
        self, begin: float, end: float, every: Sequence[tuple[float, float]], cores: int | None, *, is_sample: bool
    ) -> None:
        self._begin, self._end, self._is_sample = begin, end, is_sample
        times = np.array([*(start for start, _ in every), *(end for _, end in every)])
        order = np.argsort(times, kind="stable")
        busy = np.cumsum(np.repeat([1, -1], len(every))[order])
        self._times = times[order]
        is_full = np.zeros(len(busy) - 1, bool) if cores is None else busy[:-1] >= cores
        self._full_until = np.concatenate([[0.0], np.cumsum(np.diff(self._times) * is_full)])

    def of(self, works: Sequence[Work], flows: Sequence[Flow | None], arrivals: Sequence[float]) -> list[Idle]:
        """Return the waits of one peer.

        Args:
            works: its work, in its order; at least a piece.
            flows: the message of each piece of work.
            arrivals: when each of its messages was received.
        """
        peer, arrivals = works[0].peer, sorted(arrivals)
        waiting = [
            (flow.received or 0.0, work.start)
            for work, flow in zip(works, flows, strict=True)
            if flow is not None and work.kind == "forward"
        ]
        ready = sorted(received for received, _ in waiting), sorted(start for _, start in waiting)
        found: list[Idle] = []
        at, last = self._begin, None
        for work, flow in zip(works, flows, strict=True):
            if work.start > at:
                has_forward = bisect_right(ready[0], at) > bisect_right(ready[1], at)
                parts = self._parts(work, flow, at, last, arrivals, has_forward=has_forward)
                found += [
                    Idle(peer, start, end, reason, work.kind, work.step, work.microbatch)
                    for start, end, reason in parts
                    if end > start
                ]
            at, last = max(at, work.end), work
        return [*found, Idle(peer, at, self._end, FINISHED)] if self._end > at else found

    def _parts(
        self,
        work: Work,
        flow: Flow | None,
        at: float,
        last: Work | None,
        arrivals: Sequence[float],
        *,
        has_forward: bool,
    ) -> list[tuple[float, float, str]]:
        """Return the waits from ``at`` until a piece of work: start, end and reason of each."""
        if work.kind == START:
            return [(at, work.start, NOT_STARTED if last is None else RESTARTING)]
        if self._is_sample and (last is None or work.step - last.step > 1):
            return [(at, work.start, NOT_TRACED)]
        sent = _within(flow.sent if flow else None, at, work)
        received = max(sent, _within(flow.received if flow else None, at, work))
        index = bisect_right(arrivals, work.start)
        able = max(received, arrivals[index - 1]) if index else received
        missing = CREDIT if work.kind == "backward" and has_forward else _MISSING.get(work.kind, NO_MESSAGE)
        return [
            (at, sent, missing),
            (sent, received, CORE if self._is_full(sent, received) else HOP),
            (received, able, CREDIT if work.kind == "forward" else SCHEDULE),
            (able, work.start, CORE),
        ]

    def _is_full(self, start: float, end: float) -> bool:
        """Return whether all cores were at work for more than half of a time."""
        before, after = np.interp([start, end], self._times, self._full_until)
        return bool(after - before > (end - start) / 2)


def _within(time: float | None, at: float, work: Work) -> float:
    """Return a time within the wait before a piece of work."""
    return at if time is None else min(max(time, at), work.start)
