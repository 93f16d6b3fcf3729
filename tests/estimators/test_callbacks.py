"""scikit-learn's callbacks: told of each epoch, with the estimator as it is then; they change no bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from annex_actors.estimators import ActorClassifier, ActorRegressor

pytest.importorskip("sklearn.callback")
from sklearn.callback import ScoringMonitor

X, Y = load_iris(return_X_y=True)


class Recording:
    """A callback that keeps what it is told, and ends a fit after some epochs.

    Args:
        most: epochs; 0: no end.
    """

    def __init__(self, most: int = 0) -> None:
        self.most = most
        self.told: list[str] = []
        self.scores: list[float] = []
        self.weights: list[Any] = []

    def setup(self, estimator: Any, context: Any) -> None:
        self.told.append("setup")

    def teardown(self, estimator: Any, context: Any) -> None:
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.told.append(f"begin {context.task_name}")

    def on_fit_task_end(
        self,
        estimator: Any,
        context: Any,
        *,
        X: Any,  # noqa: N803 - scikit-learn's name
        y: Any,
        metadata: Any,
        fitted_estimator: Any,
    ) -> bool:
        self.told.append(f"end {context.task_name}")
        self.scores.append(fitted_estimator.score(X, y))
        self.weights.append(metadata)
        return context.task_name == "epoch" and len(self.scores) == self.most


def made(**settings: Any) -> ActorClassifier:
    return ActorClassifier((8,), max_iter=6, tol=0, n_iter_no_change=6, random_state=3, **settings)


@pytest.mark.filterwarnings("ignore:expected the training to converge")
@pytest.mark.parametrize("settings", [{}, {"early_stopping": True}, {"solver": "sgd", "learning_rate": "adaptive"}])
def test_callbacks_are_told_of_each_epoch_and_change_no_bit(settings: dict[str, Any]) -> None:
    plain, followed, callback = made(**settings).fit(X, Y), made(**settings), Recording()
    assert followed.set_callbacks(callback) is followed
    followed.fit(X, Y)
    for one, other in zip(plain.coefs_, followed.coefs_, strict=True):
        assert one.tobytes() == other.tobytes()
    assert plain.loss_curve_ == followed.loss_curve_
    assert plain.validation_scores_ == followed.validation_scores_
    epochs = ["begin epoch", "end epoch"] * plain.n_iter_
    assert callback.told == ["setup", "begin fit", *epochs, "end fit", "teardown"]
    assert callback.scores[-1] == plain.score(X, Y)
    assert not [name for name in vars(followed) if "callback" in name and name != "_skl_callbacks"]


@pytest.mark.filterwarnings("ignore:expected the training to converge")
def test_a_callback_is_given_the_estimator_as_it_is_after_the_epoch() -> None:
    monitor, weights = Recording(), np.linspace(0.5, 1, len(X))
    followed = made().set_callbacks(monitor).fit(X, Y, sample_weight=weights)
    for epochs in (1, 3):
        short = made().set_params(max_iter=epochs).fit(X, Y, sample_weight=weights)
        assert monitor.scores[epochs - 1] == short.score(X, Y)
    assert monitor.weights[0]["sample_weight"] is weights
    assert followed.n_iter_ == 6


def test_a_callback_may_end_the_training() -> None:
    followed = made().set_callbacks(Recording(most=2)).fit(X, Y)
    assert followed.n_iter_ == 2
    assert len(followed.loss_curve_) == 2


@pytest.mark.filterwarnings("ignore:expected the training to converge")
def test_scikit_learns_own_monitor_works_alone_and_in_a_search() -> None:
    monitor = ScoringMonitor(scoring="accuracy")
    made().set_callbacks(monitor).fit(X, Y)
    assert len(monitor.get_logs().data) == 7  # six epochs and the fit
    pipeline = make_pipeline(StandardScaler(), made())
    search = GridSearchCV(pipeline, {"actorclassifier__alpha": [0.1, 0.01]}, cv=2)
    search.fit(X, Y)
    assert 0 < search.best_score_ <= 1


@pytest.mark.filterwarnings("ignore:expected the training to converge")
def test_an_error_in_a_callback_ends_the_fit_and_tears_all_down() -> None:
    class Failing(Recording):
        def on_fit_task_end(self, estimator: Any, context: Any) -> bool:  # type: ignore[override]
            raise RuntimeError("no more")

    callback = Failing()
    with pytest.raises(RuntimeError, match="no more"):
        ActorRegressor(max_iter=2).set_callbacks(callback).fit(X, Y.astype(float))
    assert callback.told[-1] == "teardown"


def test_something_else_than_a_callback_is_refused() -> None:
    with pytest.raises(TypeError, match="callbacks must be instances"):
        made().set_callbacks(3)
