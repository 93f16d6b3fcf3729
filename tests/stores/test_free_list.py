"""The allocator never allocates a byte twice, and uses freed memory again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from annex_actors.stores.free_list import Extent, FreeList

OPERATIONS = st.lists(st.one_of(st.integers(1, 50), st.floats(0, 1, exclude_max=True)), max_size=60)
"""An int allocates so many bytes; a float frees the extent at that fraction of the list of allocated ones."""


def overlap(one: Extent, other: Extent) -> bool:
    return one.offset < other.end and other.offset < one.end


@given(OPERATIONS, st.integers(0, 7))
def test_no_two_extents_overlap_and_freed_memory_is_used_again(operations: list[int | float], start: int) -> None:
    extents, taken, most = FreeList(start=start), list[Extent](), 0
    for operation in operations:
        if isinstance(operation, int):
            new = extents.allocate(operation)
            assert new.size == operation
            assert new.offset >= start
            assert not any(overlap(new, other) for other in taken)
            taken.append(new)
        elif taken:
            extents.free(taken.pop(int(operation * len(taken))))
        most = max(most, extents.end)
        assert extents.end == max((each.end for each in taken), default=start)
    for each in taken:
        extents.free(each)
    assert extents.end == start
    if most > start:
        assert extents.allocate(most - start) == Extent(start, most - start), "all gaps have become one"


@given(st.lists(st.integers(1, 20), min_size=1, max_size=8), st.data())
def test_an_allocator_can_start_from_the_extents_in_use(sizes: list[int], data: st.DataObject) -> None:
    first = FreeList()
    taken = [first.allocate(size) for size in sizes]
    used = data.draw(st.lists(st.sampled_from(taken), unique=True))
    after = FreeList(used)
    fresh = [after.allocate(size) for size in sizes]
    assert not any(overlap(new, old) for new in fresh for old in used)


def test_the_first_gap_that_is_large_enough_is_used() -> None:
    extents = FreeList([Extent(0, 10), Extent(14, 6), Extent(30, 10)])
    assert extents.allocate(5) == Extent(20, 5)
    assert extents.allocate(4) == Extent(10, 4)
    assert extents.allocate(6) == Extent(40, 6)
