"""What every runtime does alike; a new one is one more line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from annex_actors.base.errors import DivergedError, LayerError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Array, Floats, Parameters
from annex_actors.costs import MeanSquaredError, cost
from annex_actors.layers import Activation, Saved
from annex_actors.layers.functions import Relu
from annex_actors.metrics import evaluate
from annex_actors.peers.predictor import PredictorSpec
from annex_actors.peers.stage import StageSpec
from annex_actors.protocol.events import EpochFinished, Event, Finished, PeerExited, PeerStarted, StepFinished
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, Point
from annex_actors.protocol.messages import Address
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.routing import TRAINER, Routing, stage_address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import (
    Crash,
    CrashPlan,
    InjectedCrash,
    InlineRuntime,
    Job,
    ProcessesRuntime,
    Program,
    RunFailedError,
    Runtime,
    SchedulersRuntime,
    Supervision,
    ThreadsRuntime,
    runtime,
)
from annex_actors.stores import MemoryStore
from annex_actors.training.checkpoint import Checkpoint
from supervisors import Strategy
from tests.trainings import (
    REGRESSOR,
    TEST_SAMPLES,
    Outcome,
    Seen,
    Training,
    When,
    after_step,
    at_every_step,
    carry_out,
    fingerprints,
    outputs_of,
    samples,
    train,
    undisturbed,
)


@dataclass(frozen=True)
class RunCounts:
    """Counts, in a file: processes share it."""

    path: Path

    def add(self) -> int:
        """Count one more, and return how many there are."""
        with self.path.open("ab") as file:
            file.write(b".")
        return self.count()

    def count(self) -> int:
        """Return how many there are."""
        return self.path.stat().st_size


@pytest.fixture
def tally(tmp_path: Path) -> RunCounts:
    return RunCounts(tmp_path / "tally")


RUNTIMES: list[Runtime] = [
    InlineRuntime(),
    ThreadsRuntime(),
    SchedulersRuntime(),
    ProcessesRuntime(spares=0, commit_every=1),
]

TRAINING = Training(microbatches=3)


@pytest.fixture(params=RUNTIMES, ids=lambda each: each.name)
def host(request: pytest.FixtureRequest) -> Runtime:
    chosen: Runtime = request.param
    return chosen


def blas_threads() -> dict[str, int]:
    """Return how many threads each BLAS library has."""
    return {each["filepath"]: each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Check after every test here that no thread was left, and that BLAS has as many threads as before."""
    with threadpool_limits(limits=2, user_api="blas"):
        threads, blas = threading.enumerate(), blas_threads()
        yield
        assert threading.enumerate() == threads
        assert blas_threads().items() >= blas.items()


def carried_out(host: Runtime, program: Program, training: Training = TRAINING) -> Outcome:
    return carry_out(program, host, training.initial)


def committed(program: Program, training: Training = TRAINING) -> Checkpoint:
    """Return the last step that every stage has committed."""
    return Checkpoint.gather(program.store, [spec.address for spec in program.stages], training.initial)


def test_a_runtime_is_found_by_its_name(host: Runtime) -> None:
    assert type(runtime(host.name)) is type(host)


# Work


@pytest.mark.parametrize("training", [TRAINING, Training(network=REGRESSOR, cost="mean_squared_error")])
def test_it_trains_as_the_oracle_does(host: Runtime, training: Training) -> None:
    outcome = train(training, host)
    assert outcome.fingerprints == undisturbed(training).fingerprints
    assert outcome.checkpoint.step == training.steps
    assert outcome.restarts == 0


def test_training_changes_the_weights(host: Runtime) -> None:
    assert train(TRAINING, host).checkpoint.weights_sha256 != TRAINING.initial.weights_sha256


def test_it_evaluates_every_epoch_at_the_weights_after_it(host: Runtime) -> None:
    history = train(TRAINING, host).history
    assert [epoch.epoch for epoch in history] == list(range(TRAINING.epochs))
    judged = samples(TEST_SAMPLES, TRAINING.cost, seed=1)
    for epoch in history:
        states = at_every_step(TRAINING)[epoch.steps].layers
        outputs = outputs_of(TRAINING.network, [state.weights for state in states], judged.inputs)
        expected, _ = cost(TRAINING.cost).evaluate(outputs, judged.targets, TEST_SAMPLES)
        assert epoch.test_cost == expected
        assert epoch.metrics == evaluate(outputs, judged.targets, ("0", "1", "2"))


def test_it_predicts_through_the_same_stages(host: Runtime) -> None:
    inputs = samples(600, TRAINING.cost).inputs
    program = prediction(inputs)
    assert np.array_equal(committed_outputs(host.start(program), program), predicted(inputs))


