"""Estimators for scikit-learn: `ActorClassifier` and `ActorRegressor`, with the settings of its MLPs.

Read `estimator` (what fits and predicts), `settings` (what scikit-learn's settings mean here), then the two classes.
"""

from annex_actors.estimators.classifier import ActorClassifier
from annex_actors.estimators.regressor import ActorRegressor

__all__ = ["ActorClassifier", "ActorRegressor"]
