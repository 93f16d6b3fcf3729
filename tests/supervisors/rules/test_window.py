from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisors import RestartWindow


def verdicts(window: RestartWindow, times: Sequence[float]) -> list[bool]:
    allowed = []
    for now in times:
        window, one = window.record(now)
        allowed.append(one)
    return allowed


def test_as_many_restarts_as_it_says_are_allowed_and_one_more_is_not() -> None:
    assert verdicts(RestartWindow(3, 5), [0, 0, 0, 0]) == [True, True, True, False]


def test_with_zero_restarts_the_first_is_one_too_many() -> None:
    assert verdicts(RestartWindow(0, 5), [0]) == [False]


@pytest.mark.parametrize(("second", "allowed"), [(5, False), (5.99, False), (6, True)])
def test_case_x9_a_restart_of_exactly_the_period_ago_still_counts(second: float, allowed: bool) -> None:
    assert verdicts(RestartWindow(1, 5), [0, second]) == [True, allowed]


def test_times_are_whole_seconds() -> None:
    assert verdicts(RestartWindow(1, 1), [0.9, 1.1]) == [True, False]
    assert verdicts(RestartWindow(1, 1), [0.9, 2.0]) == [True, True]


def test_a_refused_restart_counts_too() -> None:
    assert verdicts(RestartWindow(1, 5), [0, 3, 8]) == [True, False, False]


def test_used_and_left_tell_what_counts_now() -> None:
    window, _ = RestartWindow(3, 5).record(0)
    window, _ = window.record(4)
    assert [(window.used(now), window.left(now)) for now in (4, 5, 6, 10)] == [(2, 1), (2, 1), (1, 2), (0, 3)]


def test_recording_changes_nothing_in_place() -> None:
    window = RestartWindow(1, 5)
    window.record(0)
    assert window == RestartWindow(1, 5)


def test_a_window_does_not_grow_with_the_restarts_in_it() -> None:
    window = RestartWindow(30_000, 5)
    for number in range(20_000):
        window, allowed = window.record(number / 10_000)
        assert allowed
    assert window.used(5) == 20_000
    assert len(window.seconds) == 2
    assert window.used(6) == 10_000
    assert window.record(7)[0].seconds == ((7, 1),)


@given(
    st.integers(0, 4),
    st.integers(1, 6),
    st.lists(st.floats(0, 5), max_size=30).map(lambda steps: [sum(steps[:n]) for n in range(1, len(steps) + 1)]),
)
def test_it_follows_the_rule_of_otp_at_any_sequence_of_times(limit: int, period: int, times: list[float]) -> None:
    seconds = [int(now) for now in times]
    expected = [sum(earlier >= now - period for earlier in seconds[: n + 1]) <= limit for n, now in enumerate(seconds)]
    assert verdicts(RestartWindow(limit, period), times) == expected


@pytest.mark.parametrize(
    ("limit", "period"), [(-1, 5), (1.5, 5), (True, 5), (1, 0), (1, -1), (1, float("inf")), (1, "5")]
)
def test_nonsense_is_refused(limit: int, period: float) -> None:
    with pytest.raises(ValueError, match=r"expected `max_(restarts|seconds)`"):
        RestartWindow(limit, period)
