"""The learner: a network, how it learns, and where its layers live. The facade for people who write Python."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError, ShapeError
from annex_actors.base.types import Floats
from annex_actors.costs import Cost
from annex_actors.costs import cost as cost_named
from annex_actors.data import Batches, Dataset, Samples
from annex_actors.data.arrays import as_array
from annex_actors.layers import Kernels, Layer, Network, sequence
from annex_actors.layers import kernels as kernels_named
from annex_actors.metrics import predicted_classes, prepare
from annex_actors.optimizers import Optimizer
from annex_actors.optimizers import optimizer as optimizer_named
from annex_actors.peers.predictor import PredictorSpec
from annex_actors.peers.stage import StageSpec
from annex_actors.peers.trainer import TrainerSpec, TrainerState
from annex_actors.placement import network_work, partition
from annex_actors.protocol.events import EpochFinished
from annex_actors.protocol.messages import freeze
from annex_actors.protocol.routing import TRAINER, Routing
from annex_actors.runtimes import Crash, CrashPlan, Job, Observer, Program, Runtime, Supervision
from annex_actors.runtimes import runtime as runtime_named
from annex_actors.runtimes.blas import self_test
from annex_actors.schedules.discipline import Discipline
from annex_actors.schedules.table import discipline as discipline_named
from annex_actors.stores import MemoryStore, StateStore
from annex_actors.training.assembly import one_stage_per_layer, stage_specs
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.checkpoint_files import Checkpoints, CheckpointWriter
from annex_actors.training.interrupts import Interrupts

PER_LAYER = "layer"
"""The placement in which every layer has an actor of its own."""

Halt = Callable[[EpochFinished], bool]
"""Asked after every epoch; true ends the run."""


def loss_less_than(limit: float) -> Halt:
    """Return the halt condition that is met when an epoch's mean training cost is below ``limit``."""
    bound = checks.real_number("limit", limit)
    return lambda epoch: epoch.train_cost < bound


@dataclass(frozen=True, eq=False)
class Result:
    """What a training run came to.

    Args:
        checkpoint: weights, optimizer slots and costs at the last step that every layer committed.
        history: the epochs that were finished.
        restarts: how often any actor was started anew.
        seconds: from the first actor's start to the last one's end.
        samples: trained on, counted once per step; of a run that was resumed, since then.
        stages: how many actors the layers made.
        interrupted: whether Ctrl-C ended the run.
    """

    checkpoint: Checkpoint
    history: tuple[EpochFinished, ...]
    restarts: int
    seconds: float
    samples: int
    stages: int
    interrupted: bool = False

    @property
    def train_cost(self) -> float | None:
        """Mean cost over the last finished epoch's samples; None before the first."""
        return self.history[-1].train_cost if self.history else None

    @property
    def test_cost(self) -> float | None:
        """Mean cost over the test set after the last finished epoch."""
        return self.history[-1].test_cost if self.history else None

    @property
    def test_accuracy(self) -> float | None:
        """Part of the test samples that were classified right; None for regression."""
        return self.history[-1].metrics.get("accuracy") if self.history else None

    @property
    def samples_per_second(self) -> float:
        """Training throughput, evaluation and start included."""
        return self.samples / self.seconds if self.seconds else 0.0


class InterruptedRun(KeyboardInterrupt):
    """Ctrl-C ended a run in order; ``result`` holds the last step that every layer committed."""

    def __init__(self, result: Result) -> None:
        super().__init__(f"interrupted after step {result.checkpoint.step}")
        self.result = result


