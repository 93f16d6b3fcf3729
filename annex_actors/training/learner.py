"""The learner, the facade of the Python API: a network, how it learns, and where its layers live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from numpy.typing import ArrayLike

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.base.types import DType, Floats, Shape
from annex_actors.base.user_files import run_user_files
from annex_actors.base.words import counted
from annex_actors.costs import Cost
from annex_actors.data import Dataset, Samples
from annex_actors.data.transforms import Preparation
from annex_actors.layers import Kernels, Layer, Network
from annex_actors.optimizers import Clipping, Optimizer
from annex_actors.runtimes import Crash, Observer, RunFailedError, Runtime, Supervision
from annex_actors.runtimes.hosting.own_code import OwnFrames
from annex_actors.schedules.discipline import Discipline
from annex_actors.training.automatic import prepared
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.evaluation import evaluated_on
from annex_actors.training.halting import Halt
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.model_files import load_model, save_model
from annex_actors.training.plateau import ReduceOnPlateau
from annex_actors.training.prediction import Predict, Predictions, serving
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.rate_finder import RateSearch, find_rate
from annex_actors.training.result import Result
from annex_actors.training.session import Session
from annex_actors.training.stages import AUTO, Stages
from annex_actors.training.summary import Summary, summary_of


class Learner:
    """A network that learns, with its layers in actors.

    Everything is checked here or at the beginning of `train`, before any actor starts. ``learner.spec`` holds the
    settings, ``learner.checkpoint`` the weights that `predict` uses, ``learner.classes`` the names of the classes in
    the order of the outputs (None for regression), ``learner.preparation`` what made numbers of a table's rows, and
    ``learner.result`` the outcome of the last training; all four are None before the first training.

    Args:
        network: made by `sequence`; or a single layer.
        cost: what is minimised: a name, with settings as in ``huber:delta=2.0`` (``annex-actors costs`` lists them);
            or an instance, such as your own.
        optimizer: how weights are updated: a name, or an instance, such as ``Sgd(learning_rate=0.1, momentum=0.9)``.
        clipping: how gradients are clipped: ``value:0.5`` limits each number, ``layer_norm:1.0`` the norm of each
            layer's gradient, ``global_norm:1.0`` that of all layers together, for which the layers wait for each other
            at the end of every step; or a `Clipping`. None: not at all.
        ema_momentum: the fraction, 0 <= ema_momentum < 1, that a moving average of the weights keeps at each step, such
            as 0.999; evaluations and predictions use the averages, slots such as ``average.weight``. None: none.
        reduce_on_plateau: when the learning rate is lowered, as ``patience=5:factor=0.5``, a `ReduceOnPlateau`.
        microbatches: into how many parts a batch is cut, >= 1. More keep more layers busy at once, fewer make larger
            and so faster products. None: the schedule's default, 2 or, if steps overlap, 1; at most a sample in each.
        schedule: the order of work: a name (``annex-actors schedules`` lists them), or a `Discipline`. All synchronous
            schedules give the same weights; asynchronous schedules are faster and give the weights of their formula.
        runtime: where layers live: ``schedulers``, ``threads``, ``processes``, ``ray``, ``inline``; or a runtime.
        stages: ``layer`` for an actor for each layer and one for the cost; how many actors share the layers by their
            work; a `Plan` or its text, as ``3,2,2``; or ``auto``, the plan that `train` finds to be fastest here.
        kernels: ``numpy`` or ``torch``, the library that computes the matrix products; they round differently.
        dtype: ``float32`` or ``float64``, of weights, activations and gradients; samples are kept as float32 anyway.
        seed: the seed of all random numbers, 0 <= seed < 2**64.
        supervision: how failures are handled.
        class_weight: what the samples of each class count in the cost of a training: weights >= 0 by the class's name,
            as ``{"cat": 2.0}`` or ``"cat=2,dog=1"``, 1 for a class left out; or ``"balanced"``: all classes count the
            same. Only ratios matter; the samples' own weights are multiplied, and no test cost changes.
        load: your own Python files to run first, here and in every process; what they register has a name from then on.

    Raises:
        ConfigError: a setting of another kind or out of range, or an unknown name.
    """

    def __init__(
        self,
        network: Network | Layer,
        *,
        cost: str | Cost = "softmax_cross_entropy",
        optimizer: str | Optimizer = "adam",
        clipping: str | Clipping | None = None,
        ema_momentum: float | None = None,
        reduce_on_plateau: str | ReduceOnPlateau | None = None,
        microbatches: int | None = None,
        schedule: str | Discipline = "1f1b",
        runtime: str | Runtime = "schedulers",
        stages: Stages = "layer",
        kernels: str | Kernels = "numpy",
        dtype: str | DType = "float32",
        seed: int = 0,
        supervision: Supervision | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        load: Sequence[str | Path] = (),
    ) -> None:
        files = run_user_files(load)  # before any name is looked up
        spec_of: Any = LearnerSpec  # which finds what names stand for
        self.spec: LearnerSpec = spec_of(
            network=network,
            cost=cost,
            optimizer=optimizer,
            clipping=clipping,
            ema_momentum=ema_momentum,
            reduce_on_plateau=reduce_on_plateau,
            microbatches=microbatches,
            schedule=schedule,
            runtime=runtime,
            stages=stages,
            kernels=kernels,
            dtype=dtype,
            seed=seed,
            supervision=Supervision() if supervision is None else supervision,
            class_weight=class_weight,
            load=files,
        )
        self.checkpoint: Checkpoint | None = None
        self.classes: tuple[str, ...] | None = None
        self.preparation: Preparation | None = None
        self.result: Result | None = None
        self._predictions = Predictions()

    def __repr__(self) -> str:
        """Return the call that made it, without arguments that have their default."""
        return f"Learner({self.spec.as_arguments(Learner(self.spec.network).spec)})"

    def check(self, dataset: Dataset, *, epochs: int = 10, batch_size: int = 32, crashes: Sequence[Crash] = ()) -> None:
        """Check settings and data as `train` does before any actor starts; the arguments are those of `train`.

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
        halt: str | Halt | None = None,
        validation: float | Samples | None = None,
        metrics: Sequence[str] | None = None,
        evaluate_every: int | None = None,
        crashes: Sequence[Crash] = (),
        observers: Sequence[Observer] = (),
        checkpoints: Checkpoints | None = None,
        resume: Checkpoint | None = None,
        initial_weights: Mapping[str, ArrayLike] | None = None,
    ) -> Result:
        """Train, and return the outcome; a learner that has been trained goes on where it stopped.

        Training goes on from ``learner.checkpoint``, to the bits of one that was never interrupted: the same weights,
        optimizer slots, steps and history. ``epochs`` is the total, so twice ``epochs=10`` trains nothing the second
        time, and is refused. What decides the bits (the network, data, batch size and so on) must be the same. For a
        training from the beginning make a new `Learner`, or give ``initial_weights``. Once a run has started, its
        outcome is also ``learner.result``, however it ends.

        Args:
            dataset: what to train on; the same actors evaluate its test samples after every epoch, or its validation
                samples where there are some; then the test samples are evaluated once, at the end.
            epochs: the maximal number of passes over the training samples, >= 1, counted from the first step.
            batch_size: samples in a step, >= ``microbatches``.
            halt: when to end before the last epoch: a condition such as ``EarlyStopping(patience=5)``, or its text
                ``early_stopping:5``, or a function that is called after every epoch with all finished epochs.
            validation: a fraction of the training samples to validate on, set apart by the learner's seed; or samples
                of your own; None: those of the data set, if it has any.
            metrics: names (``annex-actors metrics``); None: ``accuracy`` for classes, ``r2`` for regression.
            evaluate_every: steps between two evaluations within the epochs (``result.evaluations``), >= 1; the pipeline
                drains for each, and no bit of the training changes. None: there are evaluations at the ends alone.
            crashes: failures to inject.
            observers: called with the run's events.
            checkpoints: where and how often to save the run, so that it can be resumed if the whole job is killed.
            resume: a checkpoint of a training with the same settings and data, from which this one goes on.
            initial_weights: arrays by name to begin a new training with, such as ``other.checkpoint.weights``.

        Raises:
            UserError: settings, data or a checkpoint that do not fit, before any actor starts; or a cost that is no
                longer finite.
            RunFailedError: a layer fails again and again, or a checkpoint is not written for another reason than the
                disk's; ``learner.checkpoint`` holds the last committed step. StandstillError: all peers wait for ever.
            InterruptedRun: Ctrl-C; it holds the result so far. (A second Ctrl-C ends the wait for the steps in flight.)
        """
        with OwnFrames():
            training = prepared(
                self.spec,
                dataset,
                self.checkpoint if resume is None else resume,
                epochs=epochs,
                batch_size=batch_size,
                halt=halt,
                crashes=crashes,
                validation=validation,
                metrics=metrics,
                evaluate_every=evaluate_every,
            )
            begun = training.begun(resume, initial_weights, own=self.checkpoint)
            return self.carry_out(begun, observers=observers, checkpoints=checkpoints)

    def carry_out(self, training: PreparedTraining, **options: Any) -> Result:
        """Run a training that was prepared with this learner's settings; see `train`, and for the options `Session`."""
        self.result = None
        self.spec = training.spec if self.spec.stages == AUTO else self.spec
        session = Session(training, **options)
        try:
            result = session.run()
        except RunFailedError as error:
            if session.result is not None and (steps := session.result.checkpoint.step):
                error.add_note(f"{counted(steps, 'committed step')} in learner.checkpoint; train() goes on from there")
            raise
        finally:
            self.result = session.result
            if session.result is not None:
                self.checkpoint = session.result.checkpoint
                self.classes = training.trainer.classes
                self.preparation = training.dataset.preparation
        if training.trainer.is_validation:
            tested = self.evaluate(training.dataset, metrics=tuple(training.trainer.metrics or ()))
            result = self.result = replace(result, test=tested)
        return result

    def summary(self, input_shape: Shape | None = None, *, batch_size: int = 32) -> Summary:
        """Return a table of the layers: output shape, parameters, work, bytes of a microbatch's message, actor, place.

        Args:
            input_shape: of one sample, such as ``dataset.input_shape``; None: that of the last training.
            batch_size: as of `train`.

        Raises:
            UserError: the layers do not fit the shape; or there is none.
        """
        shape = self._trained().input_shape if input_shape is None else input_shape
        return summary_of(self.spec, shape, batch_size=batch_size)

    def find_learning_rate(
        self, dataset: Dataset, *, lowest: float = 1e-6, highest: float = 10.0, steps: int = 100, batch_size: int = 32
    ) -> RateSearch:
        """Return how the cost depends on the learning rate, and a suggestion; the learner does not change.

        Args:
            dataset: what to train on, from drawn weights.
            lowest: the learning rate of the first step, > 0.
            highest: that of the last step, > ``lowest``; between them it rises exponentially.
            steps: how many, >= 10; what comes after the cost has exploded is left out.
            batch_size: >= 1.

        Raises:
            UserError: what does not fit, or an optimizer without a ``learning_rate``.
        """
        return find_rate(self.spec, dataset, lowest=lowest, highest=highest, steps=steps, batch_size=batch_size)

    def predict(self, inputs: ArrayLike) -> Floats:
        """Return the trained network's predictions; may be called from several threads.

        A few samples are computed at once in the calling thread, by the stages that actors would host: up to 256, which
        fill one message, and more if their work takes about 10 ms at most. Many samples are computed by actors, which
        are started for this call; on ``processes`` that takes seconds, so keep them up by `serving` for many calls.

        Args:
            inputs: shape ``(samples, *input_shape)``.

        Returns:
            Probabilities if the outputs are logits of the cost, else the outputs: shape ``(samples, *output_shape)``,
            of the network's dtype.

        Raises:
            DataError: there are no trained weights or no inputs, or the inputs are not finite.
            ShapeError: inputs of another shape than in training.
            RunFailedError: a layer fails again and again.
        """
        with OwnFrames():
            return self._predictions.predict(self.spec, self._trained(), inputs)

    def serving(self) -> AbstractContextManager[Predict]:
        """Keep actors up that predict with the present weights: ``with learner.serving() as predict: predict(inputs)``.

        The function predicts as `predict` does, to the same bits, and may be called from several threads, whose samples
        are then under way at once. The actors are those of the learner's runtime, and restarted when they die; no call
        is lost. They are stopped at the end of the block, however it ends. Until then BLAS has the plan's threads.

        Raises:
            DataError: there are no trained weights.
            RunFailedError: the actors do not start.
        """
        return serving(self.spec, self._trained())

    def evaluate(self, data: Dataset | Samples, *, metrics: Sequence[str] | None = None) -> Mapping[str, Any]:
        """Return the mean cost of samples, and metrics, as training does after every epoch.

        Args:
            data: a data set, of which the test samples are evaluated; or samples, whose labels are indices into
                ``learner.classes``.
            metrics: by name; None: ``accuracy`` for classes or ``r2`` for regression.

        Returns:
            ``cost`` and the defined metrics, the bits of an `EpochFinished`; a ``confusion_matrix`` as rows.

        Raises:
            DataError: there are no trained weights, or the data are of other classes than those that were trained.
            ShapeError: samples of another shape than in training.
            RunFailedError: a layer fails again and again.
        """
        units = None if self.preparation is None else self.preparation.units
        return evaluated_on(self.spec, self._trained(), self.classes, data, self._predictions, metrics, units)

    def save(self, path: str | Path) -> None:
        """Save the trained network to a file, from which `load` makes this learner again, ready to predict or go on.

        The file holds the weights, the optimizer's slots and the settings, as safetensors and text: nothing in it can
        run. ``annex-actors predict`` reads it too. It replaces a file of that name, at once and as a whole.

        Args:
            path: the file, such as ``model.safetensors``.

        Raises:
            DataError: there are no trained weights.
            ConfigError: the file cannot be written; or a layer, a cost, an optimizer or a schedule is your own and has
                no name: register it.
        """
        save_model(self.spec, self._trained(), self.classes, checks.path("path", path), self.preparation)

    @classmethod
    def load(cls, path: str | Path, *, runtime: str | Runtime = "schedulers", load: Sequence[str | Path] = ()) -> Self:
        """Return the learner in a file that `save` wrote; it predicts the same bits, and `train` goes on from there.

        Args:
            path: the file.
            runtime: where its layers live now; it changes no bit.
            load: paths of your own Python files to run first, as of `Learner`; a file names none.

        Raises:
            DataError: there is no such file, or it is damaged; the message names it.
            ConfigError: it needs what is your own, and is not registered.
        """
        files = run_user_files(load)
        model = load_model(checks.path("path", path))
        learner = cls(**model.settings, runtime=runtime, load=files)
        learner.checkpoint = model.checkpoint(learner.spec)
        learner.classes, learner.preparation = model.classes, model.preparation
        return learner

    def _trained(self) -> Checkpoint:
        if self.checkpoint is None:
            raise DataError("expected trained weights, got none; call train() first")
        return self.checkpoint
