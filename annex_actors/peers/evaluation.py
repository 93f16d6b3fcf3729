"""Judge the outputs of a network: the same function during a training and after it, so that both give the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annex_actors.base.types import Array, Floats
from annex_actors.costs import Cost
from annex_actors.metrics import Metric, evaluate


def evaluated(
    cost: Cost,
    outputs: Floats,
    targets: Array,
    encoded: Array,
    classes: tuple[str, ...] | None,
    metrics: Mapping[str, Metric] | None = None,
) -> tuple[float, Mapping[str, Any]]:
    """Return the mean cost of outputs, and the metrics.

    Args:
        cost: of the network.
        outputs: of the last layer, a row for each sample.
        targets: of the samples, as the user gave them.
        encoded: the same, as the cost encodes them.
        classes: their names; None for regression.
        metrics: by name; None: those that fit the task.
    """
    value, _ = cost.evaluate(outputs, encoded, len(outputs))
    return value, evaluate(cost.predictions(outputs), targets, classes, metrics)
