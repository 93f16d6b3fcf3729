"""What both estimators do: prepare a training from arrays and settings, run it, and keep the learner."""

from __future__ import annotations

import sys
import warnings
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Array, Floats
from annex_actors.data import Dataset, Samples
from annex_actors.estimators import settings
from annex_actors.estimators.callbacks import CallbackSupportMixin, FitTask, followed
from annex_actors.optimizers.continued import Continued
from annex_actors.protocol.events import EpochFinished, Event
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner import Learner
from annex_actors.training.prediction import Predictions
from annex_actors.training.preparation import PreparedTraining

_SPARSE = ("csr", "csc")


class ActorEstimator(CallbackSupportMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """A network of actors with scikit-learn's methods; the base of both estimators.

    A subclass says what the targets are: `_encoded`, `_cost` and `_names` of the classes.
    """

    learner_: Learner
    n_outputs_: int
    out_activation_: str

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 0.0001,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        layers: str | None = None,
        schedule: Any = "1f1b",
        runtime: Any = "inline",
        stages: str | int = "layer",
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.layers = layers
        self.schedule = schedule
        self.runtime = runtime
        self.stages = stages

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of an estimator: sparse inputs and several outputs are taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags

    @followed
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803 - scikit-learn's name
        """Train; from the weights of the last training with ``warm_start``, else from drawn ones.

        Args:
            X: finite numbers, shape ``(samples, features)``, dense or sparse; kept as float32.
            y: the targets.
            sample_weight: what each sample counts, >= 0, shape ``(samples,)``; None: all count the same.

        Returns:
            The estimator.

        Raises:
            ValueError: settings or data that do not fit; one line says which and what to do.
        """
        settings.check_supported(self)
        task = FitTask.begun(self, X, y, sample_weight)
        warm = bool(self.warm_start) and hasattr(self, "learner_")
        inputs, targets = self._checked(X, y, reset=not warm)
        encoded = self._encoded(targets, warm=warm)
        if not warm:
            self._begin()
        weights = self._weights(targets, inputs, sample_weight)
        self._train(inputs, encoded, weights, epochs=self.max_iter, task=task)
        task.end()
        finished = len(self.learner_.result.history) if self.learner_.result else 0
        if finished >= self.max_iter and self._halts():
            warnings.warn(
                f"expected the training to converge, got to max_iter={self.max_iter}; raise it or `tol`",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _pass(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:  # noqa: N803
        """Train for an epoch from where the last one ended, the optimizer's state included; see `partial_fit`."""
        settings.check_supported(self)
        if self.early_stopping:
            raise ConfigError("expected `early_stopping` to be False for partial_fit, got True; call fit")
        first = not hasattr(self, "learner_")
        inputs, targets = self._checked(X, y, reset=first)
        encoded = self._encoded(targets, warm=not first, classes=classes)
        if first:
            self._begin()
        self._train(inputs, encoded, self._weights(targets, inputs, sample_weight), epochs=1, task=None)
        return self

    def _begin(self) -> None:
        self.__dict__.pop("learner_", None)
        self._random = check_random_state(self.random_state)
        self._steps = 0
        self.n_iter_, self.t_ = 0, 0
        self.loss_curve_: list[float] = []
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_: float | None = None

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, Array]:  # noqa: N803
        inputs, targets = validate_data(
            self, X, y, accept_sparse=_SPARSE, multi_output=True, y_numeric=self._is_numeric, reset=reset
        )
        return _dense(inputs), targets

    def _weights(self, targets: Array, inputs: Array, sample_weight: Any) -> Floats | None:
        if sample_weight is None:
            return None
        weights: Floats = _check_sample_weight(sample_weight, inputs, dtype=np.float64, ensure_non_negative=True)
        return weights

    def _train(
        self, inputs: Array, targets: Array, weights: Floats | None, *, epochs: int, task: FitTask | None
    ) -> None:
        """Train for a whole fit, or go on without one."""
        goes_on = task is None
        seed = int(self._random.randint(2**31 - 1))
        train, validation = Samples(inputs, targets, weights), None
        if self.early_stopping:
            train, validation = self._split(inputs, targets, weights, seed)
        size = settings.batch_size_of(self, len(train))
        cost, factor = self._cost()
        monitor = self._score_name if self.early_stopping else "train_cost"
        plateau = None if goes_on else settings.plateau_of(self, monitor, factor)
        optimizer = settings.optimizer_of(self, len(train), size, factor)
        learner = Learner(
            settings.network_of(self, self.n_outputs_, settings.penalty_of(self, size * _mean(train) * factor)),
            cost=cost,
            optimizer=Continued(optimizer, self._steps) if goes_on and self._steps else optimizer,
            reduce_on_plateau=plateau,
            microbatches=1,  # more would only help where stages run in parallel
            schedule=self.schedule,
            runtime=self.runtime,
            stages=self.stages,
            dtype="float64",  # as scikit-learn's; small products take no longer than in float32
            seed=seed,
        )
        training = PreparedTraining.of(
            learner.spec,
            Dataset("arrays", train, train, self._names(), None, "arrays in memory", validation),
            epochs=epochs,
            batch_size=size,
            halt=None if goes_on else settings.halt_of(self, monitor, plateau, factor),
        )
        observers = [_Printing(factor)] if self.verbose else []
        (task or FitTask(self, None, {})).carry_out(learner, self._begun(training, goes_on), observers)
        # A plain optimizer can be saved; that more steps went before is in the checkpoint's identity, so that no other
        # training goes on from it.
        learner.spec = replace(learner.spec, optimizer=optimizer)
        self._keep(learner, len(train), factor, goes_on=goes_on)

    def _begun(self, training: PreparedTraining, goes_on: bool) -> PreparedTraining:
        """Return a training from where it begins, which evaluates no more than early stopping asks for."""
        training = _beginning(training, getattr(self, "learner_", None), goes_on=goes_on)
        return training if self.early_stopping else replace(training, trainer=replace(training.trainer, test=None))

    def _split(self, inputs: Array, targets: Array, weights: Floats | None, seed: int) -> tuple[Samples, Samples]:
        rows = np.arange(len(inputs))
        parts = train_test_split(
            rows,
            test_size=self.validation_fraction,
            random_state=seed,
            stratify=targets if self._names() else None,
        )
        train, validation = (
            Samples(inputs[part], targets[part], None if weights is None else weights[part]) for part in parts
        )
        return train, validation

    def _keep(self, learner: Learner, samples: int, factor: float, *, goes_on: bool) -> None:
        result = learner.result
        assert result is not None  # the training has ended
        self.learner_ = learner
        steps = result.checkpoint.step
        self._steps = self._steps + steps if goes_on else steps
        self.n_iter_ += len(result.history)
        self.t_ += samples * len(result.history)
        self.loss_curve_ = [*self.loss_curve_, *(epoch.train_cost * factor for epoch in result.history)]
        self.loss_ = self.loss_curve_[-1]
        self.best_loss_ = None if self.early_stopping else min(self.loss_curve_)
        if self.early_stopping:
            scores = [epoch.metrics.get(self._score_name, np.nan) for epoch in result.history]
            self.validation_scores_ = [*(self.validation_scores_ or []), *scores]
            self.best_validation_score_ = float(np.nanmax(self.validation_scores_))

    def _halts(self) -> bool:
        return bool(self.n_iter_no_change != np.inf)

    def _outputs(self, X: Any) -> Floats:  # noqa: N803
        """Return what the network predicts, shape ``(samples, outputs)``."""
        inputs = self._fitting(X)
        return self.learner_.predict(inputs)

    def _logits(self, X: Any) -> Floats:  # noqa: N803
        """Return the outputs of the last layer, shape ``(samples, outputs)``."""
        inputs = self._fitting(X)
        return Predictions().outputs(self.learner_.spec, self._checkpoint, inputs).copy()

    def _fitting(self, X: Any) -> Array:  # noqa: N803
        """Return inputs that fit those of the training."""
        check_is_fitted(self, "learner_")
        return _dense(validate_data(self, X, accept_sparse=_SPARSE, reset=False))

    @property
    def coefs_(self) -> list[Floats]:
        """The weights of the dense layers in order, shape ``(in_features, out_features)`` each."""
        return self._dense_layers("weight")

    @property
    def intercepts_(self) -> list[Floats]:
        """The biases of the dense layers in order, shape ``(out_features,)`` each."""
        return self._dense_layers("bias")

    @property
    def n_layers_(self) -> int:
        """The number of dense layers, and one for the inputs."""
        return len(self.coefs_) + 1

    @property
    def _checkpoint(self) -> Checkpoint:
        assert self.learner_.checkpoint is not None  # it was trained
        return self.learner_.checkpoint

    def _dense_layers(self, name: str) -> list[Floats]:
        check_is_fitted(self, "learner_")
        layers = zip(self.learner_.spec.network.layers, self._checkpoint.layers, strict=True)
        return [state.parameters[name] for layer, state in layers if layer.name == "dense"]

    _is_numeric = False

    @property
    def _score_name(self) -> str:
        return "r2"

    @abstractmethod
    def _encoded(self, targets: Array, *, warm: bool, classes: Any = None) -> Array:
        """Return the targets as the cost takes them, and set what `fit` learns of them."""

    @abstractmethod
    def _cost(self) -> tuple[str, float]:
        """Return a cost, and the factor that makes scikit-learn's of it: a mean over the outputs is a sum there."""

    def _names(self) -> tuple[str, ...] | None:
        """Return the names of the classes; None: the targets are numbers."""
        return None


class _Printing:
    """Prints the cost of every epoch times a factor, as scikit-learn does."""

    def __init__(self, factor: float) -> None:
        self._factor = factor

    def on_event(self, event: Event) -> None:
        if isinstance(event, EpochFinished):
            sys.stdout.write(f"Iteration {event.epoch + 1}, loss = {event.train_cost * self._factor:.8f}\n")


def _beginning(training: PreparedTraining, before: Learner | None, *, goes_on: bool) -> PreparedTraining:
    """Return a training that begins with the weights of a learner, and goes on with its optimizer's slots or not."""
    if before is None or before.checkpoint is None:
        return training
    begun = training.beginning_with(before.checkpoint.weights)
    if not goes_on:
        return begun
    if before.checkpoint.optimizer.keys() != begun.initial.optimizer.keys():
        raise ConfigError("expected the `solver` and `momentum` of the last training, got others; call fit")
    return replace(begun, initial=replace(begun.initial, layers=before.checkpoint.layers))


def _mean(samples: Samples) -> float:
    """Return the mean weight of samples; 1 if they have none."""
    return 1.0 if samples.sample_weight is None else float(samples.sample_weight.mean()) or 1.0


def _dense(inputs: Any) -> Array:
    array: Array = inputs.toarray() if hasattr(inputs, "toarray") else inputs
    return array.astype(np.float64) if array.dtype == object else array
