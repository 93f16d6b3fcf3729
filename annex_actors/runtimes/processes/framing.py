"""Messages on a stream socket: framed, arrays out of band, and never half a message.

```
body bytes, number of buffers     2 × uint64, little endian
bytes of each buffer              uint64 each
body                              the message, pickled by protocol 5 without its arrays
buffers                           the arrays' memory, as it is
```

A frame is read whole or not at all: where the stream ends inside one, its sender has died, and the part is dropped.
Only connected pairs of sockets are read, both ends in processes of the same run: so all that is unpickled was pickled
by this run.
"""

from __future__ import annotations

import pickle
import socket
import struct
from collections.abc import Sequence
from io import BufferedReader
from typing import Any, TypeAlias, cast

from annex_actors.base.types import uninitialized

_HEAD = struct.Struct("<QQ")
_READ_AHEAD = 1 << 16
_AT_ONCE = 64
"""Pieces of memory in one system call: every system allows 16, Linux 1024."""

Frame: TypeAlias = list[memoryview]
"""A message, ready to be written: pieces of memory, which are not copied."""


def pack(message: object) -> Frame:
    """Return ``message`` as a frame; its arrays must not change until the frame is written."""
    buffers: list[memoryview] = []
    body = pickle.dumps(message, protocol=5, buffer_callback=lambda buffer: buffers.append(buffer.raw()))
    sizes = struct.pack(f"<{len(buffers)}Q", *(buffer.nbytes for buffer in buffers))
    head = _HEAD.pack(len(body), len(buffers)) + sizes + body
    return [memoryview(head), *(buffer for buffer in buffers if buffer.nbytes)]


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


def reader(sock: socket.socket) -> BufferedReader:
    """Return the stream for `read`; arrays are read into their own memory, past the buffer of the stream."""
    return cast(BufferedReader, sock.makefile("rb", buffering=_READ_AHEAD))


def read(stream: BufferedReader) -> Any | None:
    """Return the next message, its arrays read-only; None where the stream has ended, inside a frame or between two."""
    try:
        head = stream.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        body_bytes, count = _HEAD.unpack(head)
        tail = stream.read(8 * count + body_bytes)
        if len(tail) < 8 * count + body_bytes:
            return None
        buffers = [_filled(stream, size) for size in struct.unpack_from(f"<{count}Q", tail)]
    except (OSError, ValueError):  # the other end was killed with unread data, or this end was closed
        return None
    if None in buffers:
        return None
    return pickle.loads(memoryview(tail)[8 * count :], buffers=buffers)


def _filled(stream: BufferedReader, size: int) -> memoryview | None:
    memory = uninitialized(size)
    done = 0
    while done < size:
        count = stream.readinto(memory[done:])
        if not count:
            return None
        done += count
    return memory.toreadonly()


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
