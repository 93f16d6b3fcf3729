"""Both estimators keep all the promises of scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from annex_actors.estimators import ActorClassifier, ActorRegressor

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("error::sklearn.exceptions.SkipTestWarning"),  # nothing is skipped
]


@parametrize_with_checks([ActorClassifier(), ActorRegressor()])  # type: ignore[untyped-decorator]
def test_a_check_of_scikit_learn_passes(
    estimator: Any, check: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # else the checks of other arrays are skipped
    check(estimator)
