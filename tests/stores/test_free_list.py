"""An allocator that gives nothing away twice, and wastes nothing that is given back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from annex_actors.stores.free_list import Extent, FreeList

ORDERS = st.lists(st.one_of(st.integers(1, 50), st.floats(0, 1, exclude_max=True)), max_size=60)
"""To take so many bytes, or to give back what lies at this part of all that is taken."""


def overlap(one: Extent, other: Extent) -> bool:
    return one.offset < other.end and other.offset < one.end


@given(ORDERS, st.integers(0, 7))
def test_no_two_extents_overlap_and_what_is_given_back_is_used_again(orders: list[int | float], start: int) -> None:
    extents, taken, most = FreeList(start=start), list[Extent](), 0
    for order in orders:
        if isinstance(order, int):
            new = extents.take(order)
            assert new.size == order
            assert new.offset >= start
            assert not any(overlap(new, other) for other in taken)
            taken.append(new)
        elif taken:
            extents.free(taken.pop(int(order * len(taken))))
        most = max(most, extents.end)
        assert extents.end == max((each.end for each in taken), default=start)
    for each in taken:
        extents.free(each)
    assert extents.end == start
    if most > start:
        assert extents.take(most - start) == Extent(start, most - start), "all gaps have become one"


@given(st.lists(st.integers(1, 20), min_size=1, max_size=8), st.data())
def test_an_allocator_goes_on_from_what_is_in_use(sizes: list[int], data: st.DataObject) -> None:
    first = FreeList()
    taken = [first.take(size) for size in sizes]
    used = data.draw(st.lists(st.sampled_from(taken), unique=True))
    after = FreeList(used)
    fresh = [after.take(size) for size in sizes]
    assert not any(overlap(new, old) for new in fresh for old in used)


def test_the_first_gap_that_is_wide_enough_is_taken() -> None:
    extents = FreeList([Extent(0, 10), Extent(14, 6), Extent(30, 10)])
    assert extents.take(5) == Extent(20, 5)
    assert extents.take(4) == Extent(10, 4)
    assert extents.take(6) == Extent(40, 6)
