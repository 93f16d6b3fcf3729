"""Predictions are the simulator's: exact where the times are exact."""

from __future__ import annotations

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.experiments.prediction import Prediction, predict
from annex_actors.placement import Hop, LayerProfile, Plan, Profile, Timing
from annex_actors.runtimes.delayed_links import DelayedLinks

MANY = 100
"""More cores than there are workers."""


def exactly(seconds: float) -> Timing:
    return Timing(seconds, seconds, seconds)


def layer(forward: float, backward: float, gradient: float, update: float, output_bytes: int = 0) -> LayerProfile:
    one, two, three, four = map(exactly, (forward, backward, gradient, update))
    return LayerProfile("dense:3", one, two, three, four, output_bytes, 100, 1000, 10, 300)


COST = LayerProfile("squared", exactly(0), exactly(0), exactly(0), exactly(0), 0, 0, 0)


def profile(*layers: LayerProfile, **fields: object) -> Profile:
    hops = {"inline": Hop(0, 0), "schedulers": Hop(0, 0), "processes": Hop(latency=0.5, per_byte=0.001)}
    return Profile(8, (*layers, COST), hops, {}, **fields)  # type: ignore[arg-type]


EQUAL = profile(*[layer(1, 1, 1, 0, output_bytes=500)] * 4)


def predicted(found: Profile, stages: str, **options: object) -> Prediction:
    given = {"schedule": "gpipe", "microbatches": 2, "cores": MANY, **options}
    return predict(found, Plan.parse(stages, len(found.layers) - 1), **given)  # type: ignore[arg-type]


def test_one_stage_takes_the_time_of_all_its_work() -> None:
    found = predicted(profile(layer(1, 2, 3, 4), layer(5, 6, 7, 8)), "2")
    assert found.seconds == pytest.approx(2 * (1 + 2 + 3 + 5 + 6 + 7) + 4 + 8)
    assert found.busy == pytest.approx((1,))
    assert found.bubble == pytest.approx(0)


def test_on_one_core_every_plan_takes_the_time_of_all_work() -> None:
    times = [predicted(EQUAL, each, cores=1).seconds for each in ("4", "2,2", "1,2,1", "1,1,1,1")]
    assert times == pytest.approx([4 * 2 * 3] * 4)


def test_two_cores_are_no_faster_than_half_of_the_work_and_no_slower_than_one() -> None:
    for stages in ("2,2", "1,1,1,1"):
        one, two, many = (predicted(EQUAL, stages, cores=each).seconds for each in (1, 2, MANY))
        assert max(many, one / 2) <= two <= one


def test_the_inline_runtime_has_one_core() -> None:
    assert predicted(EQUAL, "2,2", runtime="inline", cores=None).seconds == pytest.approx(24)


def test_a_hop_is_on_the_way_of_a_step_both_ways() -> None:
    free = predicted(EQUAL, "2,2", microbatches=1, schedule="sequential")
    hops = predicted(EQUAL, "2,2", microbatches=1, schedule="sequential", runtime="processes")
    assert hops.seconds - free.seconds == pytest.approx(2 * (0.5 + 0.001 * 500))


def test_delayed_links_are_slower_still() -> None:
    delayed = DelayedLinks(2.0, 0.01)
    free, late = (
        predicted(EQUAL, "2,2", microbatches=1, schedule="sequential", delayed=each) for each in (None, delayed)
    )
    assert late.seconds - free.seconds == pytest.approx(2 * (2.0 + 0.01 * 500))


def test_what_a_piece_takes_beside_its_layers_counts_for_each_piece() -> None:
    found = profile(layer(1, 1, 1, 0), beside=0.25)
    assert predicted(found, "1", microbatches=3).seconds == pytest.approx(9 + 0.25 * 7)  # one W serves the step


def test_the_trainer_competes_for_a_core() -> None:
    found = profile(layer(1, 1, 1, 0), trainer=exactly(0.5))
    assert predicted(found, "1", cores=1).seconds == pytest.approx(6 + 2 * 0.5)
    assert predicted(found, "1", cores=2).seconds == pytest.approx(6)


def test_replicas_divide_the_microbatches_and_the_weight_gradient() -> None:
    found = profile(layer(1, 1, 1, 2))
    assert predicted(found, "1x2", microbatches=4).seconds == pytest.approx((4 * 3 + 2) / 2, rel=0.3)
    assert len(predicted(found, "1x2", microbatches=4).busy) == 2
    assert predicted(found, "1x2", microbatches=4, cores=1).seconds == pytest.approx(4 * 3 + 2, rel=0.1)


def test_memory_is_that_of_weights_slots_and_what_microbatches_leave() -> None:
    (memory,) = predicted(profile(layer(1, 1, 1, 0)), "1", microbatches=3, schedule="gpipe").memory
    assert memory == 3 * 100 + 2 * 10 + 3 * 1000
    (fewer,) = predicted(profile(layer(1, 1, 1, 0)), "1", microbatches=3, schedule="1f1b").memory
    assert fewer == 3 * 100 + 2 * 10 + 1000 + 2 * 300


def test_a_schedule_that_keeps_versions_keeps_their_weights() -> None:
    first, last = predicted(EQUAL, "2,2", schedule="pipedream", microbatches=1).memory
    assert first - last >= 200


@pytest.mark.parametrize(
    ("stages", "options", "message"),
    [
        ("2x2,2", {"schedule": "pipedream"}, "a synchronous schedule"),
        ("2,2", {"runtime": "threads"}, "`runtime` to be one of inline, schedulers, processes, got 'threads'"),
        ("2:blas_threads=2,2:blas_threads=2", {}, "`blas_threads` of 1, with which the profile was measured, got 2"),
        ("2,2", {"cores": 0}, "`cores` to be an integer >= 1"),
        ("2,2", {"microbatches": 0}, "`microbatches` to be an integer >= 1"),
    ],
)
def test_what_does_not_fit_is_refused(stages: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        predicted(EQUAL, stages, **options)


def test_a_plan_of_another_network_is_refused() -> None:
    with pytest.raises(ConfigError, match="to place 4 layers and the cost"):
        predict(EQUAL, Plan.parse("1,1", 2))
