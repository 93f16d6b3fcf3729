"""The last commits of one peer in memory that outlives its process: written there by it, read by who comes after.

The memory is a file without a name, open in the process that supervises and handed to the one that works. It is gone
when both are: nothing is left behind, whoever is killed. A commit costs one copy of what is new in it; what an earlier
commit holds already (versions of weights that asynchronous schedules keep, messages that wait) is not written again.

```
header A   header B     64 bytes each, written in turn: checksum, number, where the catalogue is
...                     catalogue and arrays, wherever there was room
```

A commit goes where nothing is that the last header needs, the catalogue after it, the header at the end: who is killed
at any instruction leaves the last commit whole, and a header that was cut is known by its checksum. The arrays have no
checksum: memory, unlike a disk, loses nothing that was written before, and to compute one costs more than the copy.
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

import numpy as np

from annex_actors.base.types import uninitialized
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.stores.free_list import Extent, FreeList

_HEADER = struct.Struct("<QQQ")
_ENTRY = struct.Struct("<QQQ")
_CHECKSUM = struct.Struct("<I")
_PLACES = (0, 64)
_START = 128
_NOTHING = Extent(0, 0)


class _Entry(NamedTuple):
    """One commit: its step, its pickle, and where its arrays are."""

    step: int
    body: bytes
    arrays: tuple[Extent, ...]

    def packed(self) -> bytes:
        """Return the entry as it stands in the catalogue."""
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
    """Memory that a file stands for, as large as is needed.

    It is mapped and not written to by system calls, since a copy within a process takes half the time.

    Args:
        fd: of the file; it is not closed here.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._map: mmap.mmap | None = None
        self._size = 0

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return os.fstat(self._fd).st_size

    def write(self, content: memoryview, offset: int) -> None:
        """Write to a place, whatever there is so far.

        Raises:
            OSError: there is no more memory.
        """
        count = content.nbytes
        mapped = self._mapped(offset + count, grow=True)
        assert mapped is not None
        np.frombuffer(mapped, np.uint8, count, offset)[:] = np.frombuffer(content, np.uint8)

    def read(self, offset: int, count: int) -> memoryview | None:
        """Return a copy of a place, read-only; None where there is none."""
        mapped = self._mapped(offset + count, grow=False)
        if mapped is None:
            return None
        memory = uninitialized(count)
        if count:
            np.frombuffer(memory, np.uint8)[:] = np.frombuffer(mapped, np.uint8, count, offset)
        return memory.toreadonly()

    def _mapped(self, end: int, *, grow: bool) -> mmap.mmap | None:
        if self._map is None or end > self._size:
            size = self.size
            if size < end:
                if not grow:
                    return None
                wanted = -(-max(end, size + size // 2) // mmap.PAGESIZE) * mmap.PAGESIZE
                os.posix_fallocate(self._fd, size, wanted - size)  # or a lack of memory would be a bus error, and fatal
                size = wanted
            self._map, self._size = mmap.mmap(self._fd, size), size
        return self._map


def nameless_memory(name: str) -> int:
    """Return a new open file that has no name in any folder, in memory where the system can; the caller closes it."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name, os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class SharedCommitLog:
    """The commits of one peer.

    One process writes at a time, any may read: a reader finds the last commit, or one that was the last just before.

    Args:
        fd: of `nameless_memory`; the log does not close it.
        depth: how many commits are kept at least, >= 1.
        every: the newest commit of a step that is a multiple of it is kept as well, so that others have time to copy
            it; 0: none is.
    """

    def __init__(self, fd: int, *, depth: int = 1, every: int = 0) -> None:
        self._memory = Memory(fd)
        self._depth = depth
        self._every = every
        self._number, self._catalogue, self._entries = self._load()
        self._packed = [entry.packed() for entry in self._entries]
        self._used = self._in_use()
        self._extents: FreeList | None = None
        # Arrays that the catalogue holds, by identity; they are kept alive, so that no other can have the same.
        self._known: dict[int, tuple[Any, Extent]] = {}

    def commit(self, snapshot: Snapshot) -> None:
        """Add a commit, atomically, and drop those that are too old.

        Raises:
            OSError: there is no more memory; the commits before are whole.
        """
        buffers: list[pickle.PickleBuffer] = []
        body = pickle.dumps(snapshot, protocol=5, buffer_callback=buffers.append)
        extents = self._allocator()
        known: dict[int, tuple[Any, Extent]] = {}
        arrays = []
        for buffer in buffers:
            memory = buffer.raw()
            owner = memory.obj
            _, extent = self._known.get(id(owner)) or (None, None)
            if extent is None or not memory.readonly:
                extent = self._written(memory, extents)
            known[id(owner)] = owner, extent
            arrays.append(extent)
        entry = _Entry(snapshot.step, body, tuple(arrays))
        kept = self._kept_beside(snapshot.step)
        packed = [self._packed[index] for index in kept] + [entry.packed()]
        catalogue = self._written(memoryview(b"".join(packed)), extents)
        self._number += 1
        content = _HEADER.pack(self._number, *catalogue)
        self._memory.write(memoryview(_CHECKSUM.pack(crc32(content)) + content), _PLACES[self._number % 2])
        self._entries, self._packed = (*(self._entries[index] for index in kept), entry), packed
        self._catalogue, before, self._used = catalogue, self._used, self._in_use()
        for extent in before - self._used:
            extents.free(extent)
        self._known = {key: each for key, each in {**self._known, **known}.items() if each[1] in self._used}

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield the commits that are kept, the oldest first."""
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
        """Return the commit at ``step``; None if it is not kept, or was dropped while it was read."""
        entry = self._entry(step)
        if entry is None:
            return None
        buffers = [self._memory.read(*extent) for extent in entry.arrays]
        if self._entry(step) != entry:  # whoever writes may have used its memory for another one
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

    def _kept_beside(self, step: int) -> list[int]:
        """Return the indices of the entries to keep together with a new one."""
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

    def _written(self, memory: memoryview, extents: FreeList) -> Extent:
        if not memory.nbytes:
            return _NOTHING
        extent = extents.take(memory.nbytes)
        self._memory.write(memory, extent.offset)
        return extent

    def _load(self) -> tuple[int, Extent, tuple[_Entry, ...]]:
        """Return the newest whole header's number, and its catalogue."""
        while True:
            headers = sorted(filter(None, map(self._header, _PLACES)))
            if not headers:
                return 0, _NOTHING, ()
            number, offset, size = headers[-1]
            catalogue = Extent(offset, size)
            content = self._memory.read(*catalogue)
            if content is not None and max(filter(None, map(self._header, _PLACES))) == headers[-1]:
                return number, catalogue, tuple(_Entry.unpacked(content))

    def _header(self, place: int) -> tuple[int, int, int] | None:
        raw = self._memory.read(place, _CHECKSUM.size + _HEADER.size)
        if raw is None:
            return None
        content = raw[_CHECKSUM.size :]
        if _CHECKSUM.unpack_from(raw)[0] != crc32(content):
            return None
        number, offset, size = _HEADER.unpack(content)
        return number, offset, size
