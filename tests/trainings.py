"""Small trainings that the tests share: a few milliseconds each, with everything in them that could go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np

from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.costs import cost
from annex_actors.data import Batches, Dataset, Samples
from annex_actors.layers import (
    Network,
    Stack,
    activation,
    dense,
    dropout,
    freeze,
    l1,
    l2,
    learning_rate,
    on_stack,
    residual,
    sequence,
)
from annex_actors.optimizers import Adam, Optimizer, Sgd, averaged, clipping, optimizer
from annex_actors.peers.reader import ReaderSpec
from annex_actors.peers.stage import StageSpec
from annex_actors.peers.stage_state import StageState
from annex_actors.peers.trainer import TrainerSpec
from annex_actors.placement import Plan
from annex_actors.protocol.events import EpochFinished, Event, StepFinished
from annex_actors.protocol.instrument import Instrument
from annex_actors.protocol.messages import Address
from annex_actors.protocol.messages import freeze as as_sent
from annex_actors.protocol.routing import TRAINER, Routing, stage_address
from annex_actors.runtimes import (
    CrashPlan,
    InlineRuntime,
    Job,
    Observer,
    ProcessesRuntime,
    Program,
    Runtime,
    Supervision,
    runtime,
)
from annex_actors.runtimes.blas import blas_threads
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.schedules.table import discipline
from annex_actors.stores import MemoryStore, StateStore
from annex_actors.testing.small_runs import ArraySource as ArraySource
from annex_actors.testing.small_runs import Seen as Seen
from annex_actors.testing.small_runs import When as When
from annex_actors.testing.small_runs import in_files
from annex_actors.training.assembly import one_stage_per_layer, stage_specs
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.halting import Halt
from annex_actors.training.learner import Learner
from annex_actors.training.plateau import reduce_on_plateau
from annex_actors.training.preparation import PreparedTraining
from tests.own_layers import LowRank, Norm
from tests.rays import shared_ray

FEATURES, CLASSES, TEST_SAMPLES = 4, 3, 7

CLASSIFIER = sequence(dense(6), activation("relu"), dropout(0.3), dense(CLASSES))
WIDE = sequence(dense(600), activation("relu"), dropout(0.3), dense(CLASSES))
"""With arrays so large that processes share them."""

REGRESSOR = sequence(dense(5), activation("tanh"), dense(2), activation("sigmoid"))
SHORT = sequence(dense(CLASSES))
SKIPPING = sequence(
    LowRank(2, 5), residual(dense(5), activation("relu"), residual(Norm(), activation("tanh"))), dense(CLASSES)
)
"""With skips within skips, two weight matrices in a layer, and running statistics."""

TUNED = sequence(
    freeze(dense(6), activation("relu")),
    residual(learning_rate(0.5, LowRank(2, 6)), freeze(Norm()), l1(0.01, activation("tanh"), dense(6))),
    dropout(0.2),
    l2(0.05, l1(0.001, dense(CLASSES))),
)
"""With layers that learn in other ways than the others, or not at all."""

MOMENTUM: Optimizer = Sgd(learning_rate=0.05, momentum=0.9)
ADAM: Optimizer = Adam(learning_rate=0.02)

EVERY_OPTIMIZER: dict[str, Optimizer] = {
    "sgd": optimizer("sgd", learning_rate="one_cycle:0.2:6", momentum=0.9, nesterov=True, weight_decay=0.1),
    "adam": optimizer("adam", learning_rate="warmup:2 polynomial:0.02:4:power=2", weight_decay=0.1),
    "adamw": optimizer("adamw", learning_rate="warmup:2 cosine_restarts:0.02:1:t_mult=2"),
    "rmsprop": optimizer(
        "rmsprop", learning_rate="exponential:0.02:0.8", momentum=0.9, centered=True, weight_decay=0.1
    ),
    "adagrad": optimizer("adagrad", learning_rate="warmup:0.1:3", initial_accumulator_value=0.1),
    "lion": optimizer("lion", learning_rate="stepwise:0.01:0.5:2", weight_decay=0.5, decay_biases=True),
}
"""Every optimizer by name, with as many slots as it can have, and each with another learning rate that varies."""


def outputs_of(network: Network, weights: Iterable[Parameters], inputs: Floats) -> Floats:
    """Return what a network with these weights predicts, layer by layer, in a loop."""
    stack: Stack = (inputs,)
    with blas_threads():  # as in every host
        for layer, own in zip(network.layers, weights, strict=True):
            stack, _ = on_stack(layer).forward(own, stack, None)
    return stack[0]


Fingerprints: TypeAlias = tuple[str, str, str]
"""The hashes of weights, of weights and optimizer, and of the costs."""


@cache
def samples(
    count: int,
    target: str,
    seed: int = 0,
    input_shape: Shape = (FEATURES,),
    tokens: int = 0,
    *,
    weighted: bool = False,
) -> Samples:
    """Return made samples that suit the cost named ``target``.

    Args:
        count: how many.
        target: the cost that they suit.
        seed: of their numbers.
        input_shape: of each.
        tokens: if not 0, they are whole numbers below it.
        weighted: whether they have weights, some of them 0.
    """
    numbers = np.random.default_rng(seed)
    shape = (count, *input_shape)
    inputs = numbers.integers(0, tokens, shape).astype(np.float64) if tokens else numbers.standard_normal(shape)
    weights = numbers.exponential(size=count) * (numbers.random(count) > 0.2) if weighted else None
    name = target.partition(":")[0]
    if name in ("softmax_cross_entropy", "hinge"):
        return Samples(inputs, np.abs(inputs).reshape(count, -1).sum(axis=1).astype(np.int64) % CLASSES, weights)
    chances = 1 / (1 + np.exp(-inputs.reshape(count, -1)[:, :2]))
    if name == "kl_divergence":
        chances /= chances.sum(axis=1, keepdims=True)
    return Samples(inputs, chances, weights)


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training as data.

    Args:
        network: its layers.
        cost: its cost, as text.
        optimizer: with its settings.
        clipping: of gradients.
        ema_momentum: of the averages of the weights.
        reduce_on_plateau: of the learning rate.
        schedule: the name of the discipline.
        microbatches: how many of them a batch is cut into.
        size: how many samples to train on.
        batch_size: of the steps.
        epochs: how many.
        seed: of everything random.
        input_shape: of a sample.
        tokens: if not 0, samples are whole numbers below it.
        stages: which layers, the cost as one after the last, make a stage; None: each layer.
        replicas: how many each stage has; empty: one each.
        weighted: whether the samples have weights.
        in_files: whether inputs are read by a reader, as if they were in files.
        blas_threads: on which each product is computed; or those of each layer.
    """

    network: Network = CLASSIFIER
    cost: str = "softmax_cross_entropy"
    optimizer: Optimizer = ADAM
    clipping: str | None = None
    ema_momentum: float | None = None
    reduce_on_plateau: str | None = None
    schedule: str = "1f1b"
    microbatches: int = 2
    size: int = 13
    batch_size: int = 5
    epochs: int = 2
    seed: int = 3
    input_shape: Shape = (FEATURES,)
    tokens: int = 0
    stages: tuple[range, ...] | None = None
    replicas: tuple[int, ...] = ()
    weighted: bool = False
    in_files: bool = False
    blas_threads: int | tuple[int, ...] = 1

    @property
    def steps(self) -> int:
        """How many steps all epochs make."""
        return self.epochs * -(-self.size // self.batch_size)

    @property
    def placement(self) -> tuple[range, ...]:
        """Which layers make which stage."""
        return self.stages or one_stage_per_layer(len(self.network.layers))

    @property
    def overlap(self) -> int:
        """How many steps may be under way at once."""
        return discipline(self.schedule).overlap(len(self.placement))

    @property
    def prepared(self) -> PreparedTraining:
        """The same training as a `Learner` prepares it, with a layer in each stage."""
        return PreparedTraining.of(self.learner().spec, self.dataset, epochs=self.epochs, batch_size=self.batch_size)

    @property
    def initial(self) -> Checkpoint:
        """The network before its first step."""
        return self.prepared.initial

    @property
    def dataset(self) -> Dataset:
        """What is learned from and judged by."""
        classes = tuple(map(str, range(CLASSES))) if self.learned.targets.ndim == 1 else None
        return Dataset("made", self.learned, self.judged, classes, None, "made for the tests")

    @property
    def learned(self) -> Samples:
        """The samples to train on."""
        return self._placed(samples(self.size, self.cost, 0, self.input_shape, self.tokens, weighted=self.weighted))

    @property
    def judged(self) -> Samples:
        """The samples to evaluate with."""
        return self._placed(samples(TEST_SAMPLES, self.cost, 1, self.input_shape, self.tokens, weighted=self.weighted))

    def _placed(self, made: Samples) -> Samples:
        return in_files(made) if self.in_files else made

    def learner(
        self,
        runtime: str | Runtime = "inline",
        supervision: Supervision | None = None,
        stages: str | int | Plan = "layer",
    ) -> Learner:
        """Return what trains it; with a layer in each stage unless told otherwise."""
        return Learner(
            self.network,
            cost=self.cost,
            optimizer=self.optimizer,
            clipping=self.clipping,
            ema_momentum=self.ema_momentum,
            reduce_on_plateau=self.reduce_on_plateau,
            microbatches=min(self.microbatches, self.batch_size),  # a learner refuses what cuts a batch no further
            schedule=self.schedule,
            runtime=runtime,
            seed=self.seed,
            stages=stages,
            supervision=supervision,
        )

    def stage_specs(self) -> tuple[StageSpec, ...]:
        """Return the stages."""
        return stage_specs(
            self.network,
            self.placement,
            cost=cost(self.cost),
            optimizer=averaged(self.optimizer, self.ema_momentum),
            clipping=clipping(self.clipping),
            discipline=discipline(self.schedule),
            state=self.initial,
            seed=self.seed,
            run="run",
            replicas=self.replicas,
        )

    def trainer_spec(self, halt: Halt | None = None) -> TrainerSpec:
        """Return the trainer."""
        data = self.dataset
        learned, judged = data.train, data.test
        shape = self.network.shapes(self.input_shape)[-1]
        encode = cost(self.cost).encode
        return TrainerSpec(
            run="run",
            routing=Routing(len(self.placement), reader=self.in_files, replicas=self.replicas),
            inputs=learned.inputs,
            targets=as_sent(encode(learned.targets, shape)),
            test=judged,
            test_targets=as_sent(encode(judged.targets, shape)),
            classes=data.classes,
            cost=cost(self.cost),
            batches=Batches(self.size, self.batch_size, self.seed),
            microbatches=self.microbatches,
            epochs=self.epochs,
            halt=halt,
            overlap=self.overlap,
            rate_factor=reduce_on_plateau(self.reduce_on_plateau),
            sample_weight=learned.sample_weight,
        )

    @property
    def saved_stages(self) -> list[Address]:
        """The stages whose commits a checkpoint needs, and the replicas where they divide the slots."""
        return [spec.address for spec in self.stage_specs() if spec.is_saved]

    def store(self) -> MemoryStore:
        """Return the store that a `Learner` would use."""
        return MemoryStore(self.saved_stages, depth=self.overlap + 1)

    def program(
        self,
        *,
        store: StateStore | None = None,
        supervision: Supervision | None = None,
        crashes: CrashPlan | None = None,
        observers: Sequence[Observer] = (),
        halt: Halt | None = None,
        load: tuple[str, ...] = (),
        instruments: Sequence[Instrument] = (),
    ) -> Program:
        """Return the training, ready for any runtime."""
        trainer = self.trainer_spec(halt)
        return Program(
            "run",
            self.stage_specs(),
            trainer,
            store or self.store(),
            supervision or Supervision(),
            crashes,
            tuple(observers),
            load,
            tuple(instruments),
            reader=ReaderSpec.of(trainer),
        )


def host_named(name: str) -> Runtime:
    """Return the runtime of that name, as tests use it: without processes in reserve, which start for nothing."""
    if name == "ray":
        return shared_ray()
    return ProcessesRuntime(spares=0) if name == "processes" else runtime(name)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a training came to."""

    checkpoint: Checkpoint
    history: tuple[EpochFinished, ...]
    restarts: int

    @property
    def fingerprints(self) -> Fingerprints:
        """The three hashes."""
        return fingerprints(self.checkpoint)


def fingerprints(checkpoint: Checkpoint) -> Fingerprints:
    """Return the three hashes of a checkpoint."""
    return checkpoint.weights_sha256, checkpoint.state_sha256, checkpoint.cost_log_sha256


def finish(job: Job, program: Program, initial: Checkpoint) -> Checkpoint:
    """Wait for the end of ``job``, and return what all stages committed, each replica of a stage the same weights."""
    try:
        job.wait()
    finally:
        job.close()
    specs = [spec for spec in program.stages if isinstance(spec, StageSpec)]
    checkpoint = Checkpoint.gather(program.store, [spec.address for spec in specs if spec.is_saved], initial)
    for spec in specs:
        commit = program.store.latest(spec.address)
        if commit is not None and commit.step == checkpoint.step:
            assert_same(spec, commit.state, checkpoint)
    return checkpoint


def assert_same(spec: StageSpec, found: StageState, whole: Checkpoint) -> None:
    """Check that what a stage or a replica has committed is its part of a checkpoint."""
    expected = whole.stage_state(spec.first_layer, len(spec.layers), with_costs=spec.cost is not None)
    expected = expected if spec.division is None else spec.division.of(expected)
    assert found.cost_log.costs() == expected.cost_log.costs()
    for mine, other in zip(found.layers, expected.layers, strict=True):
        for part in ("parameters", "optimizer", "state"):
            arrays, others = getattr(mine, part), getattr(other, part)
            assert {name: each.tobytes() for name, each in arrays.items()} == {
                name: each.tobytes() for name, each in others.items()
            }


def supervised(program: Program, host: Runtime) -> SupervisedJob:
    """Start ``program`` on a host that supervises its peers, and return its job."""
    job = host.start(program)
    assert isinstance(job, SupervisedJob)
    return job


def carry_out(program: Program, runtime: Runtime, initial: Checkpoint) -> Outcome:
    """Run ``program`` to its end, and gather what was committed."""
    job = runtime.start(program)
    checkpoint = finish(job, program, initial)
    commit = program.store.latest(TRAINER)
    assert commit is not None
    return Outcome(checkpoint, commit.state.history, job.restarts)


def train(training: Training, runtime: Runtime | None = None) -> Outcome:
    """Run ``training`` undisturbed; inline unless told otherwise."""
    return carry_out(training.program(), runtime or InlineRuntime(), training.initial)


@cache
def undisturbed(training: Training) -> Outcome:
    """Return what ``training`` comes to when nothing fails, by the inline runtime."""
    return train(training)


@cache
def at_every_step(training: Training) -> tuple[Checkpoint, ...]:
    """Return what an undisturbed inline run of ``training`` had committed after each number of steps, from 0."""
    store = MemoryStore(depth=training.steps + 1)
    history = carry_out(training.program(store=store), InlineRuntime(), training.initial).history
    return tuple(_checkpoint(training, store, step, history) for step in range(training.steps + 1))


def _checkpoint(training: Training, store: StateStore, step: int, history: Sequence[EpochFinished]) -> Checkpoint:
    stages = map(stage_address, range(len(training.placement)))
    snapshots = [store.at(stage, step) for stage in stages] if step else []
    if None in snapshots or not snapshots:
        return training.initial
    return Checkpoint.of([snapshot for snapshot in snapshots if snapshot], training.initial, history)


def after_step(step: int) -> Callable[[Event], bool]:
    """Return the condition that the cost of ``step`` is known."""
    return lambda event: isinstance(event, StepFinished) and event.step == step
