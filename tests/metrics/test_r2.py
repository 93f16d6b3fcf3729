from __future__ import annotations

import numpy as np
import pytest

from annex_actors.base.errors import ShapeError
from annex_actors.base.types import Floats, Shape
from annex_actors.metrics import evaluate


def r2(predictions: Floats, targets: Floats) -> float | None:
    return evaluate(predictions, targets, None).get("r2")


TARGETS = np.array([1.0, 2.0, 3.0, 6.0])


def test_perfect_predictions_score_one() -> None:
    assert r2(TARGETS, TARGETS) == 1


def test_the_mean_scores_zero() -> None:
    assert r2(np.full(4, TARGETS.mean()), TARGETS) == 0


def test_a_single_output_may_be_a_column() -> None:
    assert r2(TARGETS[:, None], TARGETS) == 1


def test_several_outputs_are_averaged() -> None:
    targets = np.stack([TARGETS, TARGETS], axis=1)
    predictions = np.stack([TARGETS, np.full(4, TARGETS.mean())], axis=1)
    assert r2(predictions, targets) == 0.5


def test_a_single_sample_has_no_score() -> None:
    assert r2(TARGETS[:1], TARGETS[:1]) is None


def test_a_prediction_that_is_not_finite_has_no_score() -> None:
    assert r2(np.array([1.0, np.nan, 3.0, 6.0]), TARGETS) is None


@pytest.mark.parametrize("shape", [(3,), (4, 2), (2, 2)])
def test_predictions_of_another_shape_are_refused_and_never_broadcast(shape: Shape) -> None:
    with pytest.raises(ShapeError, match=r"expected predictions of the targets' shape \(4,\), got"):
        r2(np.ones(shape), TARGETS)
