"""A commit log in shared memory: a peer's process writes its commits, and its next incarnation reads them.

The memory is an anonymous file, opened by the supervising process and passed to the worker. It vanishes when both have
ended: nothing is left behind, whichever is killed. A commit costs one copy of the arrays that are new in it; arrays of
earlier commits (versions of weights that asynchronous schedules keep, unacknowledged messages) are not written again.

```
header A   header B     64 bytes each, written in turn: checksum, number, where the catalogue is
...                     arrays and catalogues, wherever there was room
```

A commit first writes its arrays where they overwrite nothing that the last header refers to, then the catalogue of all
kept commits, and at last the header. So a process killed at any instruction leaves the last commit whole; the checksum
shows a header that was half written. The arrays have no checksum: memory, unlike a disk, loses nothing that was
written, and computing a checksum costs more than the copy.
"""

from __future__ import annotations

import mmap
import os
import pickle
import struct
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple
from zlib import crc32

from annex_actors.base.types import uninitialized
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.stores.free_list import Extent, FreeList

_HEADER = struct.Struct("<QQQ")
_ENTRY = struct.Struct("<QQQ")
_CHECKSUM = struct.Struct("<I")
_HEADER_OFFSETS = (0, 64)
_START = 128
_NOTHING = Extent(0, 0)


class _Entry(NamedTuple):
    """A commit in the catalogue.

    Args:
        step: the commit's.
        body: the pickled snapshot, without its arrays.
        arrays: where its arrays are.
    """

    step: int
    body: bytes
    arrays: tuple[Extent, ...]

    def packed(self) -> bytes:
        """Return the entry's bytes in the catalogue."""
        numbers = [number for extent in self.arrays for number in extent]
        head = _ENTRY.pack(self.step, len(self.body), len(self.arrays))
        return head + struct.pack(f"<{len(numbers)}Q", *numbers) + self.body

    @classmethod
    def unpacked(cls, catalogue: memoryview) -> Iterator[_Entry]:
        """Yield the entries of a catalogue."""
        at = 0
        while at < len(catalogue):
            step, length, count = _ENTRY.unpack_from(catalogue, at)
            at += _ENTRY.size
            numbers = struct.unpack_from(f"<{2 * count}Q", catalogue, at)
            at += 16 * count
            extents = tuple(map(Extent, numbers[::2], numbers[1::2]))
            yield cls(step, bytes(catalogue[at : at + length]), extents)
            at += length


