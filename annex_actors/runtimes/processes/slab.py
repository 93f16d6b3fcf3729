"""A slab: memory in which the sender of a connection leaves arrays, and in which the receiver looks at them.

So an array is copied once on its way to another process, and not into the kernel and out of it again. A slab serves one
direction of one connection. It is a file without a name, made together with the connection's sockets, and ends with the
processes that have it open: after a ``kill -9`` of everything nothing is left to sweep.

```
uses         a byte for each of as many blocks as a page has bytes: 1 while the block is in use
blocks       arrays, wherever there was room
```

The sender alone decides where blocks are. It writes an array, marks the block as used, and only then says in a message
where it is: a sender that is killed in between has said nothing. The receiver maps the memory read-only, and takes the
mark away when its last view of the array is gone. That is exact where an acknowledgement would not be: a commit may
acknowledge many steps at once, predictions are never acknowledged, and a layer may keep an array for as long as it
likes. If either process dies, so does the connection, and the next one has a slab of its own; arrays that a dead sender
has sent stay as they are for as long as the receiver looks at them.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections import deque
from functools import partial
from typing import TypeAlias

import numpy as np

from annex_actors.base.types import Array
from annex_actors.stores.free_list import Extent, FreeList
from annex_actors.stores.shared_log import Memory, anonymous_memory

MOST_BYTES = 1 << 28
"""The size of a slab at most; what does not fit travels over the socket."""

_BLOCKS = _START = mmap.PAGESIZE
_ALIGNMENT = 64
"""Of blocks, in bytes: a cache line, and more than any number needs."""

Place: TypeAlias = tuple[int, int]
"""Where an array is: the offset of its first byte, never 0, and the number of the block."""


def new_slab() -> int:
    """Return the descriptor of a new slab; the caller closes it."""
    fd = anonymous_memory("slab")
    os.ftruncate(fd, _START)
    return fd


class SlabWriter:
    """The sender's side of a slab. In one thread only.

    Args:
        fd: from `new_slab`; closed by `close`.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._uses = mmap.mmap(fd, _BLOCKS)
        self._memory = Memory(fd)
        self._extents = FreeList(start=_START)
        self._used: dict[int, Extent] = {}
        self._unused = list(range(_BLOCKS))

    def put(self, content: memoryview) -> Place | None:
        """Copy ``content``, of at least one byte, into the slab and return where it is; None if there is no room."""
        self._reclaim()
        if not self._unused:
            return None
        extent = self._extents.allocate(-(-content.nbytes // _ALIGNMENT) * _ALIGNMENT)
        if not self._write(content, extent):
            self._extents.free(extent)
            return None
        block = self._unused.pop()
        self._used[block] = extent
        self._uses[block] = 1
        return extent.offset, block

    def close(self) -> None:
        """Free what only this side keeps; the receiver's views stay. Safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._uses.close()
            self._used.clear()
            self._memory = Memory(-1)

    def _write(self, content: memoryview, extent: Extent) -> bool:
        if extent.end > MOST_BYTES:
            return False
        try:
            self._memory.write(content, extent.offset)
        except OSError:  # there is no memory left
            return False
        return True

    def _reclaim(self) -> None:
        uses, used = self._uses, self._used
        for block in [block for block in used if not uses[block]]:
            self._extents.free(used.pop(block))
            self._unused.append(block)


class SlabReader:
    """The receiver's side of a slab.

    Args:
        fd: from `new_slab`; closed by `close`.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._uses = mmap.mmap(fd, _BLOCKS)
        self._blocks: mmap.mmap | bytes = b""
        self._watches: dict[int, weakref.ref[Array]] = {}
        self.unused: deque[int] = deque()
        """The blocks to give back."""

    def view(self, size: int, place: Place) -> Array:
        """Return the ``size`` bytes of a block, read-only: the block is in use for as long as anything refers to it."""
        offset, block = place
        if offset + size > len(self._blocks):
            self._blocks = mmap.mmap(self._fd, 0, prot=mmap.PROT_READ)
        array = np.frombuffer(self._blocks, np.uint8, size, offset)
        # NumPy's views of an array, and views of those, keep it.
        self._watches[block] = weakref.ref(array, partial(self._end, block))
        return array

    def free(self) -> None:
        """Give the sender back the blocks of which there are no views any more.

        Call it after a system call: that the reads of the arrays come before the change of the marks, for other
        processors too, is the doing of the interpreter's lock, which is released and taken at each such call.
        """
        while self.unused:
            self._uses[self.unused.popleft()] = 0

    def close(self) -> None:
        """Free what only this side keeps; views stay as they are. Safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._watches.clear()
            self.unused.clear()
            self._uses.close()
            self._blocks = b""

    def _end(self, block: int, watch: weakref.ref[Array]) -> None:
        """Note that a block has no views any more; in any thread, at any time."""
        if self._watches.pop(block, None) is not None:
            self.unused.append(block)
