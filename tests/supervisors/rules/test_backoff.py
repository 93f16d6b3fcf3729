from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisors import Backoff, BadSpec


def test_each_pause_is_a_factor_longer_up_to_the_longest() -> None:
    backoff = Backoff(min_s=1, max_s=10, factor=2)
    assert [backoff.delay_s(attempt) for attempt in range(6)] == [1, 2, 4, 8, 10, 10]


@given(st.integers(0, 10_000), st.floats(0, 2), st.text(max_size=3))
def test_jitter_lengthens_a_pause_by_at_most_its_fraction(attempt: int, jitter: float, key: str) -> None:
    plain = Backoff(min_s=1, max_s=100, factor=3)
    jittered = Backoff(min_s=1, max_s=100, factor=3, jitter=jitter)
    pause_s = plain.delay_s(attempt, key)
    assert pause_s <= jittered.delay_s(attempt, key) <= pause_s * (1 + jitter)


def test_jitter_is_a_function_of_seed_child_and_attempt() -> None:
    backoff = Backoff(jitter=1.0, seed=7)
    assert backoff.delay_s(3, "a") == Backoff(jitter=1.0, seed=7).delay_s(3, "a")
    pauses = [backoff.delay_s(3, "a"), backoff.delay_s(3, "b"), Backoff(jitter=1.0, seed=8).delay_s(3, "a")]
    assert len(set(pauses)) == 3


@pytest.mark.parametrize(
    "options", [{"min_s": -1}, {"min_s": 2, "max_s": 1}, {"max_s": float("inf")}, {"factor": 0.5}, {"jitter": -0.1}]
)
def test_nonsense_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(BadSpec, match="expected"):
        Backoff(**options)  # type: ignore[arg-type]  # the seed is no part of it
