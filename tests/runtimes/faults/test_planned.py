"""Planned crashes: parsed, checked, and each as often as planned."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.protocol.instrument import Point
from annex_actors.protocol.messages import WHOLE_STEP
from annex_actors.runtimes import Crash, CrashPlan, InjectedCrash, parse_crash

EXAMPLE = "'layer=1,step=7,microbatch=2,at=backward'"


def crashes(plan: CrashPlan, point: Point, layer: int, step: int, microbatch: int) -> bool:
    try:
        plan.at(point, layer, step, microbatch)
    except InjectedCrash:
        return True
    return False


def test_a_crash_is_read_from_text() -> None:
    crash = parse_crash("layer=1,step=7,microbatch=2,at=backward")
    assert crash == Crash(layer=1, step=7, microbatch=2, at=Point.BACKWARD)


def test_layer_and_step_are_enough() -> None:
    assert parse_crash("step=0,layer=3") == Crash(layer=3, step=0, microbatch=0, at=Point.FORWARD, times=1)


def test_spaces_are_ignored() -> None:
    assert parse_crash(" layer = 1 , step= 7 ,times =3") == Crash(layer=1, step=7, times=3)


@settings(deadline=None, print_blob=True)
@given(st.integers(0, 99), st.integers(0, 10**6), st.integers(0, 99), st.sampled_from(Point), st.integers(1, 9))
def test_every_crash_can_be_written_as_text(layer: int, step: int, microbatch: int, at: Point, times: int) -> None:
    text = f"layer={layer},step={step},microbatch={microbatch},at={at.value},times={times}"
    assert parse_crash(text) == Crash(layer, step, microbatch, at, times)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", f"expected a crash such as {EXAMPLE}, got '' in ''"),
        ("layer=1", f"expected a crash such as {EXAMPLE}, got 'layer=1' without `step`"),
        ("step=1", f"expected a crash such as {EXAMPLE}, got 'step=1' without `layer`"),
        ("layer=1,step=-1", f"expected a crash such as {EXAMPLE}, got 'step=-1' in 'layer=1,step=-1'"),
        ("layer=x,step=1", f"expected a crash such as {EXAMPLE}, got 'layer=x' in 'layer=x,step=1'"),
        ("layer=1,step=1,when=now", f"expected a crash such as {EXAMPLE}, got 'when=now' in 'layer=1,step=1,when=now'"),
        ("layer=1,step=1,at", "expected `at` to be one of forward, backward, weight_gradient, update, commit, got ''"),
        (
            "layer=1,step=1,at=lunch",
            "expected `at` to be one of forward, backward, weight_gradient, update, commit, got 'lunch'",
        ),
    ],
)
def test_a_text_that_is_no_crash_is_refused_in_one_line(text: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_crash(text)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("crash", "error"),
    [
        (Crash(layer=5, step=0), "expected the crash's `layer` to be an integer from 0 to 4, got 5"),
        (Crash(layer=0, step=20), "expected the crash's `step` to be an integer from 0 to 19, got 20"),
        (Crash(0, 0, microbatch=3), "expected the crash's `microbatch` to be an integer from 0 to 2, got 3"),
    ],
)
def test_a_crash_that_could_never_happen_is_refused(crash: Crash, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        crash.check(layers=5, steps=20, microbatches=3)
    assert str(caught.value) == error


def test_the_last_possible_crash_is_possible() -> None:
    Crash(layer=4, step=19, microbatch=2).check(layers=5, steps=20, microbatches=3)


def test_a_crash_happens_once_and_lets_the_repetition_pass() -> None:
    plan = CrashPlan([Crash(layer=1, step=2, microbatch=0, at=Point.BACKWARD)])
    assert [crashes(plan, Point.BACKWARD, 1, 2, 0) for _ in range(3)] == [True, False, False]


def test_a_crash_happens_as_often_as_planned() -> None:
    plan = CrashPlan([Crash(layer=1, step=2, times=3)])
    assert [crashes(plan, Point.FORWARD, 1, 2, 0) for _ in range(5)] == [True, True, True, False, False]


@pytest.mark.parametrize(
    "place",
    [
        (Point.BACKWARD, 1, 2, 0),
        (Point.FORWARD, 0, 2, 0),
        (Point.FORWARD, 1, 1, 0),
        (Point.FORWARD, 1, 2, 1),
    ],
)
def test_a_crash_happens_nowhere_else(place: tuple[Point, int, int, int]) -> None:
    plan = CrashPlan([Crash(layer=1, step=2)])
    assert not crashes(plan, *place)
    assert crashes(plan, Point.FORWARD, 1, 2, 0)


@pytest.mark.parametrize("point", [Point.WEIGHT_GRADIENT, Point.UPDATE, Point.COMMIT])
def test_where_the_work_is_on_a_whole_step_the_microbatch_does_not_matter(point: Point) -> None:
    assert crashes(CrashPlan([Crash(layer=1, step=2, microbatch=1, at=point)]), point, 1, 2, WHOLE_STEP)


def test_crashes_at_several_places_are_counted_apart() -> None:
    plan = CrashPlan([Crash(layer=0, step=0), Crash(layer=1, step=0)])
    assert [crashes(plan, Point.FORWARD, layer, 0, 0) for layer in (0, 1, 0, 1)] == [True, True, False, False]


def test_the_same_crash_planned_twice_happens_twice() -> None:
    plan = CrashPlan([Crash(layer=0, step=0), Crash(layer=0, step=0)])
    assert [crashes(plan, Point.FORWARD, 0, 0, 0) for _ in range(3)] == [True, True, False]


def test_no_plan_is_no_crash() -> None:
    assert not any(crashes(CrashPlan(), point, 0, 0, 0) for point in Point)


def test_of_many_threads_at_one_place_one_crashes() -> None:
    plan, results = CrashPlan([Crash(layer=0, step=0)]), list[bool]()
    barrier = threading.Barrier(8)

    def probe() -> None:
        barrier.wait()
        results.append(crashes(plan, Point.FORWARD, 0, 0, 0))

    threads = [threading.Thread(target=probe) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 7 + [True]
