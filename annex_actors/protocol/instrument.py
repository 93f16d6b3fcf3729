"""One way to watch a peer's work, or to disturb it: crash plans, heartbeats, virtual clocks, traces.

An instrument overrides the methods that it needs. A method that it does not override is never called, and so costs
nothing. The thread that does a peer's work also calls its instrument, so an instrument of several peers must be safe
to use from several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from functools import reduce
from math import inf
from typing import Any, Protocol, TypeAlias, TypeVar

from annex_actors.protocol.effects import Effect
from annex_actors.protocol.given import Given
from annex_actors.protocol.messages import Address, Control, Envelope, Message
from annex_actors.protocol.snapshot import Snapshot


class Point(Enum):
    """Where in a layer's work `Instrument.at` is called. Crash plans refer to these points."""

    FORWARD = "forward"
    BACKWARD = "backward"
    WEIGHT_GRADIENT = "weight_gradient"
    UPDATE = "update"
    COMMIT = "commit"


WorkItem: TypeAlias = tuple[Address, Control] | Message
"""What a node works on: a control message with its sender, or a message for its behaviour."""


class Peer(Protocol):
    """What an instrument sees of a peer."""

    @property
    def address(self) -> Address:
        """Its name among the peers."""

    @property
    def incarnation(self) -> int:
        """The number of this incarnation, from 1, as the store counts."""

    @property
    def kept_bytes(self) -> int:
        """The size of the arrays that it keeps for its neighbours."""

    @property
    def finished(self) -> int:
        """How many steps it has finished, committed or not: of a stage, the version of its weights."""

    @property
    def waiting(self) -> int:
        """The number of messages that have reached it and are not handled; may be read from another thread."""

    @property
    def latest(self) -> Snapshot | None:
        """What it was at the last step that it has finished in this incarnation, committed or not; None: no step."""

    def given_to(self, message: Message) -> Given | None:
        """Return what the work on a message is given, before it begins; None where nothing observes failures."""


class Instrument:
    """Watches a peer's work; every method does nothing until it is overridden.

    Only `at` may raise: its exception fails the layer, as if the layer itself had raised it. An exception of another
    method ends the peer too, and each later incarnation, until the run fails.
    """

    def during(self, finished: int) -> tuple[Instrument, float]:
        """Return what watches a peer that has finished so many steps, and with how many to ask again; by default this.

        So an instrument that watches some steps costs one comparison of numbers in all others.
        """
        return self, inf

    def received(self, peer: Peer, envelope: Envelope) -> None:
        """Observe an envelope that has arrived, before the peer accepts or drops it."""

    def before(self, peer: Peer, item: WorkItem | None) -> None:
        """Observe what the peer will do next; None: start."""

    def done(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Observe what the peer has done, before its host carries out the effects: no message has left yet."""

    def after(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Observe what the peer has done, once its host has carried out the effects."""

    def failed(self, peer: Peer, given: Given, error: Exception) -> None:
        """Observe that the work on a message has raised, and what it was given; the peer ends with the error."""

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        """Observe a layer's work when it is done and has had no effect yet; may raise.

        Args:
            point: the kind of work.
            layer: index in the whole network; the cost counts as the layer after the last.
            step: from 0.
            microbatch: from 0; -1 where the work is on a whole step.
        """


NO_INSTRUMENT = Instrument()
"""Observes nothing."""

_Method = TypeVar("_Method", bound=Callable[..., Any])

_NO_OPS = frozenset(each for each in vars(Instrument).values() if callable(each))


def active(method: _Method) -> _Method | None:
    """Return a method of an instrument; None where it is not overridden and need not be called."""
    return None if getattr(method, "__func__", None) in _NO_OPS else method


def combined(*instruments: Instrument) -> Instrument:
    """Return one instrument that calls several, in this order."""
    parts = [part for each in instruments for part in (each.parts if isinstance(each, _Combined) else (each,))]
    parts = [part for part in parts if part is not NO_INSTRUMENT]
    if len(parts) < 2:
        return parts[0] if parts else NO_INSTRUMENT
    return _Varying(parts) if any(active(part.during) for part in parts) else _Combined(parts)


class _Combined(Instrument):
    """Several instruments as one; calls only the methods that each overrides, and a single one directly."""

    def __init__(self, parts: Sequence[Instrument]) -> None:
        self.parts = tuple(parts)
        for name, in_turn in _IN_TURN.items():
            methods = [method for part in parts if (method := active(getattr(part, name))) is not None]
            if methods:
                setattr(self, name, reduce(in_turn, methods))


class _Varying(_Combined):
    """Several instruments as one, some of which watch only at times."""

    def __init__(self, parts: Sequence[Instrument]) -> None:
        super().__init__(parts)
        self._known: dict[tuple[Instrument, ...], Instrument] = {}

    def during(self, finished: int) -> tuple[Instrument, float]:
        answers = [part.during(finished) for part in self.parts]
        chosen, until = tuple([part for part, _ in answers]), min([until for _, until in answers])
        if chosen == self.parts:  # and so not in `_known`, where it would keep itself from being freed
            return self, until
        found = self._known.get(chosen)
        if found is None:
            found = self._known[chosen] = combined(*chosen)
        return found, until


# For each number of arguments a function: in front of ``*args`` the interpreter makes a tuple for each call.


def _two(first: Callable[..., None], second: Callable[..., None]) -> Callable[..., None]:
    def call(peer: Peer, item: object) -> None:
        first(peer, item)
        second(peer, item)

    return call


def _three(first: Callable[..., None], second: Callable[..., None]) -> Callable[..., None]:
    def call(peer: Peer, item: object, more: object) -> None:
        first(peer, item, more)
        second(peer, item, more)

    return call


def _four(first: Callable[..., None], second: Callable[..., None]) -> Callable[..., None]:
    def call(point: Point, layer: int, step: int, microbatch: int) -> None:
        first(point, layer, step, microbatch)
        second(point, layer, step, microbatch)

    return call


_IN_TURN = {"received": _two, "before": _two, "done": _three, "after": _three, "failed": _three, "at": _four}
"""What makes of two methods of a name one that calls both."""
