"""One end of a connection between two neighbours, which the thread of a peer serves itself."""

from __future__ import annotations

import socket
from collections.abc import Callable
from threading import Lock
from typing import Any

from annex_actors.runtimes.processes import framing
from annex_actors.runtimes.processes.slab import SlabReader, SlabWriter


class Channel:
    """One end of a connection: messages on a socket, large arrays in slabs.

    It never waits: what does not fit into the socket is written later, in order. Any thread may send and write; all
    else is for the peer's thread.

    Args:
        sock: the descriptor of a connected stream socket.
        outgoing: the descriptor of the slab for arrays that are sent.
        incoming: the descriptor of the slab for arrays that come in.
        on_full: called when a message does not fit, so that the peer's thread writes the rest as soon as there is room.
    """

    def __init__(self, sock: int, outgoing: int, incoming: int, *, on_full: Callable[[], None] = lambda: None) -> None:
        self._sock = socket.socket(fileno=sock)
        self._sock.setblocking(False)
        self._outgoing = SlabWriter(outgoing)
        self._incoming = SlabReader(incoming)
        self._reader = framing.Reader(self._sock, self._incoming)
        self._on_full = on_full
        self._left: framing.Frame = []
        self._broken = False
        self._lock = Lock()

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._sock.fileno()

    @property
    def is_full(self) -> bool:
        """Whether the socket had no room for all that was sent."""
        return bool(self._left)

    def send(self, message: object) -> None:
        """Send a message; it is lost if the other end is closed."""
        with self._lock:
            if not self._broken:
                self._left += framing.pack(message, self._outgoing)
                self._write()
        if self._left:
            self._on_full()

    def read(self) -> list[Any] | None:
        """Return the messages that have come in; None where nothing more will."""
        messages = self._reader.read()
        return None if messages is None else list(messages)

    def tend(self) -> None:
        """Give the other end back its blocks, see `SlabReader.free`, and write as much as fits of what is left."""
        if self._incoming.unused:
            self._incoming.free()
        if self._left:
            with self._lock:
                self._write()

    def close(self) -> None:
        """Close this end; what is not written is lost. Safe to call twice."""
        with self._lock:
            self._stop_sending()
        self._sock.close()
        self._incoming.close()

    def _write(self) -> None:
        try:
            self._left = framing.write(self._sock, self._left, wait=False)
        except OSError:  # the other process has died
            self._stop_sending()

    def _stop_sending(self) -> None:
        self._broken = True
        self._left = []
        self._outgoing.close()