def committed_outputs(job: Job, program: Program) -> Floats:
    """Wait for a prediction, and return what its driver committed."""
    try:
        job.wait()
    finally:
        job.close()
    commit = program.store.latest(TRAINER)
    assert commit is not None
    outputs: Floats = commit.state
    return outputs


def prediction(inputs: Floats, crashes: CrashPlan | None = None) -> Program:
    """Return the program that predicts for ``inputs`` with the initial weights."""
    driver = PredictorSpec("run", Routing(len(TRAINING.placement)), inputs, 0)
    return Program("run", TRAINING.stage_specs(), driver, MemoryStore(), crashes=crashes or CrashPlan())


def predicted(inputs: Floats) -> Array:
    """Return what the initial weights predict for ``inputs``, in chunks of 256 as the messages are."""
    weights = [state.weights for state in TRAINING.initial.layers]
    chunks = [inputs[start : start + 256] for start in range(0, len(inputs), 256)]
    return np.concatenate([outputs_of(TRAINING.network, weights, chunk) for chunk in chunks])


# Events


def test_observers_see_every_step_and_every_epoch_in_order(host: Runtime) -> None:
    seen = Seen()
    outcome = carried_out(host, TRAINING.program(observers=[seen]))
    assert tuple(event.cost for event in seen.of(StepFinished)) == outcome.checkpoint.costs
    assert [event.step for event in seen.of(StepFinished)] == list(range(TRAINING.steps))
    assert tuple(seen.of(EpochFinished)) == outcome.history
    assert seen.of(Finished) == [Finished(TRAINING.steps)]


def test_observers_see_every_peer_start_from_left_to_right_and_stop_from_right_to_left(host: Runtime) -> None:
    seen = Seen()
    program = TRAINING.program(observers=[seen])
    carried_out(host, program)
    stages = len(program.stages)
    assert seen.events[:stages] == [PeerStarted(spec.address, spec.label, 1) for spec in program.stages]
    assert PeerStarted(TRAINER, "trainer", 1) in seen.events[stages:]
    assert seen.events[-len(program.peers) :] == [
        PeerExited(spec.address, spec.label, 1, "shutdown", orderly=True) for spec in reversed(program.peers)
    ]


def test_observers_see_why_a_peer_ended_before_they_see_its_next_start(host: Runtime) -> None:
    seen = Seen()
    plan = CrashPlan([Crash(layer=1, step=2, microbatch=1, at=Point.BACKWARD)])
    carried_out(host, TRAINING.program(crashes=plan, observers=[seen]))
    about = [event for event in seen.events if getattr(event, "address", None) == stage_address(1)]
    assert about == [
        PeerStarted(stage_address(1), "layer 1 relu", 1),
        PeerExited(
            stage_address(1),
            "layer 1 relu",
            1,
            "layer 1 (relu) failed in backward at step 2 microbatch 1, given (1, 6) float32: "
            "InjectedCrash: crash on order",
        ),
        PeerStarted(stage_address(1), "layer 1 relu", 2),
        PeerExited(stage_address(1), "layer 1 relu", 2, "shutdown", orderly=True),
    ]


@pytest.mark.parametrize("strategy", Strategy)
def test_observers_see_whom_the_strategy_stops_and_starts(host: Runtime, strategy: Strategy) -> None:
    seen = Seen()
    plan = CrashPlan([Crash(layer=3, step=2)])
    carried_out(host, TRAINING.program(crashes=plan, observers=[seen], supervision=Supervision(strategy)))
    crash = next(at for at, event in enumerate(seen.events) if isinstance(event, PeerExited))
    after = [event for event in seen.events[crash + 1 :] if isinstance(event, PeerExited | PeerStarted)]
    told = [(type(event).__name__, event.address) for event in after[: -len(TRAINING.placement) - 1]]
    stop, start = {
        Strategy.ONE_FOR_ONE: ([], [3]),
        Strategy.ONE_FOR_ALL: ([4, 2, 1, 0], [0, 1, 2, 3, 4]),
        Strategy.REST_FOR_ONE: ([4], [3, 4]),
    }[strategy]
    assert told == [("PeerExited", stage_address(each)) for each in stop] + [
        ("PeerStarted", stage_address(each)) for each in start
    ]


def raise_an_error() -> None:
    raise OSError("no space left")


