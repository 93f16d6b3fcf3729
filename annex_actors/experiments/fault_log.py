"""The faults of a run: of which kinds, which of them struck, and how long their peers took to recover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock

from annex_actors.protocol.events import Event, Finished, PeerExited, PeerStarted
from annex_actors.protocol.messages import Address
from annex_actors.runtimes.faults.injected import Strike


class FaultKind(Enum):
    """The kinds of faults; what each does is in `annex-actors chaos --help`."""

    EXCEPTION = "exception"
    KILL = "kill"
    STOP = "stop"
    SLOW = "slow"
    FLOOD = "flood"
    PAIR = "pair"
    STORE = "store"
    TRAINER = "trainer"
    MOVE = "move"
    NODE = "node"


ON_ONE_MACHINE = tuple(kind for kind in FaultKind if kind is not FaultKind.NODE)
"""The kinds that need no cluster."""

NOT_FATAL = frozenset({FaultKind.SLOW, FaultKind.FLOOD})
"""The kinds of which no peer dies."""

WITHIN_A_LAYER = frozenset({FaultKind.EXCEPTION, FaultKind.SLOW, FaultKind.STORE})
"""The kinds that strike when the layer next works, or never if it has done its last work."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault injected into one peer.

    Args:
        kind: of the fault.
        address: of the peer.
        at: when, in monotonic seconds.
    """

    kind: FaultKind
    address: Address
    at: float


@dataclass(slots=True)
class FaultLog:
    """The faults of a run, and their consequences.

    Args:
        faults: those that struck, in the order of their injection. A fault that is injected where a layer has done its
            last work, or the run is over, does not count.
        seconds: from when every peer was up until the run was over.
        recoveries: for each kind, the seconds from when a fault struck until the peer's next incarnation was up. For a
            peer that hangs this includes the time until the hang is detected.
        worked: for each peer, the pieces of work of all its incarnations.
        most_kept_bytes: the most that each peer kept for its neighbours.
        died: the peers that died at least once, also of a fault that does not count. What a killed peer did in its
            last moments may be missing in ``worked``.
    """

    faults: list[Fault] = field(default_factory=list)
    seconds: float = 0.0
    recoveries: dict[FaultKind, list[float]] = field(default_factory=dict)
    worked: dict[Address, int] = field(default_factory=dict)
    most_kept_bytes: dict[Address, int] = field(default_factory=dict)
    died: set[Address] = field(default_factory=set)


class FaultWatch:
    """An observer that finds out which faults strike, and how long peers take to recover from them.

    Args:
        log: filled with what it finds out.
        strikes: the faults within layers that have happened.
        stages: the address of each stage by its first layer, into which faults are injected.
    """

    def __init__(self, log: FaultLog, strikes: Sequence[Strike], stages: Mapping[int, Address]) -> None:
        self._log = log
        self._strikes = strikes
        self._stages = stages
        self._lock = Lock()
        self._injected: list[Fault] = []
        self._waiting: dict[Address, Fault] = {}
        self._recovering: dict[Address, Fault] = {}
        self._ended: dict[Address, Fault | None] = {}
        self._fatal: list[Fault] = []
        self.finished_at: float | None = None

    def register(self, fault: Fault) -> bool:
        """Register a fault before injecting it; return False while the last one of its target is not over."""
        with self._lock:
            last = self._waiting.get(fault.address)
            if fault.address in self._recovering or (last is not None and self._struck_at(last) is None):
                return False
            self._injected.append(fault)
            if fault.kind in WITHIN_A_LAYER:
                self._waiting[fault.address] = fault
            if fault.kind not in NOT_FATAL:
                self._recovering[fault.address] = fault
            return True

    def on_event(self, event: Event) -> None:
        """Record when a peer ends, and how long it took when its next incarnation is up."""
        with self._lock:
            if isinstance(event, PeerExited) and event.address in self._recovering:
                self._log.died.add(event.address)  # also where it is killed while the run stops, and so ends in order
            match event:
                case PeerExited(address=address, orderly=orderly) if not orderly or self._is_moving(address):
                    self._log.died.add(address)
                    fault = self._ended[address] = self._fault_of(address)
                    self._fatal += [fault] if fault else []
                case PeerStarted(address=address) if address in self._ended:
                    fault = self._ended.pop(address)
                    if fault is not None:
                        self._recovering.pop(fault.address, None)
                        since = self._struck_at(fault) or fault.at
                        self._log.recoveries.setdefault(fault.kind, []).append(event.time - since)
                case Finished() if self.finished_at is None:
                    self.finished_at = event.time

    def _is_moving(self, address: Address) -> bool:
        fault = self._recovering.get(address)
        return fault is not None and fault.kind is FaultKind.MOVE and self.finished_at is None

    def close(self) -> None:
        """Record the faults that struck."""
        self._log.faults += filter(self._has_struck, self._injected)

    def _fault_of(self, address: Address) -> Fault | None:
        """Return the fault that has ended a peer; one within a layer may strike in any replica of its stage."""
        if address in self._recovering:
            return self._recovering[address]
        alike = [each for each in self._recovering.values() if each.address.number == address.number is not None]
        return next((each for each in alike if self._struck_at(each) is not None), None)

    def _has_struck(self, fault: Fault) -> bool:
        if fault.kind in WITHIN_A_LAYER:
            return self._struck_at(fault) is not None
        if fault.kind in NOT_FATAL:
            return self.finished_at is None or fault.at < self.finished_at
        return fault in self._fatal

    def _struck_at(self, fault: Fault) -> float | None:
        """Return when a fault within a layer happened; None if it did not, or is of another kind."""
        if fault.kind not in WITHIN_A_LAYER:
            return None
        struck = (each.at for each in self._strikes if self._stages[each.layer].number == fault.address.number)
        return next((at for at in struck if at >= fault.at), None)
