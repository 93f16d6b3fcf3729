"""Prepare a training before any actor starts: check settings and data against each other, and make the program."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.types import Floats
from annex_actors.base.words import counted
from annex_actors.costs import check_takes_weights
from annex_actors.data import Batches, Dataset, Samples
from annex_actors.data.sources.stored import converted, stored
from annex_actors.layers import Network
from annex_actors.layers.microbatches import check_microbatches
from annex_actors.layers.samples import check_samples, takes_indices
from annex_actors.metrics import chosen, predicted_classes
from annex_actors.peers.reader import ReaderSpec
from annex_actors.peers.trainer import TrainerSpec
from annex_actors.peers.trainer_state import TrainerState
from annex_actors.protocol.messages import Address, freeze
from annex_actors.protocol.routing import Routing
from annex_actors.runtimes import Crash, CrashPlan, Observer, Program
from annex_actors.stores import StateStore
from annex_actors.training.best import BestWeights
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.class_weights import training_weights
from annex_actors.training.halting import Halt, best_of, monitors_of
from annex_actors.training.halts import halt as halt_named
from annex_actors.training.identification import identity_of
from annex_actors.training.identity import Identity
from annex_actors.training.initial_weights import with_weights
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.wholeness import check_whole


@dataclass(frozen=True, eq=False)
class PreparedTraining:
    """A training that was checked and has not started; made by `of`.

    Args:
        spec: how to train.
        trainer: the trainer, with encoded samples.
        initial: the network before its first step, or the checkpoint to resume from.
        crashes: failures to inject.
        dataset: what it trains on, with its validation samples.
    """

    spec: LearnerSpec
    trainer: TrainerSpec
    initial: Checkpoint
    crashes: tuple[Crash, ...]
    dataset: Dataset

    @classmethod
    def of(
        cls,
        spec: LearnerSpec,
        dataset: Dataset,
        *,
        epochs: int,
        batch_size: int,
        halt: str | Halt | None = None,
        validation: float | Samples | None = None,
        metrics: Sequence[str] | None = None,
        evaluate_every: int | None = None,
        crashes: Sequence[Crash] = (),
    ) -> Self:
        """Return the training of this network on these data; for the arguments see `Learner.train`.

        Raises:
            UserError: settings or data that do not fit.
        """
        checks.instance("dataset", dataset, Dataset, 'a data set, such as load("iris") or Dataset.from_arrays(x, y)')
        planned = checks.elements("crashes", crashes, Crash, "a crash such as Crash(layer=1, step=3)")
        epochs = checks.whole_number("epochs", epochs, at_least=1)
        batch_size = checks.whole_number("batch_size", batch_size, at_least=1)
        dataset = _with_validation(dataset, validation, spec.seed)
        spec = replace(spec, microbatches=spec.parts(batch_size))  # from here on a number, which the result records
        trainer = _trainer(spec, dataset, epochs, batch_size, halt_named(halt), metrics)
        if evaluate_every is not None:
            every = checks.whole_number("evaluate_every", evaluate_every, at_least=1)
            trainer = replace(trainer, evaluate_every=every)
        initial = spec.initial(dataset.input_shape)
        _check_crashes(planned, spec, trainer)
        identity = identity_of(
            spec, dataset, batch_size, initial, metrics=trainer.metrics or {}, evaluate_every=evaluate_every
        )
        return cls(spec, trainer, replace(initial, identity=identity), planned, dataset)

    def __repr__(self) -> str:
        return f"PreparedTraining({counted(self.trainer.steps, 'step')} of {shown(self.spec.network)})"

    @property
    def identity(self) -> Identity:
        """What decides the bits of this training."""
        assert self.initial.identity is not None  # `of` gives it one, and `resumed` takes no checkpoint without
        return self.initial.identity

    def begun(
        self,
        resume: Checkpoint | None,
        initial_weights: Mapping[str, ArrayLike] | None,
        *,
        own: Checkpoint | None = None,
    ) -> Self:
        """Return the training from where it begins: a checkpoint, given weights, the learner's own state, or drawn.

        Raises:
            UserError: they do not fit, or there are both a checkpoint and weights.
        """
        if initial_weights is not None:
            if resume is not None:
                raise ConfigError(
                    "expected `resume` or `initial_weights`, got both; `resume` goes on with a training, "
                    "`initial_weights` begins a new one"
                )
            return self.beginning_with(initial_weights)
        if resume is not None or own is None:
            return self if resume is None else self.resumed(resume)
        if own.identity is None and own.step == 0:  # given weights, with which nothing has been trained yet
            return self.beginning_with(own.weights)
        finished = len(own.history)
        if self.trainer.epochs <= finished:
            raise ConfigError(
                f"expected `epochs` to be more than the {finished} that this learner has finished, got "
                f"{self.trainer.epochs}; it is the total: ask for more, or begin with a new Learner"
            )
        return self.resumed(own)

    def identified_by(self, identity: Identity) -> Self:
        """Return the same training with this identity, for one whose own initial weights are not read again."""
        return replace(self, initial=replace(self.initial, identity=identity))

    def beginning_with(self, weights: Mapping[str, ArrayLike]) -> Self:
        """Return a training that begins with these weights instead, named as those of a `Checkpoint`.

        Raises:
            UserError: they do not fit the network; the message names the layer.
        """
        initial = with_weights(self.initial, weights, self.spec.network, self.spec.stage_optimizer)
        return replace(self, initial=initial)

    def resumed(self, checkpoint: Checkpoint) -> Self:
        """Return the same training, resumed from one of its checkpoints.

        With which weights it once began is not asked again: the checkpoint has it.

        Raises:
            ConfigError: it is a checkpoint of another training, or past the last epoch of this one; or a crash is
                planned for a step before it.
            DataError: its parts do not fit together.
        """
        checks.instance("resume", checkpoint, Checkpoint, "a checkpoint, such as that of a Result")
        if checkpoint.identity is None:
            raise ConfigError(
                "expected a checkpoint to go on from, got weights alone; `annex-actors resume` goes on with their run, "
                "and `initial_weights` begins a new training with them"
            )
        training = self.identified_by(self.identity.beginning_with(checkpoint.identity.initial_weights))
        training.check(checkpoint)
        training._check_end(checkpoint)
        BestWeights(self.trainer.best, checkpoint).check()
        trainer = replace(self.trainer, resumed=_trainer_state(checkpoint, self.trainer))
        return replace(training, trainer=trainer, initial=checkpoint)

    def check(self, checkpoint: Checkpoint) -> None:
        """Refuse a checkpoint that this training, with any number of epochs, cannot have left.

        Raises:
            ConfigError: it is of another training; the message names the first setting that differs.
            DataError: its parts do not fit together.
        """
        (checkpoint.identity or Identity({})).check(self.identity)
        check_whole(checkpoint, self.initial, self.spec.lags(self.initial), self.trainer)

    def _check_end(self, checkpoint: Checkpoint) -> None:
        """Refuse to end before the checkpoint, or to crash there: neither would ever come."""
        trainer, step = self.trainer, checkpoint.step
        if step > trainer.steps:
            least = -(-step // trainer.batches.steps_per_epoch)
            raise ConfigError(
                f"expected `epochs` to be at least {least}, since training is at step {step}, got {trainer.epochs}; "
                "it is the total, from the beginning: ask for more"
            )
        for crash in self.crashes:
            if crash.step < step:
                raise ConfigError(
                    f"expected the crash's `step` to be at least {step}, where the training goes on, got {crash.step}"
                )

    @property
    def saved_stages(self) -> tuple[Address, ...]:
        """The stages whose commits a checkpoint needs, in order, and the replicas where they divide the slots."""
        specs = self.spec.stage_specs(self.initial, self.trainer.run)
        return tuple(spec.address for spec in specs if spec.is_saved)

    def program(
        self, store: StateStore, observers: Sequence[Observer], seconds: Callable[[], float] = float
    ) -> Program:
        """Return the program that a runtime starts.

        Args:
            store: where the peers commit.
            observers: called with the run's events.
            seconds: see `TrainerSpec`.
        """
        hosting = self.spec.hosting
        return Program(
            self.trainer.run,
            self.spec.stage_specs(self.initial, self.trainer.run),
            replace(self.trainer, seconds=seconds),
            store,
            self.spec.supervision,
            CrashPlan(self.crashes) if self.crashes else None,
            tuple(observers),
            self.spec.load,
            reader=ReaderSpec.of(self.trainer),
            blas_threads=hosting.blas_threads,
            own_threads=hosting.own_threads,
            workers=hosting.workers,
            places=hosting.places,
        )


def run_name() -> str:
    """Return a unique name for a run, which every message carries."""
    return uuid.uuid4().hex[:12]


def _with_validation(dataset: Dataset, validation: float | Samples | None, seed: int) -> Dataset:
    if validation is None:
        return dataset
    if isinstance(validation, Samples):
        return replace(dataset, validation=validation)
    return dataset.with_validation(checks.real_number("validation", validation, above=0, below=1), seed=seed)


def _trainer(
    spec: LearnerSpec,
    dataset: Dataset,
    epochs: int,
    batch_size: int,
    halt: Halt | None,
    metrics: Sequence[str] | None,
) -> TrainerSpec:
    largest = min(batch_size, len(dataset.train))
    _check_settings(spec, batch_size, largest)
    output_shape = spec.network.shapes(dataset.input_shape)[-1]
    check_microbatches(spec.network, dataset.input_shape, -(-largest // spec.parts(batch_size)))
    given = {"training inputs": dataset.train, "validation inputs": dataset.validation, "test inputs": dataset.test}
    for what, samples in given.items():
        if samples is not None:
            _check_samples(spec.network, samples.inputs, what)
    targets = spec.cost.encode(dataset.train.targets, output_shape)
    evaluated = dataset.validation or dataset.test
    evaluated_targets = spec.cost.encode(evaluated.targets, output_shape)
    if evaluated is not dataset.test:  # fails now, and not after the training
        spec.cost.encode(dataset.test.targets, output_shape)
    named = chosen(metrics, dataset.classes)
    plateau = () if spec.reduce_on_plateau is None else (spec.reduce_on_plateau.monitor,)
    _check_monitors((*monitors_of(halt), *plateau), dataset, named)
    if dataset.classes:  # fails now if the outputs do not fit the classes, and not at the first evaluation
        predicted_classes(np.zeros((1, *output_shape), np.float32), 1, len(dataset.classes))
    weights = training_weights(dataset, spec.class_weight)
    if weights is not None or evaluated.sample_weight is not None:
        check_takes_weights(spec.cost)
    inputs = converted(dataset.train.inputs, spec.dtype)
    in_files = [stored(each) is not None for each in (inputs, evaluated.inputs)]
    return TrainerSpec(
        run=run_name(),
        routing=Routing(spec.actors, reader=any(in_files), replicas=spec.replicas),
        inputs=inputs if in_files[0] else freeze(inputs),
        targets=freeze(targets),
        test=evaluated,
        test_targets=freeze(evaluated_targets),
        is_validation=dataset.validation is not None,
        metrics=named,
        classes=dataset.classes,
        cost=spec.cost,
        batches=Batches(len(dataset.train), batch_size, spec.seed),
        microbatches=spec.parts(batch_size),
        epochs=epochs,
        halt=halt,
        best=best_of(halt),
        overlap=spec.schedule.overlap(spec.actors),
        rate_factor=spec.reduce_on_plateau,
        sample_weight=weights,
        units=None if dataset.preparation is None else dataset.preparation.units,
    )


def _check_samples(network: Network, inputs: Floats, what: str) -> None:
    found = stored(inputs)
    if found is None:
        check_samples(network, inputs, what)
    elif takes_indices(network):
        for start, stop in found.bounds():
            check_samples(network, found[start:stop], what, first_row=start)


def _check_settings(spec: LearnerSpec, batch_size: int, largest_batch: int) -> None:
    parts = spec.parts(batch_size)
    if parts > batch_size:
        raise ConfigError(
            f"expected `microbatches` to be at most the batch size {batch_size}, got {parts}; "
            "cut the batch into fewer, or make it larger"
        )
    spec.schedule.check(spec.actors, min(parts, largest_batch))


def _check_monitors(monitors: Iterable[str], dataset: Dataset, metrics: Iterable[str]) -> None:
    known = ("train_cost", "test_cost" if dataset.validation is None else "validation_cost", *metrics)
    for name in monitors:
        if name not in known:
            checks.unknown("monitor", name, known)


def _check_crashes(crashes: Sequence[Crash], spec: LearnerSpec, trainer: TrainerSpec) -> None:
    for crash in crashes:
        parts = trainer.microbatches
        if crash.step < trainer.steps:  # a short last batch has fewer
            parts = min(parts, len(trainer.batches.indices(crash.step)))
        crash.check(layers=len(spec.network.layers) + 1, steps=trainer.steps, microbatches=parts)


def _trainer_state(checkpoint: Checkpoint, trainer: TrainerSpec) -> TrainerState:
    """Return the trainer's state at a checkpoint; call ``halt`` again if an epoch has just ended."""
    state = TrainerState.after(checkpoint.costs, checkpoint.history, trainer.weight, checkpoint.evaluations)
    if trainer.halt is None or not state.history or state.history[-1].steps < state.reported:
        return state
    return replace(state, halt_at=state.reported) if trainer.halt(state.history) else state