def test_an_observer_that_raises_is_removed_and_harms_nothing(host: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    asked = list[Event]()

    def fail(event: Event) -> bool:
        asked.append(event)
        return isinstance(event, StepFinished) and event.step == 1

    before, after = Seen(), Seen()
    outcome = carried_out(host, TRAINING.program(observers=[before, When(fail, raise_an_error), after]))
    assert outcome.fingerprints == undisturbed(TRAINING).fingerprints
    assert outcome.restarts == 0
    for seen in (before, after):
        assert len(seen.of(StepFinished)) == TRAINING.steps
    assert isinstance(asked[-1], StepFinished)
    assert asked[-1].step == 1
    assert "no space left" in caplog.text


# Restarts


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("at", Point)
def test_a_crashed_layer_is_restarted_and_the_result_is_the_same(host: Runtime, strategy: Strategy, at: Point) -> None:
    plan = CrashPlan([Crash(layer=1, step=3, microbatch=1, at=at)])
    outcome = carried_out(host, TRAINING.program(crashes=plan, supervision=Supervision(strategy)))
    assert outcome.fingerprints == undisturbed(TRAINING).fingerprints
    assert outcome.history == undisturbed(TRAINING).history
    stages = len(TRAINING.placement)
    expected = {Strategy.ONE_FOR_ONE: 1, Strategy.ONE_FOR_ALL: stages, Strategy.REST_FOR_ONE: stages - 1}
    assert outcome.restarts == expected[strategy]


@pytest.mark.parametrize("strategy", Strategy)
def test_a_crashed_trainer_is_restarted_alone_and_the_result_is_the_same(host: Runtime, strategy: Strategy) -> None:
    asked = list[int]()

    def fails_once(history: tuple[EpochFinished, ...]) -> bool:
        asked.append(history[-1].epoch)
        if len(asked) == 1:
            raise OSError("the mail server is down")
        return False

    outcome = carried_out(host, TRAINING.program(halt=fails_once, supervision=Supervision(strategy)))
    assert outcome.fingerprints == undisturbed(TRAINING).fingerprints
    assert outcome.history == undisturbed(TRAINING).history
    assert asked == [0, 0, 1]
    assert outcome.restarts == 1


def test_a_layer_that_crashes_while_predicting_is_restarted_and_nothing_is_missing(
    host: Runtime, tally: RunCounts
) -> None:
    inputs = samples(600, TRAINING.cost).inputs
    stages = [fragile(each, tally) if each.stage == 1 else each for each in TRAINING.stage_specs()]
    program = replace(prediction(inputs), stages=tuple(stages))
    assert np.array_equal(committed_outputs(job := host.start(program), program), predicted(inputs))
    assert job.restarts == 1


@dataclass(frozen=True)
class Fragile(Activation):
    """A relu that fails at its second prediction, once."""

    tally: RunCounts = field(kw_only=True)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        if self.tally.add() == 2:
            raise OSError("once")
        return super().forward(parameters, inputs, None)


def fragile(stage: StageSpec, tally: RunCounts) -> StageSpec:
    """Return the stage with a layer that fails once."""
    return replace(stage, layers=(Fragile(Relu(), tally=tally),))


def test_a_layer_that_crashes_again_while_recovering_is_restarted_again(host: Runtime) -> None:
    plan = CrashPlan(
        [Crash(layer=1, step=3, times=2), Crash(layer=1, step=3, microbatch=1, at=Point.BACKWARD, times=2)]
    )
    outcome = carried_out(host, TRAINING.program(crashes=plan))
    assert outcome.fingerprints == undisturbed(TRAINING).fingerprints
    assert outcome.restarts == 4


# The end of a run that cannot go on


def failed(host: Runtime, program: Program) -> RunFailedError:
    job = host.start(program)
    try:
        with pytest.raises(RunFailedError) as caught:
            job.wait()
    finally:
        job.close()
    return caught.value


def test_a_poison_message_ends_the_run_and_names_layer_step_microbatch_and_shapes(host: Runtime) -> None:
    program = TRAINING.program(crashes=CrashPlan([Crash(layer=2, step=3, microbatch=2, at=Point.FORWARD, times=99)]))
    error = failed(host, program)
    assert str(error) == (
        "layer 2 (dropout:0.3) failed in forward at step 3 microbatch 2, given (1, 6) float32: "
        "InjectedCrash: crash on order (failed 3 times at the same message)"
    )


def test_the_error_of_a_failed_run_is_chained_to_the_layers_own(host: Runtime) -> None:
    error = failed(host, TRAINING.program(crashes=CrashPlan([Crash(layer=2, step=3, times=99)])))
    assert isinstance(error.__cause__, LayerError)
    assert error.__cause__.layer == 2
    original = error.__cause__.__cause__
    assert isinstance(original, InjectedCrash)
    assert original.__traceback__ is not None


def test_a_failed_run_leaves_the_last_step_that_all_committed(host: Runtime) -> None:
    program = TRAINING.program(crashes=CrashPlan([Crash(layer=2, step=3, times=99)]))
    failed(host, program)
    assert fingerprints(committed(program)) == fingerprints(at_every_step(TRAINING)[3])


def test_how_many_attempts_a_message_gets_can_be_set(host: Runtime) -> None:
    plan = CrashPlan([Crash(layer=2, step=3, times=99)])
    seen = Seen()
    failed(host, TRAINING.program(crashes=plan, supervision=Supervision(max_attempts=5), observers=[seen]))
    assert len([event for event in seen.of(PeerExited) if not event.orderly]) == 5


def test_too_many_restarts_end_the_run_and_name_the_layer(host: Runtime) -> None:
    plan = CrashPlan([Crash(layer=3, step=step) for step in range(4)])
    error = failed(host, TRAINING.program(crashes=plan, supervision=Supervision(max_restarts=2, max_seconds=100)))
    assert str(error) == (
        "layer 3 dense:3 ended once more than 2 restarts in 100 s allow; last: layer 3 (dense:3) failed in forward "
        "at step 2 microbatch 0, given (1, 6) float32: InjectedCrash: crash on order"
    )
    assert isinstance(error.__cause__, LayerError)


def test_a_trainer_that_always_fails_ends_the_run(host: Runtime) -> None:
    def fails(history: tuple[EpochFinished, ...]) -> bool:
        raise OSError("the mail server is down")

    error = failed(host, TRAINING.program(halt=fails))
    assert str(error) == "trainer: OSError: the mail server is down (failed 3 times at the same message)"
    assert isinstance(error.__cause__, OSError)


@dataclass(frozen=True)
class NoNumber(MeanSquaredError):
    """A cost that is no number."""

    def evaluate(self, outputs: Floats, targets: Array, samples: int) -> tuple[float, Floats]:
        return float("nan"), outputs * 0


def test_a_cost_that_is_no_number_ends_the_run_at_once(host: Runtime) -> None:
    seen = Seen()
    program = TRAINING.program(observers=[seen])
    *others, last = program.stages
    assert isinstance(last, StageSpec)
    program = replace(program, stages=(*others, replace(last, cost=NoNumber())))
    job = host.start(program)
    try:
        with pytest.raises(DivergedError, match="expected a finite cost, got nan at step 0 microbatch 0"):
            job.wait()
    finally:
        job.close()
    assert len([event for event in seen.of(PeerExited) if not event.orderly]) == 1


@dataclass(frozen=True)
class Unstartable:
    """A peer that cannot be made."""

    address: Address
    routing: Routing
    label: str = "a peer of glass"

    def node(self, *_: object) -> object:
        raise OSError("no such file")


def test_a_peer_that_cannot_be_started_ends_the_run_and_is_named(host: Runtime) -> None:
    program = TRAINING.program()
    first, _, *others = program.stages
    program = replace(program, stages=(first, Unstartable(stage_address(1), first.routing), *others))  # type: ignore[arg-type]
    with pytest.raises(RunFailedError, match="a peer of glass: OSError: no such file"):
        carried_out(host, program)


@dataclass(frozen=True)
class StartsOnce(StageSpec):
    """A stage that starts once and never again."""

    tally: RunCounts = field(kw_only=True)

    def node(
        self,
        snapshot: Snapshot | None,
        incarnation: int,
        instrument: Instrument = NO_INSTRUMENT,
        is_due: Callable[[int], bool] = every_step,
    ) -> Node:
        if self.tally.add() > 1:
            raise OSError("no such file")
        return super().node(snapshot, incarnation, instrument, is_due)


def test_a_peer_that_cannot_be_started_again_ends_the_run_and_is_named(host: Runtime, tally: RunCounts) -> None:
    program = TRAINING.program(crashes=CrashPlan([Crash(layer=1, step=2)]))
    first, second, *others = TRAINING.stage_specs()
    again = StartsOnce(**{each.name: getattr(second, each.name) for each in fields(second)}, tally=tally)
    program = replace(program, stages=(first, again, *others))
    error = failed(host, program)
    assert str(error) == "layer 1 relu: OSError: no such file (failed 3 times at the same message)"
    assert tally.count() == 4


# Halting


def halted(host: Runtime, step: int) -> tuple[Program, Job]:
    """Return a training that was told to halt when the cost of ``step`` was known, at its end."""
    jobs = list[Job]()
    told = threading.Event()

    def halt() -> None:
        told.wait()
        jobs[0].halt()

    program = TRAINING.program(observers=[When(after_step(step), halt)])
    jobs.append(host.start(program))
    told.set()
    try:
        jobs[0].wait()
    finally:
        jobs[0].close()
    return program, jobs[0]


@pytest.mark.parametrize("step", [0, 1, 2, 3, TRAINING.steps - 1])
def test_halting_finishes_what_was_fed_and_leaves_one_consistent_step(host: Runtime, step: int) -> None:
    program, _ = halted(host, step)
    checkpoint = committed(program)
    assert step < checkpoint.step <= TRAINING.steps
    assert fingerprints(checkpoint) == fingerprints(at_every_step(TRAINING)[checkpoint.step])
    for spec in program.stages:
        latest = program.store.latest(spec.address)
        assert latest is not None
        assert latest.step == checkpoint.step


def halted_at_once(host: Runtime, **settings: Any) -> Checkpoint:
    """Return what came of a training told to halt as soon as it had started; its second epoch waits for that."""
    told = threading.Event()

    def hold(history: tuple[EpochFinished, ...]) -> bool:
        told.wait()
        return False

    program = TRAINING.program(halt=hold, **settings)
    job = host.start(program)
    try:
        job.halt()
        told.set()
        job.wait()
    finally:
        told.set()
        job.close()
    return committed(program)


def test_a_run_can_be_halted_before_it_is_waited_for(host: Runtime) -> None:
    checkpoint = halted_at_once(host)
    assert checkpoint.step < TRAINING.steps
    assert fingerprints(checkpoint) == fingerprints(at_every_step(TRAINING)[checkpoint.step])


def test_halting_twice_is_halting_once(host: Runtime) -> None:
    program = TRAINING.program()
    job = host.start(program)
    try:
        job.halt()
        job.halt()
        job.wait()
        job.halt()
    finally:
        job.close()
    checkpoint = committed(program)
    assert fingerprints(checkpoint) == fingerprints(at_every_step(TRAINING)[checkpoint.step])


def test_a_halting_run_that_crashes_still_halts(host: Runtime) -> None:
    plan = CrashPlan([Crash(layer=layer, step=step, at=Point.COMMIT) for layer in (0, 3, 4) for step in (0, 1)])
    checkpoint = halted_at_once(host, crashes=plan)
    assert checkpoint.step < TRAINING.steps
    assert fingerprints(checkpoint) == fingerprints(at_every_step(TRAINING)[checkpoint.step])


# The whole job


class Broken(KeyboardInterrupt):
    """What the owner of a run does who closes it in the middle."""


@pytest.mark.parametrize("step", [0, 2, 3, TRAINING.steps - 1])
def test_a_job_that_was_closed_in_the_middle_goes_on_from_its_store(host: Runtime, step: int) -> None:
    store, reached = MemoryStore(), threading.Event()

    def stop() -> None:
        reached.set()
        if threading.current_thread() is threading.main_thread():
            raise Broken  # the only way out of a runtime that works in the thread that waits for it

    job = host.start(TRAINING.program(store=store, observers=[When(after_step(step), stop)]))
    try:
        with pytest.raises(Broken):
            if host.name == "inline":
                job.wait()
            reached.wait()
            raise Broken
    finally:
        job.close()
    outcome = carried_out(host, TRAINING.program(store=store))
    assert outcome.fingerprints == undisturbed(TRAINING).fingerprints
    assert outcome.history == undisturbed(TRAINING).history


def test_a_job_can_be_closed_twice_and_before_it_is_waited_for(host: Runtime) -> None:
    job = host.start(TRAINING.program())
    job.close()
    job.close()


def test_a_job_that_is_over_can_be_waited_for_again(host: Runtime) -> None:
    job = host.start(TRAINING.program())
    try:
        job.wait()
        job.wait()
    finally:
        job.close()


def test_jobs_do_not_disturb_each_other(host: Runtime) -> None:
    programs = [TRAINING.program(), TRAINING.program()]
    jobs = [host.start(program) for program in programs]
    try:
        for job in jobs:
            job.wait()
    finally:
        for job in jobs:
            job.close()
    assert {fingerprints(committed(program)) for program in programs} == {undisturbed(TRAINING).fingerprints}


@dataclass(frozen=True)
class Looks(Activation):
    """A relu that works under one BLAS thread only."""

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        assert set(blas_threads().values()) == {1}
        return super().forward(parameters, inputs, key)


def test_blas_has_one_thread_while_layers_work(host: Runtime) -> None:
    training = Training(epochs=1)
    stages = training.stage_specs()
    looks = replace(stages[1], layers=(Looks(Relu()),))
    carried_out(host, replace(training.program(), stages=(stages[0], looks, *stages[2:])), training)