class Memory:
    """A memory-mapped file that grows as needed.

    It is mapped, since a copy within a process takes half the time of a write by a system call.

    Args:
        fd: the file's descriptor; it is not closed here.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._map: mmap.mmap | None = None
        self._size = 0

    @property
    def size(self) -> int:
        """The file's size in bytes."""
        return os.fstat(self._fd).st_size

    def write(self, content: memoryview, offset: int) -> None:
        """Write ``content`` at ``offset``, in bytes; grow the file if it is too small.

        Raises:
            OSError: there is no memory left.
        """
        end = offset + content.nbytes
        mapped = self._map if end <= self._size else self._mapped(end, grow=True)
        assert mapped is not None
        mapped[offset:end] = content

    def read(self, offset: int, count: int) -> memoryview | None:
        """Return a read-only copy of ``count`` bytes at ``offset``; None if the file ends before."""
        mapped = self._mapped(offset + count, grow=False)
        if mapped is None:
            return None
        memory = uninitialized(count)
        memory[:] = memoryview(mapped)[offset : offset + count]
        return memory.toreadonly()

    def _mapped(self, end: int, *, grow: bool) -> mmap.mmap | None:
        if self._map is None or end > self._size:
            size = self.size
            if size < end:
                if not grow:
                    return None
                wanted = -(-max(end, size + size // 2) // mmap.PAGESIZE) * mmap.PAGESIZE
                os.posix_fallocate(
                    self._fd, size, wanted - size
                )  # else a lack of memory would be a bus error, and fatal
                size = wanted
            self._map, self._size = mmap.mmap(self._fd, size), size
        return self._map


def anonymous_memory(name: str) -> int:
    """Return the descriptor of a new file without a path, in memory if the system can; the caller closes it.

    Args:
        name: for debugging only.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name, os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class SharedCommitLog:
    """The commits of one peer.

    One process writes at a time; any process may read, and finds the last commit or the one before it.

    Args:
        fd: from `anonymous_memory`; it is not closed here.
        depth: how many of the last commits to keep, >= 1.
        every: also keep the newest commit of a step that is a multiple of ``every``, so that the supervising process
            has time to copy it; 0: do not.
    """

    def __init__(self, fd: int, *, depth: int = 1, every: int = 0) -> None:
        self._memory = Memory(fd)
        self._depth = depth
        self._every = every
        self._number, self._catalogue, self._entries = self._load()
        self._packed = [entry.packed() for entry in self._entries]
        self._used = self._in_use()
        self._extents: FreeList | None = None
        # Where arrays of kept commits are, by the arrays' id. The arrays are kept alive, so that no id is reused.
        self._known: dict[int, tuple[Any, Extent]] = {}

    def commit(self, snapshot: Snapshot) -> None:
        """Add a commit, atomically, and drop those that are too old.

        Raises:
            OSError: there is no memory left; the earlier commits are whole.
        """
        buffers: list[pickle.PickleBuffer] = []
        body = pickle.dumps(snapshot, protocol=5, buffer_callback=buffers.append)
        extents = self._allocator()
        known: dict[int, tuple[Any, Extent]] = {}
        arrays = []
        for buffer in buffers:
            memory = buffer.raw()
            owner = memory.obj
            key = id(owner)
            _, extent = self._known.get(key) or (None, None)
            if extent is None or not memory.readonly:  # a writable array may have changed since it was written
                extent = self._write(memory, extents)
            known[key] = owner, extent
            arrays.append(extent)
        entry = _Entry(snapshot.step, body, tuple(arrays))
        kept = self._kept_with(snapshot.step)
        packed = [self._packed[index] for index in kept] + [entry.packed()]
        catalogue = self._write(memoryview(b"".join(packed)), extents)
        self._number += 1
        content = _HEADER.pack(self._number, *catalogue)
        self._memory.write(memoryview(_CHECKSUM.pack(crc32(content)) + content), _HEADER_OFFSETS[self._number % 2])
        self._entries, self._packed = (*(self._entries[index] for index in kept), entry), packed
        self._catalogue, before, self._used = catalogue, self._used, self._in_use()
        for extent in before - self._used:
            extents.free(extent)
        self._known = {key: each for key, each in {**self._known, **known}.items() if each[1] in self._used}

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield the kept commits, the oldest first."""
        _, _, entries = self._load()
        for entry in entries:
            snapshot = self.at(entry.step)
            if snapshot is not None:
                yield snapshot

    def latest(self) -> Snapshot | None:
        """Return the last commit; None before the first."""
        while True:
            _, _, entries = self._load()
            if not entries:
                return None
            snapshot = self.at(entries[-1].step)
            if snapshot is not None:
                return snapshot

    def at(self, step: int) -> Snapshot | None:
        """Return the commit at ``step``; None if it was dropped, perhaps while it was read."""
        entry = self._entry(step)
        if entry is None:
            return None
        buffers = [self._memory.read(*extent) for extent in entry.arrays]
        if self._entry(step) != entry:  # its memory may hold a newer commit's arrays already
            return None
        snapshot = pickle.loads(entry.body, buffers=buffers)
        assert isinstance(snapshot, Snapshot)
        return snapshot

    @property
    def size(self) -> int:
        """How many bytes of memory the log takes."""
        return self._memory.size

    def _entry(self, step: int) -> _Entry | None:
        _, _, entries = self._load()
        return next((each for each in entries if each.step == step), None)

    def _kept_with(self, step: int) -> list[int]:
        """Return the indices of the entries to keep beside a new commit at ``step``."""
        others = [index for index, each in enumerate(self._entries) if each.step != step]
        newest = others[max(0, len(others) - self._depth + 1) :]
        if not self._every or step % self._every == 0:
            return newest
        marked = [index for index in others if self._entries[index].step % self._every == 0 and index not in newest]
        return [*marked[-1:], *newest]

    def _in_use(self) -> set[Extent]:
        used = {extent for entry in self._entries for extent in entry.arrays}
        used.add(self._catalogue)
        used.discard(_NOTHING)
        return used

    def _allocator(self) -> FreeList:
        if self._extents is None:
            self._extents = FreeList(self._in_use(), start=_START)
        return self._extents

    def _write(self, memory: memoryview, extents: FreeList) -> Extent:
        if not memory.nbytes:
            return _NOTHING
        extent = extents.allocate(memory.nbytes)
        self._memory.write(memory, extent.offset)
        return extent

    def _load(self) -> tuple[int, Extent, tuple[_Entry, ...]]:
        """Return the newest whole header's number, and where its catalogue is, and the entries.

        Read again if the writer has meanwhile written another header: the catalogue may have been overwritten.
        """
        while True:
            headers = sorted(filter(None, map(self._header, _HEADER_OFFSETS)))
            if not headers:
                return 0, _NOTHING, ()
            number, offset, size = headers[-1]
            catalogue = Extent(offset, size)
            content = self._memory.read(*catalogue)
            if content is not None and max(filter(None, map(self._header, _HEADER_OFFSETS))) == headers[-1]:
                return number, catalogue, tuple(_Entry.unpacked(content))

    def _header(self, offset: int) -> tuple[int, int, int] | None:
        """Return a header's number, and the offset and size of its catalogue; None if it is missing or damaged."""
        raw = self._memory.read(offset, _CHECKSUM.size + _HEADER.size)
        if raw is None:
            return None
        content = raw[_CHECKSUM.size :]
        if _CHECKSUM.unpack_from(raw)[0] != crc32(content):
            return None
        number, start, size = _HEADER.unpack(content)
        return number, start, size
