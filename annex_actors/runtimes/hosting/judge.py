"""The judge of failures: it decides what a supervisor's event means for the run, before the supervisor acts on it."""

from __future__ import annotations

from annex_actors.protocol.events import Event, PeerAbandoned, PeerExited, PeerHung
from annex_actors.protocol.messages import Address
from annex_actors.runtimes import clock
from annex_actors.runtimes.hosting.failures import (
    FailureLedger,
    PeerError,
    because,
    chained,
    explained,
    on_node,
    one_line,
    too_many_restarts,
)
from annex_actors.runtimes.hosting.observers import Observers
from annex_actors.runtimes.hosting.outcome import Outcome
from annex_actors.runtimes.hosting.peer_ref import Peers
from annex_actors.runtimes.hosting.tree import INPUTS, LAYERS
from annex_actors.runtimes.hosting.watchdog import Hang
from annex_actors.runtimes.program import Program, RunFailedError
from supervisors import ActorDead, ChildAbandoned, ChildExited, ChildStartFailed, Escalated
from supervisors import Event as TreeEvent

_SUPERVISORS = {LAYERS: "layers' supervisor", INPUTS: "reader's supervisor"}
"""The supervisors without which no run goes on, in words."""


class Judge:
    """Shows the observers how peers end, ends the run where no restart helps, and ends peers that hang.

    Args:
        program: the run.
        peers: the peers that are up.
        observers: of the run.
        outcome: of the run.
    """

    def __init__(self, program: Program, peers: Peers, observers: Observers, outcome: Outcome) -> None:
        self._labels = {spec.address: spec.label for spec in program.peers}
        self._addresses = {str(address): address for address in self._labels}
        self._limits = program.supervision
        self._ledger = FailureLedger(program.supervision.max_attempts)
        self._hangs: dict[Address, BaseException] = {}
        self._peers = peers
        self._observers = observers
        self._outcome = outcome

    def on_tree_event(self, event: TreeEvent) -> None:
        """Judge an event; a hook of the tree."""
        address = self._addresses.get(event.id)
        if address is not None:
            self._judge_peer(event, address, self._labels[address])
        elif event.id in _SUPERVISORS and isinstance(event, ChildExited):
            failure = RunFailedError(f"the {_SUPERVISORS[event.id]} ended: {event.reason}")
            self._outcome.fail(chained(failure, event.reason.exception))

    def on_hang(self, address: Address, hang: Hang) -> None:
        """End a peer that hangs; called by the watchdog."""
        peer = self._peers.at(address)
        if peer is None:
            return
        what = f"hung for {hang.limit_s:.3g} s" if hang.place else f"did not answer for {hang.limit_s:.3g} s"
        self._hangs[address] = on_node(PeerError(what, hang.place), peer.node)
        place = hang.place or "no work"
        self._show(PeerHung(address, self._labels[address], peer.incarnation, place, hang.limit_s, peer.node))
        peer.end()

    def _show(self, event: Event) -> None:
        self._observers.show(clock.stamped(event))

    def _judge_peer(self, event: TreeEvent, address: Address, label: str) -> None:
        match event:
            case ChildExited(reason=reason):
                error = self._hangs.pop(address, None) or reason.exception
                ended = PeerExited(address, label, event.incarnation, str(reason), orderly=reason.is_orderly)
                self._show(ended if error is None else explained(ended, error))
                self._outcome.fail(self._ledger.record(address, label, error))
            case ChildStartFailed(error=error):
                self._show(explained(PeerExited(address, label, event.incarnation, ""), error))
                self._outcome.fail(self._judge_start(address, label, event.incarnation, error))
            case ChildAbandoned():
                self._show(PeerAbandoned(address, label, event.incarnation))
            case Escalated(reason=reason):
                self._outcome.fail(too_many_restarts(label, self._limits, reason.exception))

    def _judge_start(self, address: Address, label: str, incarnation: int, error: BaseException) -> Exception | None:
        if isinstance(error, RunFailedError):
            return error
        if incarnation == 1:  # a tree that does not start is not tried again
            return because(f"{label}: {one_line(error)}", error, "it did not start")
        killed = isinstance(error, ActorDead)
        return self._ledger.record(address, label, None if killed else error)
