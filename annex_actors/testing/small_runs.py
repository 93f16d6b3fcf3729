"""Small trainings for the checker of runtimes: each takes a few milliseconds and uses every feature of a run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Array, DType, Floats, Parameters, Shape
from annex_actors.data import Dataset, Samples
from annex_actors.data.sources.stored import StoredInputs, as_inputs
from annex_actors.layers import Activation, Saved, activation, dense, dropout, sequence
from annex_actors.layers.activations import Relu
from annex_actors.peers.predictor import PredictorSpec
from annex_actors.peers.stage import StageSpec
from annex_actors.protocol.events import EpochFinished, Event, StepFinished
from annex_actors.protocol.messages import Answer, freeze
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.runtimes import InlineRuntime, Job, Observer, Program, Runtime
from annex_actors.stores import MemoryStore
from annex_actors.testing.promises import require
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.halting import Halt
from annex_actors.training.learner import Learner
from annex_actors.training.preparation import PreparedTraining

CLASSIFIER = sequence(dense(6), activation("relu"), dropout(0.3), dense(3))
REGRESSOR = sequence(dense(5), activation("tanh"), dense(2), activation("sigmoid"))

STAGES, STEPS = 5, 6
"""Of each training: an actor for each layer and for the cost; two epochs of three steps, the last one short."""

TIMEOUT_S = 60.0
"""Seconds after which a run of milliseconds is considered to stand still."""

_Event = TypeVar("_Event", bound=Event)


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Rows in memory in the place of rows in files; a `Source` without a disk.

    Args:
        array: of all rows.
    """

    array: Array
    place = "an array"

    @property
    def shape(self) -> Shape:
        """``(samples, *input_shape)``."""
        return self.array.shape

    @property
    def dtype(self) -> DType:
        """Of the array."""
        return self.array.dtype

    def read(self, rows: Array) -> Array:
        """Return rows by their numbers."""
        return self.array[rows]


def in_files(samples: Samples) -> Samples:
    """Return the same samples, with inputs that a reader reads, as if they were in files."""
    return Samples(as_inputs(StoredInputs(ArraySource(samples.inputs))), samples.targets, samples.sample_weight)


@cache
def prepared(
    schedule: str = "1f1b", microbatches: int = 3, *, classes: bool = True, reader: bool = False
) -> PreparedTraining:
    """Return a training of a classifier, or of a regressor, perhaps with inputs that a reader reads."""
    learner = Learner(
        CLASSIFIER if classes else REGRESSOR,
        cost="softmax_cross_entropy" if classes else "mean_squared_error",
        schedule=schedule,
        microbatches=microbatches,
        seed=3,
    )
    names = ("0", "1", "2") if classes else None
    train, test = _samples(13, 0, classes), _samples(7, 1, classes)
    if reader:
        train, test = in_files(train), in_files(test)
    dataset = Dataset("made", train, test, names, None, "made for a check")
    return PreparedTraining.of(learner.spec, dataset, epochs=2, batch_size=5)


@cache
def _samples(count: int, seed: int, classes: bool) -> Samples:
    inputs = np.random.default_rng(seed).standard_normal((count, 4))
    targets = np.abs(inputs).sum(axis=1).astype(np.int64) % 3 if classes else 1 / (1 + np.exp(-inputs[:, :2]))
    return Samples(inputs, targets)


def program(
    training: PreparedTraining | None = None,
    *,
    halt: Halt | None = None,
    observers: Sequence[Observer] = (),
    **changes: object,
) -> Program:
    """Return a training, ready for a runtime, with a store of its own; ``changes`` replace fields of the program."""
    training = training or prepared()
    if halt is not None:
        training = replace(training, trainer=replace(training.trainer, halt=halt))
    overlap = training.trainer.overlap
    store = MemoryStore((spec.address for spec in training.program(MemoryStore(), ()).stages), depth=overlap + 1)
    return replace(training.program(store, observers), **changes)  # type: ignore[arg-type]


def prediction(stages: Sequence[StageSpec] = (), **changes: object) -> Program:
    """Return a program that predicts with the initial weights; ``changes`` replace its fields."""
    made = prepared().program(MemoryStore(), ())
    driver = PredictorSpec(made.run, made.driver.routing, 0)
    program = replace(made, driver=driver, stages=tuple(stages) or made.stages)
    return replace(program, **changes)  # type: ignore[arg-type]


@cache
def some_inputs(samples: int, seed: int = 2) -> Floats:
    """Return inputs of the classifier, read-only."""
    return freeze(np.random.default_rng(seed).standard_normal((samples, 4)).astype(np.float32))


