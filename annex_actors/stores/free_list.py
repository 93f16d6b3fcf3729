"""A first-fit allocator: it knows which parts of a block of memory are free."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple


class Extent(NamedTuple):
    """A range of memory.

    Args:
        offset: of its first byte.
        size: in bytes.
    """

    offset: int
    size: int

    @property
    def end(self) -> int:
        """The offset of the first byte after it."""
        return self.offset + self.size


class FreeList:
    """Allocates ranges of memory that can grow.

    Args:
        used: the ranges in use; they do not overlap.
        start: the lowest offset to allocate.
    """

    def __init__(self, used: Iterable[Extent] = (), *, start: int = 0) -> None:
        self._gaps: list[Extent] = []
        self._end = start
        for each in sorted(used):
            if each.offset > self._end:
                self._gaps.append(Extent(self._end, each.offset - self._end))
            self._end = max(self._end, each.end)

    @property
    def end(self) -> int:
        """The offset after the last byte in use."""
        return self._end

    def allocate(self, size: int) -> Extent:
        """Return a free range of ``size`` > 0 bytes, now in use: the first gap that is large enough, or at the end."""
        for index, gap in enumerate(self._gaps):
            if gap.size == size:
                return self._gaps.pop(index)
            if gap.size > size:
                self._gaps[index] = Extent(gap.offset + size, gap.size - size)
                return Extent(gap.offset, size)
        extent = Extent(self._end, size)
        self._end += size
        return extent

    def free(self, extent: Extent) -> None:
        """Free a range that `allocate` returned, and merge it with the gaps beside it."""
        offset, size = extent
        gaps, end = self._gaps, offset + size
        at = after = bisect_left(gaps, extent)
        if at < len(gaps) and gaps[at].offset == end:
            end, after = gaps[at].end, at + 1
        if at and gaps[at - 1].end == offset:
            at, offset = at - 1, gaps[at - 1].offset
        if end == self._end:
            self._end = offset
            del gaps[at:after]
        else:
            gaps[at:after] = [Extent(offset, end - offset)]
