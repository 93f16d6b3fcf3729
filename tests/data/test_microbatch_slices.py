from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.data import microbatch_slices

SIZES = st.integers(1, 200)


def sizes(batch: int, microbatches: int) -> list[int]:
    return [part.stop - part.start for part in microbatch_slices(batch, microbatches)]


@given(batch=SIZES, microbatches=SIZES)
@settings(deadline=None, print_blob=True)
def test_the_slices_cover_the_batch_in_order(batch: int, microbatches: int) -> None:
    rows = range(batch)
    assert [row for part in microbatch_slices(batch, microbatches) for row in rows[part]] == list(rows)


@given(batch=SIZES, microbatches=SIZES)
@settings(deadline=None, print_blob=True)
def test_sizes_differ_by_at_most_one_and_the_larger_come_first(batch: int, microbatches: int) -> None:
    found = sizes(batch, microbatches)
    assert found == sorted(found, reverse=True)
    assert found[0] - found[-1] <= 1


@given(batch=SIZES, microbatches=SIZES)
@settings(deadline=None, print_blob=True)
def test_no_microbatch_is_empty(batch: int, microbatches: int) -> None:
    assert len(microbatch_slices(batch, microbatches)) == min(batch, microbatches)
    assert min(sizes(batch, microbatches)) >= 1


def test_ten_samples_in_three_microbatches() -> None:
    assert microbatch_slices(10, 3) == (slice(0, 4), slice(4, 7), slice(7, 10))


@pytest.mark.parametrize(("batch", "microbatches", "setting"), [(0, 2, "batch"), (8, 0, "microbatches")])
def test_numbers_below_one_are_refused(batch: int, microbatches: int, setting: str) -> None:
    with pytest.raises(ConfigError, match=f"expected `{setting}` to be an integer >= 1, got 0"):
        microbatch_slices(batch, microbatches)
