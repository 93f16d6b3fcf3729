from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.data import Batches, sample_order

SIZES = st.integers(1, 120)
SEEDS = st.integers(0, 2**32)
EPOCHS = st.integers(0, 1000)


@given(samples=SIZES, seed=SEEDS, epoch=EPOCHS)
@settings(deadline=None, print_blob=True)
def test_the_order_of_an_epoch_is_a_permutation(samples: int, seed: int, epoch: int) -> None:
    order = sample_order(samples, seed, epoch)
    assert order.dtype == np.int64
    assert sorted(order) == list(range(samples))


def test_the_order_depends_on_seed_and_epoch() -> None:
    orders = {tuple(sample_order(50, seed, epoch)) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


@given(samples=SIZES, batch_size=SIZES, seed=SEEDS, epoch=EPOCHS)
@settings(deadline=None, print_blob=True)
def test_an_epoch_has_every_sample_once_in_the_order_of_the_epoch(
    samples: int, batch_size: int, seed: int, epoch: int
) -> None:
    batches = Batches(samples, batch_size, seed)
    first = epoch * batches.steps_per_epoch
    taken = [batches.indices(step) for step in range(first, first + batches.steps_per_epoch)]
    assert np.array_equal(np.concatenate(taken), sample_order(samples, seed, epoch))


@given(samples=SIZES, batch_size=SIZES, step=st.integers(0, 500))
@settings(deadline=None, print_blob=True)
def test_all_batches_are_full_but_the_last_of_an_epoch(samples: int, batch_size: int, step: int) -> None:
    batches = Batches(samples, batch_size, seed=0)
    last = (step + 1) % batches.steps_per_epoch == 0
    rest = samples - batch_size * (batches.steps_per_epoch - 1)
    assert 1 <= rest <= batch_size
    assert len(batches.indices(step)) == (rest if last else batch_size)


def test_ten_samples_in_batches_of_four_are_three_steps() -> None:
    batches = Batches(samples=10, batch_size=4, seed=0)
    assert batches.steps_per_epoch == 3
    assert [len(batches.indices(step)) for step in range(6)] == [4, 4, 2, 4, 4, 2]


def test_a_batch_larger_than_the_samples_is_the_whole_epoch() -> None:
    batches = Batches(samples=3, batch_size=8, seed=0)
    assert batches.steps_per_epoch == 1
    assert len(batches.indices(5)) == 3


@given(steps=st.lists(st.integers(0, 40), max_size=20))
@settings(deadline=None, print_blob=True)
def test_a_batch_does_not_depend_on_earlier_calls(steps: list[int]) -> None:
    used = Batches(samples=25, batch_size=4, seed=3)
    for step in steps:
        assert np.array_equal(used.indices(step), Batches(samples=25, batch_size=4, seed=3).indices(step))


def test_the_cached_order_is_not_part_of_the_value() -> None:
    used, fresh = Batches(10, 4, seed=0), Batches(10, 4, seed=0)
    used.indices(7)
    assert used == fresh
    assert repr(used) == "Batches(samples=10, batch_size=4, seed=0)"


def test_writing_to_a_batch_raises() -> None:
    batch = Batches(10, 4, seed=0).indices(0)
    with pytest.raises(ValueError, match="read-only"):
        batch[0] = 0


@pytest.mark.parametrize(
    ("samples", "batch_size", "seed", "setting"),
    [(0, 4, 0, "samples"), (10, 0, 0, "batch_size"), (10, 4, -1, "seed"), (10, 2.5, 0, "batch_size")],
)
def test_numbers_out_of_range_are_refused(samples: int, batch_size: int, seed: int, setting: str) -> None:
    with pytest.raises(ConfigError, match=f"expected `{setting}` to be an integer >= "):
        Batches(samples, batch_size, seed)


def test_a_negative_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected `step` to be an integer >= 0, got -1"):
        Batches(10, 4, seed=0).indices(-1)
