"""One peer's part in a survey, which finds out whether anything can still happen in a run.

In a healthy run some peer always has work, or a message is on its way. If at once all peers only wait and all channels
are empty, that stays so for ever: the run stands still. But peers that work in parallel have no *at once*, and nothing
here may depend on how long something takes. So a survey makes a consistent cut:

- The surveyor sends a `Marker` to every peer.
- A peer handles a marker only when it has nothing else to do. With the first one of a survey it records that it waits,
  and sends a marker to each neighbour. Channels keep the order of messages, so a marker pushes before it all that was
  sent before.
- Once the marker of every neighbour has arrived, and after the recording nothing else, the peer answers the surveyor
  with `Waiting`.

If every peer answers, each in the incarnation that it had at the beginning, then all waited and nothing was on its way
at the cut. A peer that works, starts or hangs does not answer, and so nothing is concluded.

Source:
    Chandy, Lamport (1985), Distributed snapshots: determining global states of distributed systems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from annex_actors.base.types import made_often
from annex_actors.protocol.messages import WHOLE_STEP, Address, Control, Post

SURVEYOR = Address("surveyor")
"""What surveys the peers of a run, on its owner's behalf."""


@made_often
@dataclass(frozen=True, slots=True)
class Marker(Control):
    """A survey goes on, see `Survey`: what I sent before this, I sent before I recorded that I only wait."""

    kind = "marker"

    survey: int


@made_often
@dataclass(frozen=True, slots=True)
class Waiting(Control):
    """I only waited when I was surveyed, and nothing was on its way to me.

    ``waits_for`` completes the sentence *it waits for ...*; None: for nothing that the other peers could send.
    """

    kind = "waiting"

    survey: int
    waits_for: str | None


class Survey:
    """The newest survey that has reached a peer.

    Args:
        neighbours: the peers that it exchanges messages with.
    """

    def __init__(self, neighbours: Iterable[Address]) -> None:
        self._neighbours = frozenset(neighbours)
        self._marker: Marker | None = None
        self._marked: set[Address] = set()
        self._recorded = False
        self._over = False

    def arrive(self, sender: Address, marker: Marker) -> None:
        """Take note of a marker; one of a newer survey replaces the survey before."""
        if self._marker is None or marker.survey > self._marker.survey:
            self._marker, self._marked, self._recorded, self._over = marker, set(), False, False
        if marker.survey == self._marker.survey:
            self._marked.add(sender)

    def disturb(self) -> None:
        """Take note that something else has arrived: it may have been on its way when this peer recorded."""
        if self._recorded:
            self._over = True

    def next(self) -> tuple[Address, Control] | None:
        """Return the marker to handle now, if the peer has nothing else to do; None where there is none."""
        if self._marker is None or self._over or (self._recorded and not self._is_complete):
            return None
        return SURVEYOR, self._marker

    def handle(self, marker: Marker, waits_for: Callable[[], str | None]) -> Iterator[Post]:
        """Record that the peer waits, and pass the marker on; answer once every neighbour has."""
        if not self._recorded:
            self._recorded = True
            yield from (Post(neighbour, marker) for neighbour in sorted(self._neighbours))
        if self._is_complete:
            self._over = True
            yield Post(SURVEYOR, Waiting(marker.run, marker.step, WHOLE_STEP, WHOLE_STEP, marker.survey, waits_for()))

    @property
    def _is_complete(self) -> bool:
        return self._neighbours <= self._marked
