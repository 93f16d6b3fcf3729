"""What is given is checked where it is given: no other error than ours, and nothing is taken and ignored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import UserError
from tests import tables
from tests.kinds import NEVER, Parameter, Started, accepts, nothing_is_measured, parameters, wrong_kinds

PARAMETERS = list(parameters())


def call(parameter: Parameter, value: Any) -> UserError | None:
    """Return the error that the value is refused with; None if it is taken."""
    try:
        parameter.call(value)
    except UserError as error:
        return error
    except Started:
        return None
    return None


@pytest.mark.parametrize("parameter", PARAMETERS, ids=str)
def test_a_wrong_kind_is_refused_with_a_line_of_ours_before_any_actor_starts(
    parameter: Parameter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tables.restored(monkeypatch)
    nothing_is_measured(monkeypatch)
    for kind, value in wrong_kinds().items():
        before = list(tmp_path.iterdir())
        error, taken = call(parameter, value), accepts(parameter.annotation, value)
        if kind in NEVER and not accepts(parameter.annotation, np.ones(2)):
            taken = False
        assert error is not None or taken, f"{parameter} takes {kind}"
        if error is not None:
            assert list(tmp_path.iterdir()) == before, f"{parameter} refuses {kind} and leaves a file"
            assert str(error).strip(), f"{parameter} refuses {kind} without a word"
            assert "\n" not in str(error), f"{parameter} refuses {kind} in several lines"
            assert len(str(error)) < 1000, f"{parameter} refuses {kind} at length"


def test_every_parameter_is_walked() -> None:
    assert len(PARAMETERS) > 100
    assert {"Learner.train(crashes)", "Crash(at)", "dense(initializer)"} <= set(map(str, PARAMETERS))
