"""The learner: a network, how it learns, and where its layers live. The facade for people who write Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from numpy.typing import ArrayLike

from annex_actors.base.errors import DataError
from annex_actors.base.types import Floats
from annex_actors.base.user_files import run_user_files
from annex_actors.costs import Cost
from annex_actors.costs import cost as cost_named
from annex_actors.data import Dataset
from annex_actors.layers import Kernels, Layer, Network, sequence
from annex_actors.layers import kernels as kernels_named
from annex_actors.optimizers import Optimizer
from annex_actors.optimizers import optimizer as optimizer_named
from annex_actors.runtimes import Crash, Observer, Runtime, Supervision
from annex_actors.runtimes import runtime as runtime_named
from annex_actors.schedules.discipline import Discipline
from annex_actors.schedules.table import discipline as discipline_named
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.halting import Halt
from annex_actors.training.learner_spec import PER_LAYER, LearnerSpec
from annex_actors.training.prediction import predict
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.result import Result
from annex_actors.training.session import Session


class Learner:
    """A network that learns, every layer an actor.

    Everything is checked here or at the beginning of `train`, before any actor starts. ``learner.spec`` has the
    settings; ``learner.checkpoint`` the weights that `predict` takes, and ``learner.result`` what the last training
    came to, None before the first.

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
        load: files of your own Python to run first, here and in every process of the run; what they register
            (`register_optimizer` and its like) has a name from then on.

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
        load: Sequence[str | Path] = (),
    ) -> None:
        files = run_user_files(load)  # before any name is looked up
        row = discipline_named(schedule) if isinstance(schedule, str) else schedule
        self.spec = LearnerSpec(
            network=sequence(network),
            cost=cost_named(cost) if isinstance(cost, str) else cost,
            optimizer=optimizer_named(optimizer) if isinstance(optimizer, str) else optimizer,
            microbatches=row.microbatches if microbatches is None else microbatches,
            schedule=row,
            runtime=runtime_named(runtime) if isinstance(runtime, str) else runtime,
            stages=stages,
            kernels=kernels_named(kernels) if isinstance(kernels, str) else kernels,
            seed=seed,
            supervision=supervision or Supervision(),
            load=files,
        )
        self.checkpoint: Checkpoint | None = None
        self.result: Result | None = None

    def check(self, dataset: Dataset, *, epochs: int = 10, batch_size: int = 32, crashes: Sequence[Crash] = ()) -> None:
        """Raise what `train` would raise before any actor starts; the arguments are those of `train`.

        Raises:
            UserError: settings or data that do not fit.
        """
        PreparedTraining.of(self.spec, dataset, epochs=epochs, batch_size=batch_size, crashes=crashes)

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
            halt: asked after every epoch with all that are finished, such as `loss_less_than`; true ends the run.
            crashes: failures to make on purpose.
            observers: who sees the events.
            checkpoints: where to save the run every so many steps, so that it survives a kill of the whole job.
            resume: where a run with the same settings and data was cut off; it goes on to the same bits.

        Raises:
            UserError: settings or data that do not fit, before any actor starts; or a cost that became infinite.
            RunFailedError: a layer that cannot be made to work; ``learner.checkpoint`` holds the last committed step.
            InterruptedRun: Ctrl-C; it holds the result so far. (A second Ctrl-C ends the wait for the steps under way.)

        However a run ends that had begun, ``learner.result`` says what it came to.
        """
        self.result = None
        training = PreparedTraining.of(
            self.spec, dataset, epochs=epochs, batch_size=batch_size, halt=halt, crashes=crashes
        )
        return self.carry_out(
            training if resume is None else training.resumed(resume), observers=observers, checkpoints=checkpoints
        )

    def carry_out(
        self, training: PreparedTraining, *, observers: Sequence[Observer] = (), checkpoints: Checkpoints | None = None
    ) -> Result:
        """Train as was prepared with this learner's settings; see `train`."""
        self.result = None
        session = Session(training, observers=observers, checkpoints=checkpoints)
        try:
            return session.run()
        finally:
            self.result = session.result
            if session.result is not None:
                self.checkpoint = session.result.checkpoint

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
        return predict(self.spec, self.checkpoint, inputs)