class Learner:
    """A network that learns, every layer an actor.

    Everything is checked here or at the beginning of `train`, before any actor starts.

    Args:
        network: made by `sequence`, or a single layer.
        cost: its name, or one of your own.
        optimizer: its name, or one with settings, such as ``Sgd(learning_rate=0.1, momentum=0.9)``.
        microbatches: into how many parts a batch is cut, >= 1. More keep more layers busy at once; fewer make larger,
            and so faster, matrix products. None: what suits the schedule, 2 or, where steps overlap, 1.
        schedule: its name (`annex_actors.schedules.table` has them), or one of your own. Synchronous ones give the same
            weights; asynchronous ones are faster and give those of their formula.
        runtime: ``schedulers``, ``threads``, ``processes`` or ``inline``; all give the same weights.
        stages: ``layer``, an actor for each layer and one for the cost; or a number of actors, from 1 to as many, among
            which the layers are divided by their estimated work. Fewer spare hops where layers have little to do. With
            synchronous schedules all give the same weights.
        kernels: who computes the matrix products, ``numpy`` or ``torch``; they round differently.
        seed: of everything random, >= 0.
        supervision: how failures are met.

    Raises:
        ConfigError: a setting out of range, or an unknown name.
    """

    def __init__(
        self,
        network: Network | Layer,
        *,
        cost: str | Cost = "softmax_cross_entropy",
        optimizer: str | Optimizer = "adam",
        microbatches: int | None = None,
        schedule: str | Discipline = "1f1b",
        runtime: str | Runtime = "schedulers",
        stages: str | int = PER_LAYER,
        kernels: str | Kernels = "numpy",
        seed: int = 0,
        supervision: Supervision | None = None,
    ) -> None:
        self.kernels = kernels_named(kernels) if isinstance(kernels, str) else kernels
        self.network = sequence(network).with_kernels(self.kernels)
        self.cost = cost_named(cost) if isinstance(cost, str) else cost
        self.optimizer = optimizer_named(optimizer) if isinstance(optimizer, str) else optimizer
        self.schedule = discipline_named(schedule) if isinstance(schedule, str) else schedule
        parts = self.schedule.microbatches if microbatches is None else microbatches
        self.microbatches = checks.whole_number("microbatches", parts, at_least=1)
        self.runtime = runtime_named(runtime) if isinstance(runtime, str) else runtime
        self.stages = _checked_stages(stages, len(self.network.layers))
        self.seed = checks.whole_number("seed", seed, at_least=0, below=2**64)
        self.supervision = supervision or Supervision()
        self.checkpoint: Checkpoint | None = None
        self.result: Result | None = None

    def check(self, dataset: Dataset, *, epochs: int = 10, batch_size: int = 32, crashes: Sequence[Crash] = ()) -> None:
        """Raise what `train` would raise before any actor starts; the arguments are those of `train`.

        Raises:
            UserError: settings or data that do not fit.
        """
        self._check_crashes(crashes, self._trainer(dataset, epochs, batch_size, halt=None))

    def train(
        self,
        dataset: Dataset,
        *,
        epochs: int = 10,
        batch_size: int = 32,
        halt: Halt | None = None,
        crashes: Sequence[Crash] = (),
        observers: Sequence[Observer] = (),
        checkpoints: Checkpoints | None = None,
        resume: Checkpoint | None = None,
    ) -> Result:
        """Train from the network's initial weights, or from a checkpoint on, and keep the weights for `predict`.

        Args:
            dataset: what to learn from; its test samples are evaluated after every epoch, by the same actors.
            epochs: at most so many passes over the training samples, >= 1.
            batch_size: samples in a step, >= ``microbatches``.
            halt: asked after every epoch, such as `loss_less_than`; true ends the run.
            crashes: failures to make on purpose.
            observers: who sees the events.
            checkpoints: where to save the run every so many steps, so that it survives a kill of the whole job.
            resume: where a run with the same settings and data was cut off; it goes on to the same bits.

        Raises:
            UserError: settings or data that do not fit, before any actor starts; or a cost that became infinite.
            RunFailedError: a layer that cannot be made to work; ``learner.checkpoint`` holds the last committed step.
            InterruptedRun: Ctrl-C; it holds the result so far. (A second Ctrl-C ends the wait for the steps at hand.)

        However a run ends that had begun, ``learner.result`` says what it came to.
        """
        self.result = None
        trainer = self._trainer(dataset, epochs, batch_size, halt)
        initial = resume or Checkpoint.initial(self.network, dataset.input_shape, self.optimizer, self.seed)
        if resume is not None:
            trainer = replace(trainer, resumed=_resumed(resume, trainer))
        stages = self._stages(initial, trainer.run)
        self._check_crashes(crashes, trainer)
        writer = CheckpointWriter(checkpoints, dataset.input_shape, lambda: _history(store)) if checkpoints else None
        store = MemoryStore(
            (stage.address for stage in stages),
            depth=trainer.overlap + 1,
            every=checkpoints.every if checkpoints else 0,
            on_cut=writer.offer if writer else None,
        )
        program = Program(
            trainer.run,
            stages,
            trainer,
            store,
            self.supervision,
            CrashPlan(crashes) if crashes else None,
            tuple(observers),
        )
        if trainer.test is not None:
            prepare()
        began, interrupted = time.perf_counter(), False
        with Interrupts() as interrupts, writer or nullcontext():
            job = self._start(program)
            if writer is not None:
                writer.tell = job.emit
            try:
                with interrupts.let_through():
                    job.wait()
            except KeyboardInterrupt:
                interrupted = True
                job.halt()
                with interrupts.let_through():
                    job.wait()
            finally:
                job.close()
                history = _history(store) or initial.history
                self.checkpoint = Checkpoint.gather(store, [stage.address for stage in stages], initial, history)
                self.result = Result(
                    checkpoint=self.checkpoint,
                    history=history,
                    restarts=job.restarts,
                    seconds=time.perf_counter() - began,
                    samples=sum(trainer.batches.size(step) for step in range(initial.step, self.checkpoint.step)),
                    stages=len(stages),
                    interrupted=interrupted,
                )
        if interrupted:
            raise InterruptedRun(self.result)
        return self.result

    def predict(self, inputs: ArrayLike) -> Floats:
        """Return the trained network's predictions, by the same actors: probabilities where the cost gives them.

        Args:
            inputs: ``(samples, *input_shape)``.

        Returns:
            ``(samples, *output_shape)``, float32.

        Raises:
            DataError: inputs that are not finite, or none; no trained weights.
            ShapeError: inputs of another shape than the network was trained on.
        """
        if self.checkpoint is None:
            raise DataError("expected trained weights to predict with, got none; call train() first")
        array, expected = as_array(inputs, "inputs"), self.checkpoint.input_shape
        if array.ndim == 0 or array.shape[1:] != expected:
            wanted = ", ".join(["samples", *map(str, expected)])
            raise ShapeError(f"expected inputs of shape ({wanted}), as in training, got {array.shape}; reshape them")
        samples = Samples(array, np.zeros(len(array), np.int64)).inputs
        stages = self._stages(self.checkpoint, _run_name())
        store = MemoryStore()
        predictor = PredictorSpec(stages[0].run, stages[0].routing, samples, self.checkpoint.step)
        job = self._start(Program(predictor.run, stages, predictor, store, self.supervision))
        try:
            job.wait()
        finally:
            job.close()
        commit = store.latest(TRAINER)
        assert commit is not None
        return self.cost.predictions(commit.state)

    def _check_crashes(self, crashes: Sequence[Crash], trainer: TrainerSpec) -> None:
        for crash in crashes:
            parts = self.microbatches
            if 0 <= crash.step < trainer.steps:  # a short last batch has fewer
                parts = min(parts, len(trainer.batches.indices(crash.step)))
            crash.check(layers=len(self.network.layers) + 1, steps=trainer.steps, microbatches=parts)

    @property
    def _actors(self) -> int:
        return len(self.network.layers) + 1 if isinstance(self.stages, str) else self.stages

    def _placement(self, state: Checkpoint) -> tuple[range, ...]:
        if isinstance(self.stages, str):
            return one_stage_per_layer(len(self.network.layers))
        parameters = [layer.parameters for layer in state.layers]
        return partition(network_work(self.network, state.input_shape, parameters), self.stages)

    def _start(self, program: Program) -> Job:
        self_test(self.kernels)
        return self.runtime.start(program)

    def _stages(self, state: Checkpoint, run: str) -> tuple[StageSpec, ...]:
        return stage_specs(
            self.network,
            self._placement(state),
            cost=self.cost,
            optimizer=self.optimizer,
            discipline=self.schedule,
            state=state,
            seed=self.seed,
            run=run,
        )

    def _trainer(self, dataset: Dataset, epochs: int, batch_size: int, halt: Halt | None) -> TrainerSpec:
        checks.whole_number("epochs", epochs, at_least=1)
        checks.whole_number("batch_size", batch_size, at_least=1)
        if self.microbatches > batch_size:
            raise ConfigError(
                f"expected `microbatches` to be at most the batch size {batch_size}, got {self.microbatches}; "
                "cut the batch into fewer, or make it larger"
            )
        if halt is not None and not callable(halt):
            raise ConfigError(
                f"expected `halt` to be a function of an epoch, such as loss_less_than(0.1), got {halt!r}"
            )
        self.schedule.check(self._actors, self.microbatches)
        output_shape = self.network.shapes(dataset.input_shape)[-1]
        targets = self.cost.encode(dataset.train.targets, output_shape)
        test_targets = self.cost.encode(dataset.test.targets, output_shape)
        if dataset.classes:  # or the first evaluation would find out
            predicted_classes(np.zeros((1, *output_shape), np.float32), 1, len(dataset.classes))
        return TrainerSpec(
            run=_run_name(),
            routing=Routing(self._actors),
            inputs=dataset.train.inputs,
            targets=freeze(targets),
            test=dataset.test,
            test_targets=freeze(test_targets),
            classes=dataset.classes,
            cost=self.cost,
            batches=Batches(len(dataset.train), batch_size, self.seed),
            microbatches=self.microbatches,
            epochs=epochs,
            halt=halt,
            overlap=self.schedule.overlap(self._actors),
        )


