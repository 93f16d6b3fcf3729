"""Metrics: how good the predictions of a network are. `evaluate` chooses those that fit the targets."""

from annex_actors.metrics.evaluate import accuracy, evaluate, predicted_classes, preload, r2

__all__ = ["accuracy", "evaluate", "predicted_classes", "preload", "r2"]
