"""One end of a connection between two processes: a thread that reads, a thread that writes, and senders never wait.

Two neighbours that send as fast as they can fill the buffers in both directions; if senders then waited for room, they
would wait for each other for ever. So a sender writes what fits at once and leaves the rest to the writing thread, and
the reading thread accepts whatever comes, at any time.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread, current_thread
from typing import Any

from annex_actors.runtimes.processes import framing
from annex_actors.runtimes.processes.slab import SlabReader


class Link:
    """One end of a connection.

    Args:
        sock: a connected stream socket; the link owns it.
        name: of the threads.
        deliver: called with every message, in the reading thread.
        ended: called in the reading thread when nothing more will come.
        failed: called in one of the link's threads when a message cannot be sent or delivered; the link then ends.
        pack: makes the frame of a message.
        direct: whether senders themselves write what fits at once, which spares a switch to another thread. Not where
            a kill may interrupt a sender in the middle, which would leave half a frame behind.
    """

    def __init__(
        self,
        sock: socket.socket,
        name: str,
        deliver: Callable[[Any], None],
        ended: Callable[[], None] | None = None,
        *,
        failed: Callable[[BaseException], None] | None = None,
        pack: Callable[[Any], framing.Frame] = framing.pack,
        direct: bool = True,
    ) -> None:
        self._sock = sock
        self._incoming = framing.Reader(sock)
        self._slab: SlabReader | None = None
        self._deliver = deliver
        self._ended = ended
        self._failed = failed
        self._pack = pack
        self._direct = direct
        self._lock = Lock()
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._left = 0
        self._empty = Event()
        self._empty.set()
        self._closed = False
        self._over = False
        self._reader = Thread(target=self._read, name=f"{name} reader", daemon=True)
        self._writer = Thread(target=self._write, name=f"{name} writer", daemon=True)

    def start(self) -> None:
        """Start both threads."""
        self._writer.start()
        self._reader.start()

    def send(self, message: object) -> None:
        """Send a message, in the order of the calls, without waiting; it is lost if the other end is closed."""
        if self._direct:
            self._send_now(message)
        else:
            self._queue.put(message)
            if self._over:
                self._drop()

    def look_at(self, slab: SlabReader) -> None:
        """Expect arrays in a slab from the next message on; while a message is delivered."""
        self._slab = slab
        self._incoming.look_at(slab)

    def flush(self, timeout_s: float) -> bool:
        """Wait at most ``timeout_s`` seconds until all that was sent directly is written; return whether it is."""
        return self._empty.wait(timeout_s)

    def close(self) -> None:
        """Close the connection at once, for both ends; what is not written is lost."""
        self._give_up()
        with suppress(OSError):  # the other end has closed it first
            self._sock.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        """Wait for the threads, after `close` or after the other end has closed."""
        for thread in (self._reader, self._writer):
            if thread is not current_thread() and thread.ident is not None:
                thread.join()

    def _send_now(self, message: object) -> None:
        frame = self._pack(message)
        with self._lock:
            if self._closed:
                return
            if not self._left:
                try:
                    frame = framing.write(self._sock, frame, wait=False)
                except OSError:
                    return
            if frame:
                self._left += 1
                self._empty.clear()
                self._queue.put(frame)

    def _read(self) -> None:
        try:
            while (messages := self._incoming.read()) is not None:
                if self._slab is not None:
                    self._slab.free()
                for message in messages:
                    self._deliver(message)
        except BaseException as error:  # noqa: BLE001 - if this thread just ended, others would wait for ever
            self._fail(error)
        self.close()
        self._writer.join()
        self._over = True
        self._drop()
        self._sock.close()
        ended = self._ended
        self._deliver, self._ended, self._failed = _ignore, None, None  # break the cycle: their owner refers to this
        if ended is not None:
            ended()

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                framing.write(self._sock, item if self._direct else self._pack(item))
            except OSError:
                self._give_up()
                return
            except BaseException as error:  # noqa: BLE001 - as in `_read`
                self._fail(error)
                return
            if self._direct:
                self._count_written()

    def _drop(self) -> None:
        """Discard what is queued once the writing thread has ended: it may hold open files."""
        with suppress(Empty):
            while True:
                self._queue.get_nowait()

    def _count_written(self) -> None:
        with self._lock:
            self._left -= 1
            if not self._left:
                self._empty.set()

    def _fail(self, error: BaseException) -> None:
        if self._failed is not None:
            self._failed(error)
        self.close()

    def _give_up(self) -> None:
        with self._lock:
            self._closed = True
        self._empty.set()
        self._queue.put(None)


def _ignore(message: Any) -> None:
    """Do nothing: the link has ended."""