def asked(job: Job, run: Program, inputs: Floats, first: int = 0) -> Floats:
    """Ask a predictor for its outputs; ``first`` is the number of the first message that the inputs fill."""
    assert isinstance(run.driver, PredictorSpec)
    answer = job.ask(run.driver.ask(inputs, first))
    assert isinstance(answer, Answer)
    return answer.array


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a training."""

    checkpoint: Checkpoint
    history: tuple[EpochFinished, ...]
    restarts: int


def committed(run: Program, training: PreparedTraining | None = None) -> Checkpoint:
    """Return the last step that every stage has committed."""
    return Checkpoint.gather(run.store, [spec.address for spec in run.stages], (training or prepared()).initial)


def carried_out(runtime: Runtime, run: Program, training: PreparedTraining | None = None) -> Outcome:
    """Run a training, and return its result."""
    job = finished(runtime, run)
    commit = run.store.latest(TRAINER)
    assert commit is not None
    return Outcome(committed(run, training), commit.state.history, job.restarts)


def finished(runtime: Runtime, run: Program, act: Callable[[Job], None] = lambda job: None) -> Job:
    """Start a job, call ``act`` with it, wait for it, close it, and return it."""
    job = runtime.start(run)
    try:
        act(job)
        job.wait()
    finally:
        job.close()
    return job


def asked_in_time(runtime: Runtime, run: Program, inputs: Floats, otherwise: str) -> tuple[Floats, int]:
    """Return a predictor's outputs, and how many peers were restarted meanwhile.

    Raises:
        AssertionError: with the line ``otherwise``, if it does not answer.
    """
    job, answers, errors = runtime.start(run), list[Floats](), list[Exception]()

    def ask() -> None:
        try:
            answers.append(asked(job, run, inputs))
        except Exception as error:  # noqa: BLE001 - raised below, in the thread that checks
            errors.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    stands_still, restarts = thread.is_alive(), job.restarts
    job.close()
    require(not stands_still, otherwise)
    require(not errors, f"{otherwise} ({errors[0] if errors else ''})")
    return answers[0], restarts


def oracle(training: PreparedTraining | None = None) -> Outcome:
    """Return the result of a training on the inline runtime."""
    return _oracle(training or prepared())


@cache
def _oracle(training: PreparedTraining) -> Outcome:
    return carried_out(InlineRuntime(), program(training), training)


@cache
def _at_every_step() -> MemoryStore:
    store = MemoryStore(depth=STEPS + 1)
    finished(InlineRuntime(), program(store=store))
    return store


def after_step(step: int) -> Checkpoint:
    """Return the checkpoint of the oracle after ``step`` steps, ``step`` >= 1."""
    cut = [_at_every_step().at(stage_address(stage), step) for stage in range(STAGES)]
    return Checkpoint.of([commit for commit in cut if commit is not None], prepared().initial)


def same(one: Checkpoint, other: Checkpoint) -> bool:
    """Return whether weights, optimizer state and costs have the same bits."""
    return one.hashes == other.hashes


def require_bits(outcome: Outcome, expected: Outcome, what: str) -> None:
    """Require that a training has the bits of the oracle."""
    same_bits = same(outcome.checkpoint, expected.checkpoint) and outcome.history == expected.history
    require(same_bits, f"expected {what} to have the bits of the oracle, got others")


def expected_outputs(inputs: Floats) -> Floats:
    """Return the predictions of the inline runtime."""
    run = prediction()
    with closing(InlineRuntime().start(run)) as job:
        return asked(job, run, inputs)


class Seen:
    """An observer that records every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        """Record an event."""
        self.events.append(event)

    def of(self, kind: type[_Event]) -> list[_Event]:
        """Return the events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]


@dataclass(frozen=True)
class When:
    """An observer that acts at every event that meets a condition."""

    condition: Callable[[Event], bool]
    action: Callable[[], object]

    def on_event(self, event: Event) -> None:
        """Act if the event meets the condition."""
        if self.condition(event):
            self.action()


def at_step(step: int) -> Callable[[Event], bool]:
    """Return the condition that the cost of ``step`` is known."""
    return lambda event: isinstance(event, StepFinished) and event.step == step


@dataclass(frozen=True)
class Counter:
    """A count in a file, which processes share."""

    path: Path

    def add(self) -> int:
        """Add one, and return the count."""
        with self.path.open("ab") as file:
            file.write(b".")
        return self.path.stat().st_size


@dataclass(frozen=True)
class Fragile(Activation):
    """A relu that fails in some of its calls, which are numbered from 1."""

    counter: Counter = field(kw_only=True)
    failing: range = field(kw_only=True)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Count the call; fail or compute."""
        if self.counter.add() in self.failing:
            raise OSError("out of order")
        return super().forward(parameters, inputs, None)


def fragile(counter: Counter, failing: range) -> tuple[StageSpec, ...]:
    """Return the stages of the classifier with a fragile layer 1."""
    stages = prepared().spec.stage_specs(prepared().initial, prepared().trainer.run)
    broken = replace(stages[1], layers=(Fragile(Relu(), counter=counter, failing=failing),))
    return (stages[0], broken, *stages[2:])