def _checked_stages(stages: str | int, layers: int) -> str | int:
    if isinstance(stages, str):
        if stages != PER_LAYER:
            raise ConfigError(f'expected `stages` to be "{PER_LAYER}" or an integer >= 1, got {stages!r}')
        return stages
    number = checks.whole_number("stages", stages, at_least=1)
    if number > layers + 1:
        raise ConfigError(
            f"expected `stages` to be at most {layers + 1}, an actor for each of {layers} layers and one for the cost, "
            f"got {number}; ask for fewer"
        )
    return number


def _history(store: StateStore) -> tuple[EpochFinished, ...]:
    """Return the epochs that the trainer has finished."""
    commit = store.latest(TRAINER)
    return commit.state.history if commit and isinstance(commit.state, TrainerState) else ()


def _resumed(checkpoint: Checkpoint, trainer: TrainerSpec) -> TrainerState:
    """Return the state of the trainer at a checkpoint; whether to halt after its last epoch is asked again."""
    state = TrainerState.after(checkpoint.costs, checkpoint.history, trainer.batches)
    if trainer.halt is None or not state.history or state.history[-1].steps < state.reported:
        return state
    return replace(state, halt_at=state.reported) if trainer.halt(state.history[-1]) else state


def _run_name() -> str:
    return uuid.uuid4().hex[:12]
