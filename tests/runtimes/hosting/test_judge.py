"""What the judge makes of the events of a tree, without a tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from annex_actors.placement.worker_kind import WorkerKind
from annex_actors.protocol.events import Event, PeerAbandoned, PeerExited, PeerHung
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import RunFailedError, Supervision
from annex_actors.runtimes.faults.injected import LayerFault
from annex_actors.runtimes.hosting.judge import Judge
from annex_actors.runtimes.hosting.observers import Observers
from annex_actors.runtimes.hosting.outcome import Outcome
from annex_actors.runtimes.hosting.peer_ref import PeerRef, Peers
from annex_actors.runtimes.hosting.probed import Probed
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.hosting.watchdog import Hang
from annex_actors.runtimes.program import PeerSpec
from supervisors import (
    KILLED,
    SHUTDOWN,
    ActorDead,
    Child,
    ChildAbandoned,
    ChildExited,
    ChildSpec,
    ChildStartFailed,
    Crashed,
    Escalated,
    Reason,
    Registry,
)
from tests.trainings import Training

PROGRAM = Training().program(supervision=Supervision(max_attempts=2, max_restarts=7, max_seconds=3))
STAGE = stage_address(1)
SPEC = ChildSpec(id=str(STAGE), start=lambda context: never())


def never() -> Child:
    raise NotImplementedError


class Recorded(Observers):
    """Observers that record what they are shown."""

    def __init__(self) -> None:
        super().__init__((), Registry())
        self.events: list[Event] = []

    def show(self, event: Event) -> None:
        self.events.append(event)


@dataclass(eq=False)
class Ended:
    """A peer that records that it was ended by force."""

    incarnation: int = 4
    node: str = ""
    pid: int | None = None
    ended: list[str] = field(default_factory=list)

    def tell(self, envelope: Envelope) -> None: ...

    def kill(self) -> None: ...

    def inject(self, fault: LayerFault, layer: int) -> None: ...

    def probe(self, on_answer: Callable[[Probed], None], held: int, *, deep: bool) -> None: ...

    def end(self) -> None:
        self.ended.append("by force")


class HostOf:
    """A host whose registered references are peers themselves."""

    def child(self, spec: PeerSpec, surroundings: RunSurroundings) -> ChildSpec:
        raise NotImplementedError

    def peer(self, ref: Any) -> PeerRef:
        peer: PeerRef = ref
        return peer

    workers = (WorkerKind.THREAD,)

    def assign(self, address: Address, worker: WorkerKind) -> None:
        raise NotImplementedError


class Judged:
    """A judge, with an outcome and observers that record its verdicts."""

    def __init__(self) -> None:
        self.outcome, self.observers, self.registry = Outcome(), Recorded(), Registry()
        peers = Peers(self.registry, {spec.address: HostOf() for spec in PROGRAM.peers})
        self.judge = Judge(PROGRAM, peers, self.observers, self.outcome)

    def exited(self, reason: Reason, incarnation: int = 1) -> None:
        self.judge.on_tree_event(ChildExited("run/layers", str(STAGE), incarnation, SPEC, reason))


def test_an_end_is_shown_with_its_cause_and_the_same_failure_twice_ends_the_run() -> None:
    judged, error = Judged(), OSError("no space left")
    judged.exited(Crashed(error))
    assert judged.observers.events == [PeerExited(STAGE, "layer 1 relu", 1, "OSError: no space left")]
    assert not judged.outcome.failed
    judged.exited(Crashed(error), 2)
    with pytest.raises(RunFailedError, match=r"layer 1 relu: OSError: no space left \(failed 2 times"):
        judged.outcome.wait()


def test_an_orderly_end_is_shown_as_one() -> None:
    judged = Judged()
    judged.exited(SHUTDOWN)
    assert judged.observers.events == [PeerExited(STAGE, "layer 1 relu", 1, "shutdown", orderly=True)]


def test_external_kills_do_not_count_against_a_message() -> None:
    judged = Judged()
    for incarnation in range(1, 6):
        judged.exited(KILLED, incarnation)
    assert not judged.outcome.failed


def test_a_peer_that_does_not_start_the_first_time_ends_the_run() -> None:
    judged = Judged()
    judged.judge.on_tree_event(ChildStartFailed("run/layers", str(STAGE), 1, SPEC, OSError("no such file")))
    with pytest.raises(RunFailedError, match="layer 1 relu: OSError: no such file"):
        judged.outcome.wait()


def test_a_start_that_ends_the_run_does_so_with_its_own_error_in_any_incarnation() -> None:
    for incarnation in (1, 4):
        judged, error = Judged(), RunFailedError("layer 1 relu: the system kills what starts")
        judged.judge.on_tree_event(ChildStartFailed("run/layers", str(STAGE), incarnation, SPEC, error))
        assert judged.outcome.take_failure() is error


def test_a_peer_that_is_killed_while_it_starts_again_is_no_failure() -> None:
    judged = Judged()
    for incarnation in range(2, 6):
        killed = ActorDead("ended in its start", KILLED)
        judged.judge.on_tree_event(ChildStartFailed("run/layers", str(STAGE), incarnation, SPEC, killed))
    assert not judged.outcome.failed


def test_more_restarts_than_the_window_allows_end_the_run() -> None:
    judged = Judged()
    judged.judge.on_tree_event(Escalated("run/layers", str(STAGE), 8, SPEC, Crashed(OSError("again"))))
    with pytest.raises(RunFailedError, match=r"OSError: again \(ended once more than the allowed 7 restarts in 3 s\)"):
        judged.outcome.wait()


def test_the_end_of_the_layers_supervisor_ends_the_run() -> None:
    judged = Judged()
    judged.judge.on_tree_event(ChildExited("run", "layers", 1, SPEC, KILLED))
    with pytest.raises(RunFailedError, match="the layers' supervisor ended: killed"):
        judged.outcome.wait()


def test_an_abandoned_peer_is_shown() -> None:
    judged = Judged()
    judged.judge.on_tree_event(ChildAbandoned("run/layers", str(STAGE), 1, SPEC, KILLED))
    assert judged.observers.events == [PeerAbandoned(STAGE, "layer 1 relu", 1)]


def test_a_peer_that_hangs_is_ended_by_force_and_the_hang_is_its_failure() -> None:
    judged, peer = Judged(), Ended()
    judged.registry.register(STAGE, peer)
    judged.judge.on_hang(STAGE, Hang("forward at step 2 microbatch 1", 10.0))
    assert peer.ended == ["by force"]
    judged.exited(KILLED, 4)
    place = "forward at step 2 microbatch 1"
    assert judged.observers.events == [
        PeerHung(STAGE, "layer 1 relu", 4, place, 10.0),
        PeerExited(STAGE, "layer 1 relu", 4, f"hung for 10 s in {place}"),
    ]


def test_a_hang_of_a_peer_that_has_ended_since_is_ignored() -> None:
    judged = Judged()
    judged.judge.on_hang(STAGE, Hang(None, 10.0))
    assert judged.observers.events == []


def test_the_end_of_an_observer_is_no_failure() -> None:
    judged = Judged()
    judged.judge.on_tree_event(ChildExited("run/observers", "observer-0", 1, SPEC, Crashed(OSError())))
    assert judged.observers.events == []
    assert not judged.outcome.failed
