"""Class weights: what the samples of each class count in the cost of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed
from annex_actors.base.types import Floats
from annex_actors.data import Dataset

BALANCED = "balanced"
"""The setting with which all classes count the same, however many samples they have."""

ClassWeight: TypeAlias = str | Mapping[Any, float]
"""`BALANCED`, or the weight of each class by its name; of a class that is left out it is 1."""

_WANTED = f'weights by class, such as {{"cat": 2.0, "dog": 1.0}} or "cat=2,dog=1", or "{BALANCED}"'
_LIMIT = float(np.finfo(np.float32).max)


def checked(class_weight: Any) -> ClassWeight | None:
    """Return class weights in one form, from a mapping, "balanced", or the text of either.

    Classes in the mapping may be numbers, which stand for their text.

    Raises:
        ConfigError: none of these, or a weight that is not a finite number >= 0.
    """
    if class_weight is None or (isinstance(class_weight, str) and class_weight == BALANCED):
        return class_weight
    given = _parsed(class_weight) if isinstance(class_weight, str) else class_weight
    if not isinstance(given, Mapping) or not given:
        raise ConfigError(f"expected `class_weight` to be {_WANTED}, got {shown(class_weight)}")
    weights = {
        str(name): checks.real_number(f"class_weight[{shown(name)}]", given[name], at_least=0, below=_LIMIT)
        for name in given
    }
    return dict(sorted(weights.items()))


def text_of(class_weight: ClassWeight | None) -> str | None:
    """Return the text that `checked` reads back."""
    if class_weight is None or isinstance(class_weight, str):
        return class_weight
    return ",".join(f"{name}={weight!r}" for name, weight in class_weight.items())


def training_weights(dataset: Dataset, class_weight: ClassWeight | None) -> Floats | None:
    """Return what each training sample counts: its own weight times that of its class; None: all count the same.

    "balanced" gives a class ``sum(weights) / (classes * sum(weights of the class))``, as scikit-learn does.

    Args:
        dataset: with the training samples.
        class_weight: as `checked` returns it.

    Returns:
        float64, shape ``(samples,)``.

    Raises:
        ConfigError: a class that is not there, class weights for regression, or no sample that counts.
    """
    own = dataset.train.sample_weight
    if class_weight is None:
        return own
    if dataset.classes is None:
        raise ConfigError(
            f"expected no `class_weight` for regression, got {shown(class_weight)}; give each sample a sample_weight"
        )
    counts = np.ones(len(dataset.train)) if own is None else own
    by_class = _by_class(dataset.train.targets, dataset.classes, counts, class_weight)
    weights: Floats = counts * by_class[dataset.train.targets]
    if not weights.any():
        raise ConfigError(f"expected `class_weight` to leave a sample that counts, got {shown(class_weight)}")
    return weights


def _by_class(labels: Any, classes: tuple[str, ...], counts: Floats, class_weight: ClassWeight) -> Floats:
    """Return the weight of each class, by its index."""
    if isinstance(class_weight, str):
        totals = np.bincount(labels, weights=counts, minlength=len(classes))
        present = totals > 0
        balanced: Floats = np.divide(counts.sum() / present.sum(), totals, out=np.zeros(len(classes)), where=present)
        return balanced
    for name in class_weight:
        if name not in classes:
            known = checks.did_you_mean(name, classes)
            raise ConfigError(
                f"expected `class_weight` to be of classes among {listed(classes)}, got {shown(name)}{known}"
            )
    return np.array([class_weight.get(name, 1.0) for name in classes])


def _parsed(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, weight = part.rpartition("=")
        try:
            number = float(weight)
        except ValueError:
            equals = ""
        if not equals or not name.strip() or name.strip() in found:
            raise ConfigError(f"expected `class_weight` to be {_WANTED}, got {shown(text)}")
        found[name.strip()] = number
    return found
