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

    The settings are those of `ActorClassifier` without ``class_weight``.
    """

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
