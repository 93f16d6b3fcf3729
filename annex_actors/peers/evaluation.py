"""Judge the outputs of a network: the same function during a training and after it, so that both give the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annex_actors.base.types import Array, Floats
from annex_actors.costs import Cost, scaled
from annex_actors.data import Samples
from annex_actors.data.units import Units
from annex_actors.metrics import Metric, evaluate


def evaluated(
    cost: Cost,
    outputs: Floats,
    samples: Samples,
    encoded: Array,
    classes: tuple[str, ...] | None,
    *,
    penalty: float = 0.0,
    metrics: Mapping[str, Metric] | None = None,
    units: Units | None = None,
) -> tuple[float, Mapping[str, Any]]:
    """Return the mean cost of outputs, weighted if the samples have weights, and the metrics.

    Class weights are for training alone, and metrics count each sample once.

    Args:
        cost: of the network.
        outputs: of the last layer, a row for each sample.
        samples: their targets are as the user gave them.
        encoded: the same targets, as the cost encodes them.
        classes: their names; None for regression.
        penalty: what the network's weights cost.
        metrics: by name; None: those that fit the task.
        units: of the amounts that metrics compare; None: they are as the network learns them.
    """
    given = () if samples.sample_weight is None else (scaled(samples.sample_weight),)
    value, _ = cost.evaluate(outputs, encoded, len(outputs), *given)
    predictions, targets = cost.predictions(outputs), samples.targets
    if units is not None:
        predictions, targets = units.restored(predictions), units.restored(targets)
    return value + penalty, evaluate(predictions, targets, classes, metrics)
