from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.base.random_keys import RandomKey, Tag

words = st.integers(0, 2**64 - 1)
keys = st.builds(RandomKey, words, layer=st.integers(0, 2**56 - 1), step=words, microbatch=words)
tags = st.sampled_from(Tag)


def numbers(key: RandomKey, tag: Tag, count: int = 8) -> list[int]:
    return [int(word) for word in key.generator(tag).bit_generator.random_raw(count)]


@settings(deadline=None, print_blob=True)
@given(keys, tags)
def test_the_same_key_gives_the_same_numbers(key: RandomKey, tag: Tag) -> None:
    assert numbers(key, tag) == numbers(replace(key), tag)


@settings(deadline=None, print_blob=True)
@given(keys, tags, st.sampled_from(["seed", "layer", "step", "microbatch"]), st.data())
def test_every_component_changes_the_numbers(key: RandomKey, tag: Tag, component: str, data: st.DataObject) -> None:
    value = data.draw(st.integers(0, 2**56 - 1).filter(lambda value: value != getattr(key, component)))
    assert not set(numbers(key, tag)) & set(numbers(replace(key, **{component: value}), tag))


@settings(deadline=None, print_blob=True)
@given(keys, st.lists(tags, min_size=2, max_size=2, unique=True))
def test_different_uses_of_a_key_share_no_numbers(key: RandomKey, uses: list[Tag]) -> None:
    assert not set(numbers(key, uses[0])) & set(numbers(key, uses[1]))


@settings(deadline=None, print_blob=True)
@given(keys, keys, tags)
def test_the_order_of_asking_does_not_matter(one: RandomKey, other: RandomKey, tag: Tag) -> None:
    alone = numbers(one, tag)
    numbers(other, tag)
    assert numbers(one, tag) == alone


def test_neighbouring_microbatches_do_not_share_a_long_stream() -> None:
    streams = [numbers(RandomKey(0, microbatch=index), Tag.DROPOUT, 10_000) for index in range(3)]
    assert len({word for stream in streams for word in stream}) == 30_000


def test_the_numbers_are_those_of_philox_and_do_not_change_between_versions() -> None:
    key = RandomKey(seed=1, layer=2, step=3, microbatch=4)
    assert numbers(key, Tag.DROPOUT, 2) == [6837518798451112755, 9633566587639307298]


def test_the_smallest_and_the_largest_components_are_accepted() -> None:
    assert numbers(RandomKey(0), Tag.SPLIT) != numbers(RandomKey(2**64 - 1, 2**56 - 1, 2**64 - 1, 2**64 - 1), Tag.SPLIT)


def test_integers_of_numpy_make_the_same_key() -> None:
    parts: list[Any] = [np.int64(3), np.uint8(200)]
    key = RandomKey(*parts)
    assert key == RandomKey(3, layer=200)
    assert [type(part) for part in (key.seed, key.layer)] == [int, int]


@pytest.mark.parametrize("component", ["seed", "layer", "step", "microbatch"])
@pytest.mark.parametrize("wrong", [-1, 2**64, 10**30, 1.0, 2.5, "7", None, True])
def test_a_component_that_is_not_an_integer_in_range_is_refused(component: str, wrong: Any) -> None:
    with pytest.raises(ConfigError, match=f"expected `{component}` to be an integer >= 0 and < [0-9]+, got {wrong!r}"):
        RandomKey(**{"seed": 0, component: wrong})
