"""What predictions mean: for each sample its class and how sure the network is, or its amounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from annex_actors.base.types import Array, Floats
from annex_actors.costs import Cost
from annex_actors.data.transforms import Preparation
from annex_actors.metrics import predicted_classes
from annex_actors.training.learner import Learner


@dataclass(frozen=True, eq=False)
class Meaning:
    """What the outputs of a network mean.

    Args:
        classes: the names of the classes; None for regression.
        cost: that of the training: a squared error predicts scores, other costs probabilities.
        preparation: what made numbers of a table's rows, and knows the units of amounts; None: nothing did.
    """

    classes: tuple[str, ...] | None
    cost: Cost
    preparation: Preparation | None = None

    @classmethod
    def of(cls, learner: Learner) -> Meaning:
        """Return what the outputs of a learner's network mean."""
        return cls(learner.classes, learner.spec.cost, learner.preparation)

    def described(self, outputs: Floats) -> list[dict[str, Any]]:
        """Return for each sample its ``class`` and that class's ``probability`` or ``score``, or its amounts by name.

        Args:
            outputs: what the network predicts, shape ``(samples, ...)``.
        """
        columns = {name: values.tolist() for name, values in self.columns(outputs).items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def columns(self, outputs: Floats, *, every_class: bool = False) -> Mapping[str, Array]:
        """Return the same as arrays by name, of shape ``(samples,)``.

        Args:
            outputs: what the network predicts, shape ``(samples, ...)``.
            every_class: whether the probability or score of each class has a column, too.
        """
        if self.classes is None:
            return self._amounts(outputs)
        name = "score" if self.cost.name == "mean_squared_error" else "probability"
        chosen = predicted_classes(outputs, len(outputs), len(self.classes))
        scores = _of_each_class(outputs, is_probability=name == "probability")
        found = {"class": np.array(self.classes, object)[chosen], name: scores[np.arange(len(scores)), chosen]}
        each = {f"{name} of {known}": scores[:, index] for index, known in enumerate(self.classes)}
        return found | (each if every_class else {})

    def _amounts(self, outputs: Floats) -> Mapping[str, Array]:
        if self.preparation is None:
            values = outputs.reshape(len(outputs), -1)
            return {f"output {index}": values[:, index] for index in range(values.shape[1])}
        labels = self.preparation.target.labels
        amounts = self.preparation.amounts(outputs.reshape(len(outputs), len(labels)))
        return {f"predicted {label}": amounts[:, index] for index, label in enumerate(labels)}


def _of_each_class(outputs: Floats, *, is_probability: bool) -> Floats:
    """Return a score for each class; one output is the second class's probability, or the score of both."""
    if outputs.shape[1] > 1:
        return outputs
    return np.hstack([1 - outputs if is_probability else outputs, outputs])
