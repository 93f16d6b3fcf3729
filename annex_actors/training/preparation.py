"""Prepare a training before any actor starts: check settings and data against each other, and make the program."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.words import counted
from annex_actors.costs import check_takes_weights
from annex_actors.data import Batches, Dataset
from annex_actors.metrics import predicted_classes
from annex_actors.peers.trainer import TrainerSpec
from annex_actors.peers.trainer_state import TrainerState
from annex_actors.protocol.messages import freeze
from annex_actors.protocol.routing import Routing
from annex_actors.runtimes import Crash, CrashPlan, Observer, Program
from annex_actors.stores import StateStore
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.class_weights import training_weights
from annex_actors.training.halting import Halt
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
    """

    spec: LearnerSpec
    trainer: TrainerSpec
    initial: Checkpoint
    crashes: tuple[Crash, ...]

    @classmethod
    def of(
        cls,
        spec: LearnerSpec,
        dataset: Dataset,
        *,
        epochs: int,
        batch_size: int,
        halt: Halt | None = None,
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
        spec = replace(spec, microbatches=spec.parts(batch_size))  # from here on a number, which the result records
        trainer = _trainer(spec, dataset, epochs, batch_size, halt)
        initial = Checkpoint.initial(spec.network, dataset.input_shape, spec.stage_optimizer, spec.seed)
        _check_crashes(planned, spec, trainer)
        identity = identity_of(spec, dataset, batch_size, initial)
        return cls(spec, trainer, replace(initial, identity=identity), planned)

    def __repr__(self) -> str:
        return f"PreparedTraining({counted(self.trainer.steps, 'step')} of {shown(self.spec.network)})"

    @property
    def identity(self) -> Identity:
        """What decides the bits of this training."""
        assert self.initial.identity is not None  # `of` gives it one, and `resumed` takes no checkpoint without
        return self.initial.identity

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

    def program(self, store: StateStore, observers: Sequence[Observer]) -> Program:
        """Return the program that a runtime starts.

        Args:
            store: where the peers commit.
            observers: called with the run's events.
        """
        return Program(
            self.trainer.run,
            self.spec.stage_specs(self.initial, self.trainer.run),
            self.trainer,
            store,
            self.spec.supervision,
            CrashPlan(self.crashes) if self.crashes else None,
            tuple(observers),
            self.spec.load,
        )


def run_name() -> str:
    """Return a unique name for a run, which every message carries."""
    return uuid.uuid4().hex[:12]


def _trainer(spec: LearnerSpec, dataset: Dataset, epochs: int, batch_size: int, halt: Halt | None) -> TrainerSpec:
    _check_settings(spec, batch_size, min(batch_size, len(dataset.train)), halt)
    output_shape = spec.network.shapes(dataset.input_shape)[-1]
    for what, samples in (("training", dataset.train), ("test", dataset.test)):
        spec.network.check_samples(samples.inputs, f"{what} inputs")
    targets = spec.cost.encode(dataset.train.targets, output_shape)
    test_targets = spec.cost.encode(dataset.test.targets, output_shape)
    if dataset.classes:  # fails now if the outputs do not fit the classes, and not at the first evaluation
        predicted_classes(np.zeros((1, *output_shape), np.float32), 1, len(dataset.classes))
    weights = training_weights(dataset, spec.class_weight)
    if weights is not None or dataset.test.sample_weight is not None:
        check_takes_weights(spec.cost)
    return TrainerSpec(
        run=run_name(),
        routing=Routing(spec.actors),
        inputs=dataset.train.inputs,
        targets=freeze(targets),
        test=dataset.test,
        test_targets=freeze(test_targets),
        classes=dataset.classes,
        cost=spec.cost,
        batches=Batches(len(dataset.train), batch_size, spec.seed),
        microbatches=spec.parts(batch_size),
        epochs=epochs,
        halt=halt,
        overlap=spec.schedule.overlap(spec.actors),
        rate_factor=spec.reduce_on_plateau,
        sample_weight=weights,
    )


def _check_settings(spec: LearnerSpec, batch_size: int, largest_batch: int, halt: Halt | None) -> None:
    parts = spec.parts(batch_size)
    if parts > batch_size:
        raise ConfigError(
            f"expected `microbatches` to be at most the batch size {batch_size}, got {parts}; "
            "cut the batch into fewer, or make it larger"
        )
    if halt is not None:
        checks.function("halt", halt, 1, wanted="a function of the finished epochs, such as loss_less_than(0.1)")
    spec.schedule.check(spec.actors, min(parts, largest_batch))


def _check_crashes(crashes: Sequence[Crash], spec: LearnerSpec, trainer: TrainerSpec) -> None:
    for crash in crashes:
        parts = trainer.microbatches
        if crash.step < trainer.steps:  # a short last batch has fewer
            parts = min(parts, len(trainer.batches.indices(crash.step)))
        crash.check(layers=len(spec.network.layers) + 1, steps=trainer.steps, microbatches=parts)


def _trainer_state(checkpoint: Checkpoint, trainer: TrainerSpec) -> TrainerState:
    """Return the trainer's state at a checkpoint; call ``halt`` again if an epoch has just ended."""
    state = TrainerState.after(checkpoint.costs, checkpoint.history, trainer.weight)
    if trainer.halt is None or not state.history or state.history[-1].steps < state.reported:
        return state
    return replace(state, halt_at=state.reported) if trainer.halt(state.history) else state
