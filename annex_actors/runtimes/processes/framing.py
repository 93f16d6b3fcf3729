"""Messages on a stream socket: framed, arrays out of band, and never half a message.

```
body bytes, number of arrays      2 × uint64, little endian
of each array                     3 × uint64: its size in bytes, and where it is in a slab; two zeros: in this frame
body                              the message, as `encoding` makes it, without its arrays
arrays                            the memory of those that are in no slab, as it is
```

A frame is read whole or not at all: where the stream ends inside one, its sender has died, and the part is dropped.
Only connected pairs of sockets are read, both ends in processes of the same run: so all that is unpickled was pickled
by this run.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from annex_actors.base.types import Array, uninitialized
from annex_actors.runtimes.hosting.workers.encoding import decoded, encoded
from annex_actors.runtimes.processes.slab import SlabReader, SlabWriter

_HEAD = struct.Struct("<QQ")
_NUMBERS = 3
_READ_AHEAD = 1 << 16
_AT_ONCE = 64
"""Pieces of memory in one system call: every system allows 16, Linux 1024."""

SMALL = 1 << 12
"""Bytes below which an array stays in its frame: it costs less to send than to find a place for."""

Frame: TypeAlias = list[memoryview]
"""A message, ready to be written: pieces of memory, which are not copied."""


def pack(message: object, slab: SlabWriter | None = None) -> Frame:
    """Return ``message`` as a frame; arrays that stay in the frame must not change until it is written.

    Args:
        message: of whatever can be pickled.
        slab: where large arrays go, as long as there is room.
    """
    buffers: list[memoryview] = []
    body = encoded(message, buffers.append)
    if not buffers:
        return [memoryview(_HEAD.pack(len(body), 0) + body)]
    numbers, inside = [len(body), len(buffers)], list[memoryview]()
    for buffer in buffers:
        place = None if slab is None or buffer.nbytes < SMALL else slab.put(buffer)
        numbers += buffer.nbytes, *(place or (0, 0))
        if place is None and buffer.nbytes:
            inside.append(buffer)
    return [memoryview(struct.pack(f"<{len(numbers)}Q", *numbers) + body), *inside]


def write(sock: socket.socket, frame: Frame, *, wait: bool = True) -> Frame:
    """Write a frame, or without ``wait`` the part that fits at once; return the rest.

    Raises:
        OSError: the other end is closed.
    """
    flags = 0 if wait else socket.MSG_DONTWAIT
    left = frame
    while left:
        try:
            written = sock.sendmsg(left[:_AT_ONCE], (), flags)
        except BlockingIOError:
            return left
        left = _without(left, written)
    return left


def _without(frame: Frame, written: int) -> Frame:
    for index, piece in enumerate(frame):
        if written < piece.nbytes:
            return [piece[written:], *frame[index + 1 :]]
        written -= piece.nbytes
    return []


@dataclass(slots=True)
class _Half:
    """A frame of which arrays are missing.

    Args:
        body: the message without its arrays.
        arrays: all of its arrays, those that are missing without their content.
        missing: the memory to read into.
    """

    body: bytes
    arrays: list[Array | memoryview]
    missing: list[memoryview]

    def message(self) -> Any:
        """Return the message; nothing is missing any more."""
        return decoded(self.body, self.arrays)


class Reader:
    """Reads the frames that come in on a socket; arrays are read into memory of their own.

    Args:
        sock: the socket. Where it does not block, neither does the reader.
        slab: where arrays are that are in no frame; None: the sender has none.
    """

    def __init__(self, sock: socket.socket, slab: SlabReader | None = None) -> None:
        self._sock = sock
        self._slab = slab
        self._buffer = memoryview(bytearray(_READ_AHEAD))
        self._filled = 0
        self._half: _Half | None = None

    def read(self) -> Iterator[Any] | None:
        """Read once; return the messages that are whole now, their arrays read-only: take them before the next call.

        Returns:
            None where the stream has ended, inside a frame or between two.
        """
        half = self._half
        try:
            count = self._sock.recv_into(half.missing[0] if half else self._buffer[self._filled :])
        except BlockingIOError:
            return iter(())
        except OSError:  # the other end was killed with unread data, or this end was closed
            return None
        if not count:
            return None
        if half is not None:
            return self._add_to(half, count)
        self._filled += count
        return self._whole()

    def look_at(self, slab: SlabReader) -> None:
        """Expect arrays in a slab from the next message on."""
        self._slab = slab

    def _add_to(self, half: _Half, count: int) -> Iterator[Any]:
        first = half.missing[0]
        if count < first.nbytes:
            half.missing[0] = first[count:]
            return
        del half.missing[0]
        if not half.missing:
            self._half = None
            yield half.message()

    def _whole(self) -> Iterator[Any]:
        """Yield the messages in the buffer; keep what remains at its start, or as a half."""
        at = 0
        while self._half is None and self._filled - at >= _HEAD.size:
            body_bytes, count = _HEAD.unpack_from(self._buffer, at)
            body_at = at + _HEAD.size + 8 * _NUMBERS * count
            arrays_at = body_at + body_bytes
            if arrays_at > self._filled:
                self._make_room(arrays_at - at)
                break
            table = struct.unpack_from(f"<{_NUMBERS * count}Q", self._buffer, at + _HEAD.size)
            body = bytes(self._buffer[body_at:arrays_at])
            arrays: list[Array | memoryview] = []
            missing: list[memoryview] = []
            at = self._take_arrays(arrays, missing, table, arrays_at) if count else arrays_at
            if missing:
                self._half = _Half(body, arrays, missing)
            else:
                yield decoded(body, arrays)
        rest = self._filled - at
        if at and rest:
            self._buffer[:rest] = bytes(self._buffer[at : self._filled])
        self._filled = rest

    def _take_arrays(
        self, arrays: list[Array | memoryview], missing: list[memoryview], table: Sequence[int], at: int
    ) -> int:
        """Add the arrays of a frame, and the memory to read into; return where in the buffer the next frame begins."""
        for size, offset, block in zip(*[iter(table)] * _NUMBERS, strict=True):
            if offset:
                assert self._slab is not None
                arrays.append(self._slab.view(size, (offset, block)))
                continue
            memory = uninitialized(size)
            here = min(size, self._filled - at)
            memory[:here] = self._buffer[at : at + here]
            at += here
            arrays.append(memory.toreadonly())
            if here < size:
                missing.append(memory[here:])
        return at

    def _make_room(self, wanted: int) -> None:
        if wanted > len(self._buffer):
            buffer = memoryview(bytearray(wanted + _READ_AHEAD))
            buffer[: self._filled] = self._buffer[: self._filled]
            self._buffer = buffer


def send_fds(sock: socket.socket, fds: Sequence[int]) -> None:
    """Send open files over a socket that is used for nothing else."""
    socket.send_fds(sock, [b"."], list(fds))


def receive_fds(sock: socket.socket, count: int) -> list[int]:
    """Receive ``count`` open files.

    Raises:
        EOFError: the sender has died.
    """
    _, fds, _, _ = socket.recv_fds(sock, 1, count)
    if len(fds) < count:
        raise EOFError("expected open files, got the end of the stream")
    return fds
