"""The figures of a trace: how long each peer was busy, why it was idle, and what that should have been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from annex_actors.base.errors import UserError
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import is_stage
from annex_actors.tracing.ideal import ideal_of
from annex_actors.tracing.pieces import CONTROL, Work
from annex_actors.tracing.recording import Recording

_MOST_STEPS = 20
"""Steps that are simulated: with more, the bubble hardly changes."""


@dataclass(frozen=True, slots=True)
class PeerFigures:
    """The figures of a peer, in seconds; ``busy`` and the sum of ``idle`` are the whole time of the trace.

    Args:
        peer: its address.
        label: what it is.
        pieces: how many pieces of work it did.
        busy: how long it worked.
        idle: how long it did not, by reason.
        mailbox: the most messages that waited.
        received_bytes: of the arrays in its messages.
    """

    peer: Address
    label: str
    pieces: int
    busy: float
    idle: dict[str, float]
    mailbox: int
    received_bytes: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a trace.

    Args:
        wall: from the first record to the last, in seconds.
        steps: how many were traced.
        peers: of each peer.
        bubble: the part of the stages' time, within the traced steps, in which they did no work on a step, from 0 to 1.
        ideal_bubble: the same in the simulator, with the measured times; None where it cannot simulate the schedule.
        messages: how many were received.
        lost: how many with arrays or about a step were sent to an incarnation that had died, and so were sent again.
        hop: the median time from send to receipt, in seconds; None without messages.
        hop_99: what 99 of 100 hops are shorter than.
        dropped: records that were dropped.
    """

    wall: float
    steps: int
    peers: tuple[PeerFigures, ...]
    bubble: float | None
    ideal_bubble: float | None
    messages: int
    lost: int
    hop: float | None
    hop_99: float | None
    dropped: int


def figures_of(trace: Recording) -> Figures:
    """Return the figures of a trace."""
    flows = [each for each in trace.flows if each.sent is not None]
    hops = [each.received - each.sent for each in flows if each.received is not None and each.sent is not None]
    sizes = Counter[Address]()
    for flow in trace.flows:
        if flow.received is not None:
            sizes[flow.to] += flow.bytes
    return Figures(
        wall=trace.wall,
        steps=len(trace.steps),
        peers=tuple(_of_peer(trace, peer, sizes[peer]) for peer in trace.peers),
        bubble=_bubble([works for peer, works in trace.work.items() if is_stage(peer)]),
        ideal_bubble=_ideal_bubble(trace),
        messages=len(hops),
        lost=sum(each.received is None and each.kind not in CONTROL for each in flows),
        hop=median(hops) if hops else None,
        hop_99=quantiles(hops, n=100)[-1] if len(hops) > 1 else None,
        dropped=trace.dropped,
    )


def _of_peer(trace: Recording, peer: Address, received_bytes: int) -> PeerFigures:
    works, idle = trace.work[peer], Counter[str]()
    for wait in trace.idle[peer]:
        idle[wait.reason] += wait.end - wait.start  # type: ignore[assignment]  # seconds, and no count
    return PeerFigures(
        peer,
        trace.labels.get(peer, str(peer)),
        len(works),
        sum(each.end - each.start for each in works),
        dict(idle),
        max((each.mailbox for each in works), default=0),
        received_bytes,
    )


def _bubble(stages: Sequence[Sequence[Work]]) -> float | None:
    """Return the part of the stages' time without work on a step, from the first such work to the last."""
    work = [[each for each in works if each.on_step] for works in stages]
    every = [each for works in work for each in works]
    if not every:
        return None
    span = max(each.end for each in every) - min(each.start for each in every)
    return 1 - sum(each.end - each.start for each in every) / (span * len(stages)) if span else None


def _ideal_bubble(trace: Recording) -> float | None:
    steps = 1 if trace.is_sample else min(len(trace.steps), _MOST_STEPS)
    try:
        return 1 - ideal_of(trace, max(1, steps)).busy
    except UserError:
        return None
