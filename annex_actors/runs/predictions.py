"""What predictions mean: for each sample its class and how sure the network is, or its amounts."""

from __future__ import annotations

from typing import Any

from annex_actors.base.types import Floats
from annex_actors.costs import Cost
from annex_actors.metrics import predicted_classes


def described(outputs: Floats, classes: tuple[str, ...] | None, cost: Cost) -> list[dict[str, Any]]:
    """Return for each sample its ``class`` and that class's ``probability`` or ``score``, or ``output 0`` and so on.

    Args:
        outputs: what the network predicts, shape ``(samples, ...)``.
        classes: the names of the classes; None for regression.
        cost: that of the training: a squared error predicts scores, other costs probabilities.
    """
    if classes is None:
        values = outputs.reshape(len(outputs), -1)
        return [{f"output {index}": float(value) for index, value in enumerate(row)} for row in values]
    is_probability = cost.name != "mean_squared_error"
    chosen = predicted_classes(outputs, len(outputs), len(classes))
    scores = outputs[:, 0] if outputs.shape[1] == 1 else outputs[range(len(outputs)), chosen]
    if is_probability and outputs.shape[1] == 1:
        scores = abs(1 - chosen - scores)  # one output is the second class's probability
    name = "probability" if is_probability else "score"
    return [{"class": classes[index], name: float(score)} for index, score in zip(chosen, scores, strict=True)]
