"""Every peer on a thread of its own: killed, abandoned, and stopped without a trace."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import pykka
import pytest

from annex_actors.protocol.events import Event, PeerAbandoned, PeerExited, PeerStarted, StepFinished
from annex_actors.protocol.instrument import Instrument, Point
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.runtimes import Crash, CrashPlan, Observer, Program, RunFailedError, Supervision, ThreadsRuntime
from annex_actors.runtimes.hosting import job as job_module
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.program import PeerSpec
from annex_actors.runtimes.threads import ThreadHost
from supervisors import KILLED, Abandoned, ChildSpec, Ref, Strategy
from tests.kills import KILLS_THREADS
from tests.trainings import Seen, Training, When, after_step, carry_out, fingerprints, finish, supervised, undisturbed

pytestmark = [KILLS_THREADS, pytest.mark.usefixtures("no_thread_is_left")]

TRAINING = Training(microbatches=3)
NAMES = [stage_address(stage) for stage in range(5)]


def started(program: Program) -> SupervisedJob:
    return supervised(program, ThreadsRuntime())


def found(job: SupervisedJob, name: Hashable) -> Ref[Any]:
    """Return the actor of this name, which must be up."""
    ref: Ref[Any] | None = job.registry.whereis(name)
    assert ref is not None
    return ref


class Meeting(Instrument):
    """Holds a layer at one place, once, until the test releases it."""

    def __init__(self, place: tuple[Point, int, int, int]) -> None:
        self.place = place
        self.reached, self.go_on = threading.Event(), threading.Event()

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        if (point, layer, step, microbatch) == self.place and not self.reached.is_set():
            self.reached.set()
            self.go_on.wait()


def test_every_peer_has_a_thread_that_is_named_after_it_and_its_incarnation() -> None:
    meeting = Meeting((Point.FORWARD, 2, 1, 0))
    program = TRAINING.program(instruments=[meeting])
    job = started(program)
    meeting.reached.wait()
    names = {thread.name for thread in threading.enumerate()}
    meeting.go_on.set()
    finish(job, program, TRAINING.initial)
    assert {*(f"{name}#1" for name in NAMES), "trainer#1", "layers#1"} <= names


def test_each_layer_works_in_its_own_thread() -> None:
    threads: dict[int, set[str]] = {}

    class Look(Instrument):
        def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
            threads.setdefault(layer, set()).add(threading.current_thread().name)

    carry_out(TRAINING.program(instruments=[Look()]), ThreadsRuntime(), TRAINING.initial)
    assert threads == {layer: {f"stage-{layer}#1"} for layer in range(5)}


def test_no_peer_is_in_the_registry_that_belongs_to_the_whole_process() -> None:
    meeting = Meeting((Point.FORWARD, 2, 1, 0))
    program = TRAINING.program(instruments=[meeting])
    job = started(program)
    meeting.reached.wait()
    assert pykka.ActorRegistry.get_all() == []
    meeting.go_on.set()
    finish(job, program, TRAINING.initial)


@pytest.mark.parametrize("name", [*NAMES, TRAINER], ids=str)
@pytest.mark.parametrize("step", [0, 3])
def test_a_peer_that_is_killed_from_outside_is_replaced_and_the_result_is_the_same(name: Address, step: int) -> None:
    jobs, known, seen = list[SupervisedJob](), threading.Event(), Seen()
    last = Meeting((Point.FORWARD, 0, TRAINING.steps - 1, 0))

    def kill() -> None:
        known.wait()
        found(jobs[0], name).exit(KILLED)
        last.go_on.set()

    program = TRAINING.program(instruments=[last], observers=[When(after_step(step), kill), seen])
    jobs.append(started(program))
    known.set()
    checkpoint = finish(jobs[0], program, TRAINING.initial)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    label = next(spec.label for spec in program.peers if spec.address == name)
    assert PeerExited(name, label, 1, "killed") in seen.events
    assert jobs[0].restarts == 1


@pytest.mark.parametrize("point", Point)
@pytest.mark.parametrize("layer", [0, 3, 4])
def test_a_layer_that_is_killed_in_the_middle_of_its_work_is_replaced(point: Point, layer: int) -> None:
    microbatch = 1 if point in (Point.FORWARD, Point.BACKWARD) else -1
    meeting = Meeting((point, layer, 2, microbatch))
    program = TRAINING.program(instruments=[meeting])
    job = started(program)
    meeting.reached.wait()
    found(job, stage_address(layer)).exit(KILLED)
    meeting.go_on.set()
    assert fingerprints(finish(job, program, TRAINING.initial)) == undisturbed(TRAINING).fingerprints
    assert job.restarts == 1


class Stuck(Meeting):
    """Holds a layer in code that no exception can end."""

    survived = False

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        try:
            super().at(point, layer, step, microbatch)
        except BaseException:  # noqa: BLE001 - the kill that a stubborn library swallows
            self.survived = True


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
@pytest.mark.parametrize("point", [Point.BACKWARD, Point.COMMIT])
def test_what_an_abandoned_layer_does_when_it_wakes_up_has_no_effect(strategy: Strategy, point: Point) -> None:
    stuck, seen = Stuck((point, 1, 2, 1 if point is Point.BACKWARD else -1)), Seen()

    class Impatient(ThreadHost):
        def child(self, spec: PeerSpec, surroundings: RunSurroundings) -> ChildSpec:
            return replace(ThreadHost.child(self, spec, surroundings), shutdown=0.05)

    observers: list[Observer] = [When(lambda event: isinstance(event, PeerAbandoned), stuck.go_on.set), seen]
    program = TRAINING.program(instruments=[stuck], observers=observers, supervision=Supervision(strategy))
    job = SupervisedJob(program, lambda spec: Impatient())
    stuck.reached.wait()
    zombie = next(thread for thread in threading.enumerate() if thread.name == "stage-1#1")
    found(job, stage_address(0)).exit(KILLED)
    checkpoint = finish(job, program, TRAINING.initial)
    zombie.join()
    assert stuck.survived
    assert PeerAbandoned(stage_address(1), "layer 1 relu", 1) in seen.events
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints


def disturbed(id: str) -> tuple[SupervisedJob, Program, Seen]:
    """Return a training whose supervisor ``id`` was killed while layer 2 was at work, and the events of an observer."""
    meeting, seen = Meeting((Point.FORWARD, 2, 1, 0)), Seen()
    program = TRAINING.program(instruments=[meeting], observers=[seen])
    job = started(program)
    meeting.reached.wait()
    ref = found(job, id)
    ref.exit(KILLED)
    ref.wait()
    meeting.go_on.set()
    return job, program, seen


def test_the_end_of_the_observers_supervisor_affects_nothing_else() -> None:
    job, program, seen = disturbed("observers")
    assert fingerprints(finish(job, program, TRAINING.initial)) == undisturbed(TRAINING).fingerprints
    assert job.restarts == 0
    assert len(seen.of(StepFinished)) < TRAINING.steps


@pytest.mark.parametrize(
    ("id", "error"), [("layers", "the layers' supervisor ended"), ("run", "the run's supervisor ended")]
)
def test_the_end_of_a_supervisor_of_peers_ends_the_run(id: str, error: str) -> None:
    job, program, _ = disturbed(id)
    with pytest.raises(RunFailedError, match=error):
        finish(job, program, TRAINING.initial)


def test_a_close_does_not_wait_for_ever_for_a_hung_layer_whose_supervisor_was_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job_module, "ORPHANS_S", 0.05)
    meeting = Meeting((Point.FORWARD, 2, 1, 0))
    job = started(TRAINING.program(instruments=[meeting]))
    meeting.reached.wait()
    hung, layers = found(job, stage_address(2)), found(job, "layers")
    layers.exit(KILLED)
    layers.wait()
    zombie = next(thread for thread in threading.enumerate() if thread.name == "stage-2#1")
    with pytest.raises(RunFailedError, match="the layers' supervisor ended"):
        job.wait()
    job.close()
    assert isinstance(hung.exit_reason, Abandoned)
    meeting.go_on.set()
    zombie.join()


def test_a_killed_observer_is_gone_and_nothing_else_is_affected() -> None:
    meeting, seen, other = Meeting((Point.FORWARD, 2, 1, 0)), Seen(), Seen()
    program = TRAINING.program(instruments=[meeting], observers=[seen, other])
    job = started(program)
    meeting.reached.wait()
    observer = found(job, "observer-0")
    observer.exit(KILLED)
    observer.wait()
    meeting.go_on.set()
    assert fingerprints(finish(job, program, TRAINING.initial)) == undisturbed(TRAINING).fingerprints
    assert len(seen.of(StepFinished)) < TRAINING.steps
    assert len(other.of(StepFinished)) == TRAINING.steps


def test_a_peer_that_is_killed_again_and_again_while_it_starts_is_not_poison() -> None:
    """Only the restart window limits kills, also those during the start of a peer."""
    kills, seen, jobs, known = 6, Seen(), list[SupervisedJob](), threading.Event()
    program = TRAINING.program(crashes=CrashPlan([Crash(layer=1, step=1)]), observers=[seen])

    class KilledAtStart:
        """Stage 1, which is killed at each of its next starts."""

        starts = 0

        def __getattr__(self, name: str) -> object:
            return getattr(stage, name)

        def node(self, *arguments: object) -> object:
            self.starts += 1
            if 1 < self.starts <= kills + 1:
                known.wait()
                found(jobs[0], stage_address(1)).exit(KILLED)
            return stage.node(*arguments)  # type: ignore[arg-type]

    first, stage, *others = TRAINING.stage_specs()
    jobs.append(started(replace(program, stages=(first, KilledAtStart(), *others))))  # type: ignore[arg-type]
    known.set()
    assert fingerprints(finish(jobs[0], program, TRAINING.initial)) == undisturbed(TRAINING).fingerprints
    assert len([event for event in seen.of(PeerExited) if not event.orderly]) == kills + 1
    assert len([event for event in seen.of(PeerStarted) if event.address == stage_address(1)]) == 2


def test_a_slow_observer_sees_everything_before_the_job_is_closed() -> None:
    seen = Seen()
    gate = threading.Event()

    class Slow:
        def on_event(self, event: Event) -> None:
            gate.wait()
            seen.on_event(event)

    program = TRAINING.program(observers=[Slow()])
    job = started(program)
    job.wait()
    gate.set()
    job.close()
    assert len(seen.of(StepFinished)) == TRAINING.steps
    assert seen.events[-1] == PeerExited(stage_address(0), "layer 0 dense:6", 1, "shutdown", orderly=True)
