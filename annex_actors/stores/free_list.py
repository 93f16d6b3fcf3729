"""Which parts of a piece of memory are in use: an allocator that takes the first gap that is wide enough."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple


class Extent(NamedTuple):
    """``size`` bytes from ``offset`` on."""

    offset: int
    size: int

    @property
    def end(self) -> int:
        """Where the next one may begin."""
        return self.offset + self.size


class FreeList:
    """Allocates within memory that can grow.

    Args:
        used: what is taken already; they do not overlap.
        start: where the memory begins.
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
        """Where everything in use ends."""
        return self._end

    def take(self, size: int) -> Extent:
        """Return ``size`` > 0 bytes that nobody uses."""
        for index, gap in enumerate(self._gaps):
            if gap.size >= size:
                left = Extent(gap.offset + size, gap.size - size)
                self._gaps[index : index + 1] = [left] if left.size else []
                return Extent(gap.offset, size)
        taken = Extent(self._end, size)
        self._end = taken.end
        return taken

    def free(self, extent: Extent) -> None:
        """Give back what was taken."""
        at = bisect_left(self._gaps, extent)
        if at < len(self._gaps) and self._gaps[at].offset == extent.end:
            extent = Extent(extent.offset, extent.size + self._gaps.pop(at).size)
        if at and self._gaps[at - 1].end == extent.offset:
            before = self._gaps.pop(at - 1)
            extent = Extent(before.offset, before.size + extent.size)
            at -= 1
        if extent.end == self._end:
            self._end = extent.offset
        else:
            self._gaps.insert(at, extent)
