"""A fault counts if it strikes, and a recovery from when it struck: by the times of the events, whenever they come."""

from __future__ import annotations

import pytest

from annex_actors.experiments.fault_log import Fault, FaultKind, FaultLog, FaultWatch
from annex_actors.protocol.events import Finished, PeerExited, PeerStarted
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.runtimes.faults.injected import Strike

PEER = stage_address(1)


class Watched:
    """A run of which only the events are there."""

    def __init__(self) -> None:
        self.log, self.strikes = FaultLog(), list[Strike]()
        self.watch = FaultWatch(self.log, self.strikes, {3: PEER})

    def inject(self, kind: FaultKind, at: float) -> bool:
        return self.watch.register(Fault(kind, TRAINER if kind is FaultKind.TRAINER else PEER, at))

    def restart(self, ended: float, up: float) -> None:
        self.watch.on_event(PeerExited(PEER, "layer 3", 1, "killed", time=ended))
        self.watch.on_event(PeerStarted(PEER, "layer 3", 2, time=up))

    def closed(self) -> FaultLog:
        self.watch.close()
        return self.log


def test_a_recovery_lasts_from_the_fault_to_the_start_of_the_next_incarnation() -> None:
    run = Watched()
    assert run.inject(FaultKind.KILL, at=10.0)
    run.restart(ended=10.5, up=12.0)
    log = run.closed()
    assert log.recoveries == {FaultKind.KILL: [2.0]}
    assert [fault.kind for fault in log.faults] == [FaultKind.KILL]


@pytest.mark.parametrize("kind", [FaultKind.EXCEPTION, FaultKind.STORE])
def test_a_fault_within_a_layer_counts_from_when_the_layer_met_it(kind: FaultKind) -> None:
    run = Watched()
    run.inject(kind, at=10.0)
    run.strikes.append(Strike(3, 15.0))
    run.restart(ended=17.0, up=18.0)
    assert run.closed().recoveries == {kind: [3.0]}


@pytest.mark.parametrize("kind", [*FaultKind])
def test_a_fault_that_strikes_nothing_is_none(kind: FaultKind) -> None:
    run = Watched()
    run.watch.on_event(Finished(9, time=5.0))
    assert run.inject(kind, at=10.0)
    assert run.closed().faults == []


def test_a_peer_that_is_killed_while_the_run_stops_has_died_though_the_fault_does_not_count() -> None:
    run = Watched()
    run.watch.on_event(Finished(9, time=5.0))
    assert run.inject(FaultKind.KILL, at=10.0)
    run.watch.on_event(PeerExited(PEER, "layer 3", 1, "shut down", orderly=True, time=10.5))
    log = run.closed()
    assert (log.died, log.faults, log.recoveries) == ({PEER}, [], {})


@pytest.mark.parametrize("kind", [FaultKind.EXCEPTION, FaultKind.KILL, FaultKind.SLOW])
def test_no_fault_is_injected_while_the_last_one_is_not_over(kind: FaultKind) -> None:
    run = Watched()
    assert run.inject(kind, at=10.0)
    assert not run.inject(FaultKind.FLOOD, at=11.0)
    run.strikes.append(Strike(3, 12.0))
    run.restart(ended=12.0, up=13.0)
    assert run.inject(FaultKind.FLOOD, at=14.0)
