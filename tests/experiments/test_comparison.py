"""Plans are compared by what is predicted and measured of them; equal weights are checked, and not assumed."""

from __future__ import annotations

import pytest

from annex_actors import Learner, parse_layers
from annex_actors.base.errors import ConfigError
from annex_actors.experiments import comparison
from annex_actors.experiments.comparison import Compared, Comparison, compare
from annex_actors.experiments.prediction import Prediction
from annex_actors.placement import Hop, LayerProfile, Plan, Profile, Timing
from annex_actors.runtimes import RunFailedError
from annex_actors.runtimes.cost_model import LayerTimes
from annex_actors.runtimes.delayed_links import DelayedLinks
from annex_actors.runtimes.slowed_layers import SlowedLayers
from tests.profiling.programs import dataset


def exactly(seconds: float) -> Timing:
    return Timing(seconds, seconds, seconds)


def layer(name: str) -> LayerProfile:
    return LayerProfile(name, exactly(1), exactly(1), exactly(1), exactly(0), 100, 100, 100)


NAMES = ("dense:5", "relu", "dense:3", "softmax_cross_entropy")
KNOWN = Profile(12, tuple(map(layer, NAMES)), {"inline": Hop(0, 0), "schedulers": Hop(0, 0)}, {})


def compared(
    *plans: str | int | Plan, schedule: str = "1f1b", runtime: str = "inline", **options: object
) -> Comparison:
    learner = Learner(parse_layers("dense:5 relu dense:3"), microbatches=2, schedule=schedule, runtime=runtime)
    given = {"batch_size": 24, "known": KNOWN, "rounds": 2, "seconds": 0.01, **options}
    return compare(learner.spec, dataset(), plans, **given)  # type: ignore[arg-type]


def test_a_plan_is_predicted_without_being_measured() -> None:
    found = compared("1", "layer", Plan.parse("1,2", 3), runtime="schedulers")
    assert [each.name for each in found.plans] == ["1", "layer", "1,2"]
    assert [str(each.plan) for each in found.plans] == ["3", "1,1,1,1", "1,2"]
    assert found.plans[0].predicted.seconds == pytest.approx(24)
    assert found.winner is min(found.plans, key=lambda each: each.predicted.seconds)
    assert all((each.measured, each.error, each.weights_sha256) == (None, None, None) for each in found.plans)
    assert found.is_clear


@pytest.mark.parametrize("runtime", ["inline", "schedulers"])
def test_every_plan_is_measured_and_makes_the_same_weights(runtime: str) -> None:
    found = compared(1, 2, "layer", "1x2,2", runtime=runtime, measure=True)
    assert len({each.weights_sha256 for each in found.plans}) == 1
    for each in found.plans:
        assert each.measured is not None
        assert 0 < each.measured.low <= each.measured.median <= each.measured.high
        assert each.error == pytest.approx(each.predicted.seconds / each.measured.median - 1)
    assert found.winner.seconds == min(each.measured.median for each in found.plans if each.measured)


def test_plans_may_make_different_weights_where_their_lags_differ() -> None:
    first, second = compared(1, "layer", schedule="pipedream", measure=True).plans
    assert first.weights_sha256 != second.weights_sha256


def test_messages_that_do_not_travel_are_not_delayed() -> None:
    with pytest.raises(ConfigError, match="expected `delayed` with a runtime on which messages travel, got inline"):
        compared(1, 2, delayed=DelayedLinks(0.001))


def test_different_weights_of_a_synchronous_schedule_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    made = iter("abcdefgh")
    monkeypatch.setattr(comparison._Contestant, "block", lambda *_: (1.0, next(made)))
    with pytest.raises(
        RunFailedError, match="expected the same weights with every plan after the same steps, got 1: a,"
    ):
        compared(1, 2, measure=True)


def test_slowed_layers_are_slow_in_the_prediction_too_and_change_no_weights() -> None:
    slowed = SlowedLayers({0: 3}, {1: LayerTimes(0.5, 0, 0)})
    (plain,), (slow,) = compared(1).plans, compared(1, slowed=slowed).plans
    assert slow.seconds == pytest.approx(plain.seconds + 2 * 2 * 3 + 2 * 0.5)
    quick = SlowedLayers({0: 1.5})
    (before,), (after,) = compared(1, measure=True).plans, compared(1, slowed=quick, measure=True).plans
    assert before.weights_sha256 == after.weights_sha256


def row(name: str, low: float, median: float, high: float) -> Compared:
    plan = Plan.parse("1", 1)
    return Compared(name, plan, Prediction(plan, 1.0, (1.0,), (1,)), Timing(median, low, high), "")


def test_a_winner_is_clear_if_its_slow_rounds_are_faster_than_the_fast_ones_of_all_others() -> None:
    assert Comparison((row("a", 1, 2, 3), row("b", 4, 5, 6))).is_clear
    assert not Comparison((row("a", 1, 2, 5), row("b", 4, 5, 6))).is_clear
    assert Comparison((row("a", 4, 5, 6), row("b", 1, 2, 3))).winner.name == "b"


@pytest.mark.parametrize(
    ("plans", "options", "message"),
    [
        ((), {}, "`plans` to be at least one, got none"),
        (("five",), {}, "`stages` to be"),
        (("1,1",), {}, "`stages` to place 3 layers and the cost"),
        ((9,), {}, "`stages` to be at most 4"),
        ((1,), {"rounds": 0}, "`rounds` to be an integer >= 1"),
        ((1,), {"seconds": 0}, "`seconds` to be a number > 0"),
        ((1,), {"measure": 1}, "`measure` to be true or false"),
    ],
)
def test_a_mistake_is_found_before_anything_is_trained(
    plans: tuple[str | int, ...], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        compared(*plans, **options)  # type: ignore[arg-type]
