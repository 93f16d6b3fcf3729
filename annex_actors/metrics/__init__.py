"""Metrics: how good the predictions of a network are. `evaluate` chooses those that suit the targets."""

from annex_actors.metrics.evaluate import accuracy, evaluate, predicted_classes, prepare, r2

__all__ = ["accuracy", "evaluate", "predicted_classes", "prepare", "r2"]
