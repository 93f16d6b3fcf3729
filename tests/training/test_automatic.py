"""``stages="auto"``: the plan that is fastest when a training begins, and a setting like any other from then on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from annex_actors import Learner, activation, dense, sequence, trace
from annex_actors.base.errors import ConfigError
from annex_actors.placement import Plan
from annex_actors.training import automatic
from annex_actors.training.automatic import Trial, prepared, step_seconds, tried
from annex_actors.training.preparation import PreparedTraining
from tests.trainings import Training

TRAINING = Training()

BLAS = Plan.parse("3:blas_threads=2", 3)


def learner(**settings: Any) -> Learner:
    return Learner(
        sequence(dense(5), activation("relu"), dense(3)), **{"stages": "auto", "runtime": "inline"} | settings
    )


def with_seconds(monkeypatch: pytest.MonkeyPatch, of: dict[str, float], cores: int = 2) -> list[str]:
    """Let a step take these seconds, by plan, instead of trying it; return the plans that were asked for."""
    asked: list[str] = []

    def seconds(training: PreparedTraining, steps: int, first: int) -> float:
        asked.append(str(training.spec.stages))
        return of[asked[-1]]

    monkeypatch.setattr(automatic, "step_seconds", seconds)
    monkeypatch.setattr(automatic, "_planned", lambda *_: iter(()))
    monkeypatch.setattr(automatic, "cores", lambda: cores)
    return asked


ALIKE = {"1": 1.0, "2": 1.0, "3": 1.0, "layer": 1.0, "3:blas_threads=2": 1.0}


@pytest.mark.parametrize("fastest", ALIKE)
def test_the_fastest_plan_is_taken(fastest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_seconds(monkeypatch, ALIKE | {fastest: 0.9})
    first, *others = tried(learner().spec, TRAINING.dataset, 5)
    assert str(first.stages) == fastest
    assert {str(each.stages) for each in others} == set(ALIKE) - {fastest}


def test_of_plans_that_are_alike_that_with_the_fewest_actors_and_threads_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_seconds(monkeypatch, ALIKE | {"3:blas_threads=2": 0.98})
    assert tried(learner().spec, TRAINING.dataset, 5)[0].stages == 1


def test_a_plan_that_is_far_too_slow_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = with_seconds(monkeypatch, ALIKE | {"layer": 9.0})
    tried(learner().spec, TRAINING.dataset, 5)
    assert [asked.count(plan) for plan in ("layer", "1")] == [1, 4]


def test_with_one_core_no_product_has_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "3:blas_threads=2" not in with_seconds(monkeypatch, ALIKE, cores=1)


def test_one_actor_has_one_microbatch_unless_their_number_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with_seconds(monkeypatch, ALIKE | {"1": 0.5})
    assert tried(learner().spec, TRAINING.dataset, 5)[0].microbatches == 1
    assert {each.microbatches for each in tried(learner(microbatches=3).spec, TRAINING.dataset, 5)} == {3}


def test_a_training_keeps_the_plan_and_gives_its_bits() -> None:
    placed = learner()
    placed.train(TRAINING.dataset, epochs=2, batch_size=5)
    assert placed.spec.stages != "auto"
    again = learner(stages=placed.spec.stages, microbatches=placed.spec.microbatches)
    assert placed.checkpoint is not None
    expected = again.train(TRAINING.dataset, epochs=2, batch_size=5).checkpoint
    assert placed.checkpoint.weights_sha256 == expected.weights_sha256
    placed.train(TRAINING.dataset, epochs=3, batch_size=5)  # and goes on with it


def test_a_training_that_goes_on_tries_plans_that_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    began = learner(stages=2, microbatches=2).train(TRAINING.dataset, epochs=1, batch_size=5).checkpoint
    asked = with_seconds(monkeypatch, ALIKE)
    learner().train(TRAINING.dataset, epochs=2, batch_size=5, resume=began)
    assert set(asked) == {"2", "3", "layer"}


def test_mistakes_are_found_before_anything_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = with_seconds(monkeypatch, ALIKE)
    with pytest.raises(ConfigError, match="epochs"):
        learner().train(TRAINING.dataset, epochs=0)
    with pytest.raises(ConfigError, match="batch"):
        learner(microbatches=7).train(TRAINING.dataset, batch_size=5)
    assert asked == []


def test_any_other_plan_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = with_seconds(monkeypatch, ALIKE)
    training = prepared(learner(stages=2).spec, TRAINING.dataset, epochs=1, batch_size=5)
    assert (training.spec.stages, asked) == (2, [])


def test_trials_are_no_part_of_what_is_traced() -> None:
    with trace() as seen:
        learner().train(TRAINING.dataset, epochs=1, batch_size=5)
    assert set(seen.trace.steps) == set(range(-(-len(TRAINING.dataset.train) // 5)))


def test_a_trial_is_one_line() -> None:
    assert str(Trial(BLAS, 1, 0.0015)) == "3:blas_threads=2 with 1 microbatch: 1.5 ms"


def test_a_trial_takes_the_time_of_a_step() -> None:
    spec = replace(learner().spec, stages=2)
    seconds = step_seconds(PreparedTraining.of(spec, TRAINING.dataset, epochs=9, batch_size=5), 6, 2)
    assert np.isfinite(seconds)
    assert seconds > 0


def test_the_planner_is_asked_with_what_was_measured() -> None:
    spec = learner(runtime="schedulers").spec
    (planned,) = automatic._planned(spec, TRAINING.dataset, 5, 2)
    assert planned.stages != "auto"
    assert planned.actors <= 2, "no more workers than cores"


def test_what_the_planner_cannot_plan_is_tried_without_it() -> None:
    spec = learner(schedule="interleaved", runtime="schedulers").spec
    assert list(automatic._planned(spec, TRAINING.dataset, 5, 2)) == []
