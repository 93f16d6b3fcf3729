"""A prediction is held against two trainings, and what is between them follows from these."""

from __future__ import annotations

import pytest

from annex_actors import Learner, Sgd, parse_layers
from annex_actors.base.errors import ConfigError
from annex_actors.experiments import calibration
from annex_actors.experiments.calibration import calibrated
from annex_actors.experiments.prediction import predict
from annex_actors.placement import Plan, Profile
from annex_actors.runtimes.delayed_links import DelayedLinks
from annex_actors.training.preparation import PreparedTraining
from tests.experiments.test_comparison import KNOWN
from tests.profiling.programs import dataset

SECONDS = {1: 48.0, 4: 12.0}
"""Of a step, as trained, by the number of stages; a step on one stage is simulated to take 24."""


def known(monkeypatch: pytest.MonkeyPatch, profile: Profile = KNOWN, **settings: object) -> Profile:
    def step_seconds(training: PreparedTraining, steps: int, first: int) -> float:
        return SECONDS[len(training.spec.placement(training.initial))]

    monkeypatch.setattr(calibration, "step_seconds", step_seconds)
    learner = Learner(parse_layers("dense:5 relu dense:3"), **{"runtime": "schedulers"} | settings)  # type: ignore[arg-type]
    return calibrated(profile, learner.spec, dataset(), microbatches=2, seconds=0.1)


def test_the_plans_that_were_trained_are_predicted_as_they_were_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    found = known(monkeypatch)
    for text, seconds in (("4", 48.0), ("1,1,1,1", 12.0)):
        assert predict(found, Plan.parse(text, 3), microbatches=2).seconds == pytest.approx(seconds)
    assert found.corrections["schedulers"][1] == pytest.approx(2.0)


def test_a_plan_between_them_is_corrected_by_what_is_between() -> None:
    found = Profile(12, KNOWN.layers, KNOWN.hops, {}, corrections={"schedulers": {1: 16.0, 4: 2.0}})
    assert [found.correction("schedulers", stages) for stages in (1, 4, 9)] == pytest.approx([16.0, 2.0, 2.0])
    assert found.correction("schedulers", 2) == pytest.approx(4.0)  # 1/2 is a third of the way from 1/4 to 1
    assert found.correction("threads", 2) == 1.0
    for text in ("2,2", "4x2"):
        plain, corrected = (predict(each, Plan.parse(text, 3), microbatches=2).seconds for each in (KNOWN, found))
        assert corrected == pytest.approx(plain * found.correction("schedulers", 2))


def test_a_delay_is_not_corrected() -> None:
    found = Profile(12, KNOWN.layers, KNOWN.hops, {}, corrections={"schedulers": {4: 2.0}})
    plan, delayed = Plan.parse("1,1,1,1", 3), DelayedLinks(latency=100.0)
    longer = [predict(found, plan, microbatches=2, delayed=each).seconds for each in (delayed, DelayedLinks())]
    plain = [predict(KNOWN, plan, microbatches=2, delayed=each).seconds for each in (delayed, DelayedLinks())]
    assert longer[1] == pytest.approx(2 * plain[1])
    assert plain[0] < longer[0] < 2 * plain[0]


def test_a_plan_that_the_schedule_does_not_take_is_not_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise ConfigError("expected another schedule")

    monkeypatch.setattr(calibration, "prepared_blocks", refuses)
    assert known(monkeypatch).corrections == {"schedulers": {}}


def test_a_training_that_diverges_corrects_nothing() -> None:
    learner = Learner(parse_layers("dense:5 relu dense:3"), optimizer=Sgd(learning_rate=1e30), runtime="inline")
    assert calibrated(KNOWN, learner.spec, dataset(), microbatches=2).corrections == {"inline": {}}


def test_no_more_than_a_dozen_actors_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def step_seconds(training: PreparedTraining, steps: int, first: int) -> float:
        asked.append(len(training.spec.placement(training.initial)))
        return 1.0

    monkeypatch.setattr(calibration, "step_seconds", step_seconds)
    layers = (KNOWN.layers[0], *[KNOWN.layers[1]] * 30, *KNOWN.layers[2:])
    learner = Learner(parse_layers("dense:5" + " relu" * 30 + " dense:3"), runtime="schedulers")
    calibrated(Profile(12, layers, KNOWN.hops, {}), learner.spec, dataset(), microbatches=2)
    assert set(asked) == {1, 12}


@pytest.mark.parametrize("runtime", ["inline", "schedulers"])
def test_real_trainings_say_how_long_a_step_takes(runtime: str) -> None:
    learner = Learner(parse_layers("dense:5 relu dense:3"), runtime=runtime)
    found = calibrated(KNOWN, learner.spec, dataset(), microbatches=2, seconds=0.1)
    assert found.corrections[runtime].keys() == {1, 4}
    assert all(
        0 < factor < 0.1 for factor in found.corrections[runtime].values()
    )  # its layers are said to take seconds


def test_corrections_are_kept_as_json_and_checked() -> None:
    found = Profile(12, KNOWN.layers, KNOWN.hops, {}, corrections={"schedulers": {1: 4.0, 4: 0.5}})
    assert Profile.from_json(found.to_json()) == found
    assert found.scaled(24).corrections == found.corrections
    for wrong in ({"schedulers": {0: 1.0}}, {"schedulers": {1: 0.0}}, {1: {1: 1.0}}, {"schedulers": 1.0}):
        with pytest.raises(ConfigError, match="corrections"):
            Profile(12, KNOWN.layers, KNOWN.hops, {}, corrections=wrong)  # type: ignore[arg-type]
