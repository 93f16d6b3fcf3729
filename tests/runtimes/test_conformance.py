"""What all runtimes have in common; a new one is one more line. Most tests are the checks of `check_runtime`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import pytest

from annex_actors.base.errors import DivergedError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Array, Floats, Parameters
from annex_actors.costs import MeanSquaredError, cost
from annex_actors.layers import Activation, Saved
from annex_actors.layers.activations import Relu
from annex_actors.metrics import evaluate
from annex_actors.peers.predictor import PredictorSpec
from annex_actors.peers.stage import StageSpec
from annex_actors.protocol.events import EpochFinished, Event, PeerExited, StepFinished
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument
from annex_actors.protocol.messages import Address, Answer
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.routing import Routing, stage_address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import (
    Crash,
    CrashPlan,
    InlineRuntime,
    ProcessesRuntime,
    Program,
    RunFailedError,
    Runtime,
    SchedulersRuntime,
    ThreadsRuntime,
    runtime,
)
from annex_actors.stores import MemoryStore
from annex_actors.testing.left_behind import blas_threads, nothing_left_behind
from annex_actors.testing.runtimes import RUNTIME_CHECKS
from tests.trainings import (
    TEST_SAMPLES,
    Outcome,
    Seen,
    Training,
    When,
    at_every_step,
    carry_out,
    outputs_of,
    samples,
    train,
    undisturbed,
)


@dataclass(frozen=True)
class RunCounts:
    """A count in a file, which processes share."""

    path: Path

    def add(self) -> int:
        """Add one, and return the count."""
        with self.path.open("ab") as file:
            file.write(b".")
        return self.count()

    def count(self) -> int:
        """Return the count."""
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


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Check after every test that no thread and no process is left, and that BLAS has as many threads as before."""
    with nothing_left_behind():
        yield


def carried_out(host: Runtime, program: Program, training: Training = TRAINING) -> Outcome:
    return carry_out(program, host, training.initial)


def test_a_runtime_is_found_by_its_name(host: Runtime) -> None:
    assert type(runtime(host.name)) is type(host)


@pytest.mark.parametrize("check", RUNTIME_CHECKS, ids=lambda check: check.__name__)
def test_a_runtime_keeps_its_promises(host: Runtime, check: Callable[[Runtime], None]) -> None:
    check(host)


# Work


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
    driver = PredictorSpec("run", Routing(len(TRAINING.placement)), 0)
    with closing(host.start(Program("run", TRAINING.stage_specs(), driver, MemoryStore()))) as job:
        answer = job.ask(driver.ask(inputs))
    assert isinstance(answer, Answer)
    assert np.array_equal(answer.array, predicted(inputs))


def predicted(inputs: Floats) -> Array:
    """Return the predictions of the initial weights for ``inputs``, in chunks of 256, like the messages."""
    weights = [state.weights for state in TRAINING.initial.layers]
    chunks = [inputs[start : start + 256] for start in range(0, len(inputs), 256)]
    return np.concatenate([outputs_of(TRAINING.network, weights, chunk) for chunk in chunks])


# Events


def raise_an_error() -> None:
    raise OSError("no space left")


def test_an_observer_that_raises_is_removed_and_nothing_else_is_affected(
    host: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
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


# The end of a run that cannot go on


def failed(host: Runtime, program: Program) -> RunFailedError:
    job = host.start(program)
    try:
        with pytest.raises(RunFailedError) as caught:
            job.wait()
    finally:
        job.close()
    return caught.value


def test_a_trainer_that_always_fails_ends_the_run(host: Runtime) -> None:
    def fails(history: tuple[EpochFinished, ...]) -> bool:
        raise OSError("the mail server is down")

    error = failed(host, TRAINING.program(halt=fails))
    where = f"tests/runtimes/test_conformance.py:{fails.__code__.co_firstlineno + 1} in fails"
    assert str(error) == f"trainer: OSError: the mail server is down ({where}; failed 3 times at the same message)"
    assert isinstance(error.__cause__, OSError)


@dataclass(frozen=True)
class NoNumber(MeanSquaredError):
    """A cost whose value is not a number."""

    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        return float("nan"), outputs * 0


def test_a_cost_that_is_not_a_number_ends_the_run_at_once(host: Runtime) -> None:
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
    """A peer whose node cannot be made."""

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
    assert str(error).startswith("layer 1 relu: OSError: no such file (tests/runtimes/")
    assert str(error).endswith(" in node; failed 3 times at the same message)")
    assert tally.count() == 4


# The whole job


@dataclass(frozen=True)
class Looks(Activation):
    """A relu that requires one BLAS thread."""

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        assert set(blas_threads().values()) == {1}
        return super().forward(parameters, inputs, key)


def test_blas_has_one_thread_while_layers_work(host: Runtime) -> None:
    training = Training(epochs=1)
    stages = training.stage_specs()
    looks = replace(stages[1], layers=(Looks(Relu()),))
    carried_out(host, replace(training.program(), stages=(stages[0], looks, *stages[2:])), training)
