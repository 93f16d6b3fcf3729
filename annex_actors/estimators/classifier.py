"""The classifier."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from annex_actors.base.errors import DataError
from annex_actors.base.types import Array, Floats
from annex_actors.estimators.estimator import ActorEstimator


class ActorClassifier(ClassifierMixin, ActorEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier whose layers are actors, with the settings of scikit-learn's ``MLPClassifier``.

    Two classes have one output with a sigmoid, more classes have an output each with a softmax, and several labels, as
    rows of 0 and 1, an output each with a sigmoid.

    After `fit`, ``learner_`` is the `annex_actors.Learner` (to save, or to evaluate), and ``classes_``, ``loss_``,
    ``loss_curve_``, ``best_loss_``, ``n_iter_``, ``t_``, ``n_outputs_``, ``n_layers_``, ``coefs_``, ``intercepts_``,
    ``out_activation_``, ``n_features_in_`` and, with early stopping, ``validation_scores_`` (accuracies; for several
    labels the R2 of the probabilities) and ``best_validation_score_`` are as there.

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
        class_weight: what the samples of each class count: weights by label, or ``"balanced"``; for several labels a
            list of such. None: all count the same.

    Example:
        >>> from annex_actors.estimators import ActorClassifier
        >>> network = ActorClassifier((8,), "tanh", batch_size=4, max_iter=300, learning_rate_init=0.05, random_state=0)
        >>> network = network.fit([[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"])
        >>> network.predict([[0, 1], [1, 1]]).tolist()
        ['yes', 'no']
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
        class_weight: Any = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            layers=layers,
            schedule=schedule,
            runtime=runtime,
            stages=stages,
        )
        self.class_weight = class_weight

    def __sklearn_tags__(self) -> Any:
        """Return the tags of every estimator here, and that several labels are taken."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:  # noqa: N803
        """Train for an epoch from where the last one ended, the optimizer's state included.

        Args:
            X: as of `fit`.
            y: as of `fit`; some of the classes may be missing.
            sample_weight: as of `fit`.
            classes: all that there will be; needed at the first call only.

        Returns:
            The estimator.

        Raises:
            ValueError: as of `fit`; or no classes at the first call, or others later.
        """
        return self._pass(X, y, sample_weight, classes)

    def predict(self, X: Any) -> Array:  # noqa: N803
        """Return the most probable class of each sample, shape ``(samples,)``; for several labels rows of 0 and 1.

        Args:
            X: shape ``(samples, features)``.
        """
        scores = self._outputs(X)
        if self._is_multilabel:
            return (scores > 0.5).astype(np.int64)
        chosen = scores.argmax(axis=1) if self.n_outputs_ > 1 else (scores[:, 0] > 0.5).astype(np.int64)
        labels: Array = self.classes_[np.minimum(chosen, len(self.classes_) - 1)]
        return labels

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """Return the probability of each class, or of each label, shape ``(samples, classes)``.

        Args:
            X: shape ``(samples, features)``.
        """
        scores = self._outputs(X)
        if self._is_multilabel or self.n_outputs_ > 1:
            return scores
        if len(self.classes_) == 1:
            return np.ones_like(scores)
        return np.hstack([1 - scores, scores])

    def predict_log_proba(self, X: Any) -> Floats:  # noqa: N803
        """Return the logarithms of `predict_proba`.

        Args:
            X: shape ``(samples, features)``.
        """
        with np.errstate(divide="ignore"):
            logarithms: Floats = np.log(self.predict_proba(X))
        return logarithms

    def decision_function(self, X: Any) -> Floats:  # noqa: N803
        """Return the logits, shape ``(samples, classes)``; of two classes that of the second, shape ``(samples,)``.

        Args:
            X: shape ``(samples, features)``.
        """
        logits = self._logits(X)
        return logits if self._is_multilabel or self.n_outputs_ > 1 else logits[:, 0]

    @property
    def _is_multilabel(self) -> bool:
        return self._labels is None

    @property
    def _score_name(self) -> str:
        return "r2" if self._is_multilabel else "accuracy"

    def _encoded(self, targets: Array, *, warm: bool, classes: Any = None) -> Array:
        check_classification_targets(targets)
        kind = type_of_target(targets)
        if kind == "multiclass-multioutput":
            raise DataError("expected one label for each sample, or rows of 0 and 1, got several classes; fit one each")
        if kind != "multilabel-indicator":
            targets = column_or_1d(targets, warn=True)
        if not warm:
            self._know(targets, kind == "multilabel-indicator", classes)
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise DataError("expected the `classes` of the first call, got others; begin with a new estimator")
        return self._numbered(targets, kind == "multilabel-indicator")

    def _know(self, targets: Array, several: bool, classes: Any) -> None:
        self.classes_ = unique_labels(targets) if classes is None else unique_labels(classes)
        self._labels = None if several else tuple(str(label) for label in self.classes_)
        count = targets.shape[1] if several else len(self.classes_)
        self.n_outputs_ = count if several or count > 2 else 1
        self.out_activation_ = "softmax" if not several and count > 2 else "logistic"

    def _numbered(self, targets: Array, several: bool) -> Array:
        if several != self._is_multilabel or (several and targets.shape[1] != self.n_outputs_):
            raise DataError("expected labels of the kind of the first training, got others; begin with a new estimator")
        if several:
            return targets.astype(np.float64)
        unknown = np.setdiff1d(targets, self.classes_)
        if len(unknown):
            raise DataError(f"expected labels among `classes_`, got {unknown[0]!s}; begin with a new estimator")
        return np.searchsorted(self.classes_, targets).astype(np.int64)

    def _names(self) -> tuple[str, ...] | None:
        return self._labels

    def _cost(self) -> tuple[str, float]:
        if self.out_activation_ == "softmax":
            return "softmax_cross_entropy", 1.0
        return "sigmoid_cross_entropy", float(self.n_outputs_)

    def _weights(self, targets: Array, inputs: Array, sample_weight: Any) -> Floats | None:
        own = super()._weights(targets, inputs, sample_weight)
        if self.class_weight is None:
            return own
        by_class: Floats = compute_sample_weight(self.class_weight, targets)
        return by_class if own is None else own * by_class
