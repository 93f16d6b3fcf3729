"""Metrics: how good the predictions of a network are.

`table` names them, and `register_metric` adds your own; `evaluate` computes those that were chosen, or that fit the
targets.
"""

from annex_actors.metrics.evaluate import chosen, evaluate, predicted_classes, preload
from annex_actors.metrics.table import METRICS, Metric, Mode, Takes, metric, register_metric, usage_of

__all__ = [
    "METRICS",
    "Metric",
    "Mode",
    "Takes",
    "chosen",
    "evaluate",
    "metric",
    "predicted_classes",
    "preload",
    "register_metric",
    "usage_of",
]
