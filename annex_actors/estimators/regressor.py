"""The regressor."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d

from annex_actors.base.errors import DataError
from annex_actors.base.types import Array, Floats
from annex_actors.base.words import counted
from annex_actors.estimators.estimator import ActorEstimator


class ActorRegressor(RegressorMixin, ActorEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A regressor whose layers are actors, with the settings of scikit-learn's ``MLPRegressor``.

    What is minimised is half of the squared error, summed over the outputs. The attributes are those of
    `ActorClassifier`, without classes; ``validation_scores_`` are R2.

    Args:
        hidden_layer_sizes: the sizes of the hidden layers, each >= 1; or one size.
        activation: of the hidden layers: ``identity``, ``logistic``, ``tanh`` or ``relu``.
        solver: ``adam`` or ``sgd``; there is no ``lbfgs``.
        alpha: the weight of the L2 penalty, >= 0; biases cost nothing.
        batch_size: samples in a step; ``auto``: 200, or all if they are fewer.
        learning_rate: of ``sgd``: ``constant``; ``invscaling``, which falls with the samples seen; or ``adaptive``,
            which is divided by 5 where the cost no longer falls.
        learning_rate_init: the step size at first, > 0.
        power_t: the exponent of ``invscaling``, >= 0.
        max_iter: the maximal number of epochs, >= 1.
        shuffle: True; every epoch has an order of its own.
        random_state: an integer or a ``RandomState``, from which weights and orders are drawn; None: others every time.
        tol: the least improvement of an epoch, >= 0.
        verbose: whether the cost of every epoch is printed.
        warm_start: whether `fit` begins with the weights of the last training.
        momentum: of ``sgd``, 0 <= momentum < 1.
        nesterovs_momentum: whether ``sgd`` looks ahead along the velocity.
        early_stopping: whether a part of the samples is set apart, the score on it ends the training, and the weights
            of the best epoch are restored.
        validation_fraction: the part that is set apart, in (0, 1).
        beta_1: of ``adam``, 0 <= beta_1 < 1.
        beta_2: of ``adam``, 0 <= beta_2 < 1.
        epsilon: of ``adam``, > 0.
        n_iter_no_change: how many epochs without an improvement end the training, >= 1; infinity: it never ends early.
        max_fun: a setting of ``lbfgs``; left at its default.
        layers: the hidden layers as text, such as ``"dense:64 relu dropout:0.2"``, in place of ``hidden_layer_sizes``
            and ``activation``; a dense layer for the outputs follows. ``annex-actors layers`` lists them.
        schedule: the order of work, as of `annex_actors.Learner`.
        runtime: where the layers live: ``inline``, the calling thread, or ``schedulers``, ``threads`` or ``processes``;
            all give the same weights.
        stages: how many actors share the layers; ``layer``: one for each, and one for the cost.
    """

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

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """Train for an epoch from where the last one ended, the optimizer's state included; arguments as of `fit`.

        Returns:
            The estimator.

        Raises:
            ValueError: as of `fit`.
        """
        return self._pass(X, y, sample_weight)

    def predict(self, X: Any) -> Floats:  # noqa: N803
        """Return the predictions, shape ``(samples,)``, or ``(samples, outputs)`` if the targets had several columns.

        Args:
            X: shape ``(samples, features)``.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self.n_outputs_ == 1 else outputs

    _is_numeric = True

    def _encoded(self, targets: Array, *, warm: bool, classes: Any = None) -> Array:
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets = column_or_1d(targets, warn=True)
        outputs = 1 if targets.ndim == 1 else targets.shape[1]
        if warm and outputs != self.n_outputs_:
            raise DataError(f"expected {counted(self.n_outputs_, 'target')} for each sample, as before, got {outputs}")
        self.n_outputs_, self.out_activation_ = outputs, "identity"
        return targets.astype(np.float64)

    def _cost(self) -> tuple[str, float]:
        return "mean_squared_error", self.n_outputs_ / 2
