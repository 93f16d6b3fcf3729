"""The table of metrics by name. All but accuracy are scikit-learn's: equal to it on the same predictions.

A metric is a function of targets and predictions, in scikit-learn's order, so that any function of `sklearn.metrics`
can be registered as it is. It is undefined, and None, where it has no value, such as R2 of one sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import parse_call
from annex_actors.base.calls import usage_of as usage_of_call
from annex_actors.base.tables import Table
from annex_actors.base.types import Array

Score: TypeAlias = Callable[[Array, Array], Any]
"""From targets and predictions to a number, or None where it is undefined."""


class Takes(Enum):
    """What a metric takes for predictions, which says for which task it is."""

    LABELS = "labels"
    """The predicted class of each sample, shape ``(samples,)``; the targets are labels."""
    SCORES = "scores"
    """A score for each class, shape ``(samples, classes)``; the targets are labels."""
    NUMBERS = "numbers"
    """Numbers, shape ``(samples, outputs)``, and targets of the same shape: regression."""


class Mode(Enum):
    """Whether small or large figures are good."""

    MIN = "min"
    MAX = "max"


@dataclass(frozen=True)
class Metric:
    """How good predictions are.

    Args:
        score: the function.
        takes: what it takes.
        mode: whether small or large values are good; None: it is no number, and for `Learner.evaluate` alone.
    """

    score: Score
    takes: Takes = Takes.LABELS
    mode: Mode | None = Mode.MAX


def _accuracy() -> Metric:
    """Return the fraction of samples that are classified correctly."""

    def score(targets: Array, labels: Array) -> float:
        return float(np.mean(targets == labels))

    return Metric(score)


def _balanced_accuracy() -> Metric:
    """Return the mean over the classes of the fraction of their samples that are classified correctly."""

    def score(targets: Array, labels: Array) -> float:
        from sklearn.metrics import recall_score  # balanced_accuracy_score warns of predicted classes without samples

        return float(recall_score(targets, labels, labels=np.unique(targets), average="macro", zero_division=0.0))

    return Metric(score)


def _precision() -> Metric:
    """Return the precision, averaged over the classes that occur (macro); 0 for a class that is never predicted."""

    def score(targets: Array, labels: Array) -> float:
        from sklearn.metrics import precision_score

        return float(precision_score(targets, labels, average="macro", zero_division=0.0))

    return Metric(score)


def _recall() -> Metric:
    """Return the recall, averaged over the classes that occur (macro); 0 for a class without samples."""

    def score(targets: Array, labels: Array) -> float:
        from sklearn.metrics import recall_score

        return float(recall_score(targets, labels, average="macro", zero_division=0.0))

    return Metric(score)


def _f1() -> Metric:
    """Return the harmonic mean of precision and recall, averaged over the classes that occur (macro)."""

    def score(targets: Array, labels: Array) -> float:
        from sklearn.metrics import f1_score

        return float(f1_score(targets, labels, average="macro", zero_division=0.0))

    return Metric(score)


def _roc_auc() -> Metric:
    """Return the area under the ROC curve, for several classes the mean of each against the rest."""

    def score(targets: Array, scores: Array) -> float | None:
        from sklearn.metrics import roc_auc_score

        classes = scores.shape[1]
        if len(np.unique(targets)) < classes or not np.isfinite(scores).all():
            return None  # undefined for a class without samples
        against = [1] if classes == 2 else range(classes)
        return float(np.mean([roc_auc_score(targets == each, scores[:, each]) for each in against]))

    return Metric(score, Takes.SCORES)


def _top_k_accuracy(k: int = 5) -> Metric:
    """Return the fraction of samples whose class is among the ``k`` with the largest scores."""
    k = checks.whole_number("k", k, at_least=1)

    def score(targets: Array, scores: Array) -> float:
        if k >= scores.shape[1]:
            return 1.0
        from sklearn.metrics import top_k_accuracy_score

        if scores.shape[1] == 2:  # scikit-learn takes one score of two classes, which is above 0.5 where it is larger
            return float(np.mean(targets == np.argmax(scores, axis=1)))
        return float(top_k_accuracy_score(targets, scores, k=k, labels=np.arange(scores.shape[1])))

    return Metric(score, Takes.SCORES)


def _confusion_matrix() -> Metric:
    """Return how many samples of each class (row) were taken for each class (column); for `Learner.evaluate` alone."""

    def score(targets: Array, scores: Array) -> list[list[int]]:
        from sklearn.metrics import confusion_matrix

        classes = np.arange(scores.shape[1])
        rows: list[list[int]] = confusion_matrix(targets, np.argmax(scores, axis=1), labels=classes).tolist()
        return rows

    return Metric(score, Takes.SCORES, mode=None)


def _mae() -> Metric:
    """Return the mean absolute error."""

    def score(targets: Array, predictions: Array) -> float:
        from sklearn.metrics import mean_absolute_error

        return float(mean_absolute_error(targets, predictions))

    return Metric(score, Takes.NUMBERS, Mode.MIN)


def _rmse() -> Metric:
    """Return the root of the mean squared error, averaged over the outputs."""

    def score(targets: Array, predictions: Array) -> float:
        from sklearn.metrics import mean_squared_error

        errors = mean_squared_error(targets, predictions, multioutput="raw_values")
        return float(np.mean([math.sqrt(error) for error in errors]))

    return Metric(score, Takes.NUMBERS, Mode.MIN)


def _r2() -> Metric:
    """Return the coefficient of determination: 1 is perfect, 0 is as good as the mean."""

    def score(targets: Array, predictions: Array) -> float | None:
        from sklearn.metrics import r2_score

        return float(r2_score(targets, predictions)) if len(targets) > 1 else None

    return Metric(score, Takes.NUMBERS)


METRICS: Table[Callable[..., Metric]] = Table(
    "metric",
    {
        "accuracy": _accuracy,
        "balanced_accuracy": _balanced_accuracy,
        "precision": _precision,
        "recall": _recall,
        "f1": _f1,
        "roc_auc": _roc_auc,
        "top_k_accuracy": _top_k_accuracy,
        "confusion_matrix": _confusion_matrix,
        "mae": _mae,
        "rmse": _rmse,
        "r2": _r2,
    },
)
"""What makes a metric, by the first part of its text, such as ``f1`` or ``top_k_accuracy:3``."""


def register_metric(name: str, score: Score, *, takes: str | Takes = "labels", mode: str | Mode = "max") -> Score:
    """Register your own metric by name, for `Learner.train`, config files and the command line; return its function.

    Args:
        name: one word; it replaces your earlier metric of that name.
        score: from targets and predictions to a number, or None where it is undefined, such as
            ``sklearn.metrics.cohen_kappa_score``.
        takes: ``labels``, the predicted class of each sample; ``scores``, a score for each class; or ``numbers``, of
            regression.
        mode: ``max`` or ``min``, whether large or small values are good.

    Raises:
        ConfigError: the name is one of this package's or not a single word, or an argument of another kind.
    """
    checks.function("score", score, 2, wanted="a function of targets and predictions")
    own = Metric(score, checks.member("takes", takes, Takes), checks.member("mode", mode, Mode))

    def made() -> Metric:
        return own

    made.__doc__ = getattr(score, "__doc__", None) or "Return your own metric."
    METRICS.register(name, made)
    return score


def metric(text: str) -> Metric:
    """Return the metric with this text, such as ``f1`` or ``top_k_accuracy:3``.

    Raises:
        ConfigError: no such metric, or arguments that do not fit.
    """
    name = checks.text("metric", text, wanted="a name such as f1").partition(":")[0]
    made_by = METRICS.find(name)
    usage = f"`metric` as {usage_of(name)}"
    return parse_call(text, usage=usage).make(made_by, usage=usage, text=text, place="metric")


def usage_of(name: str) -> str:
    """Return how to write a metric, such as ``top_k_accuracy[:k]``."""
    return usage_of_call(name, METRICS[name])
