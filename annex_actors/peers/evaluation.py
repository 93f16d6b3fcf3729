"""What a network's outputs are worth: their cost and metrics, the same for the trainer and for a learner."""

from __future__ import annotations

from collections.abc import Mapping

from annex_actors.base.types import Array, Floats
from annex_actors.costs import Cost
from annex_actors.metrics import evaluate


def evaluated(
    cost: Cost,
    outputs: Floats,
    targets: Array,
    encoded: Array,
    classes: tuple[str, ...] | None,
    *,
    penalty: float = 0.0,
) -> tuple[float, Mapping[str, float]]:
    """Return the mean cost of outputs, and the metrics that fit the task.

    Args:
        cost: of the network.
        outputs: of the last layer, a row for each sample.
        targets: of the samples, as the user gave them.
        encoded: the same, as the cost encodes them.
        classes: their names; None for regression.
        penalty: what the weights cost.
    """
    value, _ = cost.evaluate(outputs, encoded, len(outputs))
    return value + penalty, evaluate(cost.predictions(outputs), targets, classes)
