"""All that reaches the peer of a worker, in one place: its thread waits there, and no other comes in between.

With a thread that reads for the peer, each message would wake two threads one after the other, and the two would take
turns at the interpreter's lock. A message travels from one process to another in a third of that time.
"""

from __future__ import annotations

import os
import select
from collections import deque
from contextlib import suppress

from annex_actors.protocol.messages import Address, Envelope
from annex_actors.runtimes.processes.channel import Channel


class Arrivals:
    """The envelopes that come in from the neighbours, and those that other threads put here.

    `take` is for the peer's thread, the other methods are for any thread.
    """

    def __init__(self) -> None:
        self._bell, self._rope = os.pipe()
        os.set_blocking(self._rope, False)
        self._poll = select.poll()
        self._poll.register(self._bell, select.POLLIN)
        self._new: deque[tuple[Address, Channel]] = deque()
        self._envelopes: deque[Envelope] = deque()
        self._channels: dict[Address, Channel] = {}
        self._by_fd: dict[int, Address] = {}

    @property
    def waiting(self) -> int:
        """How many envelopes other threads have put here that were not taken."""
        return len(self._envelopes)

    def put(self, envelope: Envelope) -> None:
        """Add an envelope."""
        self._envelopes.append(envelope)
        self.ring()

    def connect(self, neighbour: Address, channel: Channel) -> None:
        """Take from now on what comes in on a channel, and nothing more of the neighbour's channel before."""
        self._new.append((neighbour, channel))
        self.ring()

    def ring(self) -> None:
        """End a wait."""
        with suppress(BlockingIOError):  # it has rung a thousand times
            os.write(self._rope, b".")

    def take(self, *, wait: bool) -> list[Envelope]:
        """Return what has come in; with ``wait`` wait for something, which may be a ring alone.

        After a piece of work first without waiting: see `SlabReader.free`.
        """
        ready = [] if wait else self._poll.poll(0)
        for channel in self._channels.values():
            channel.tend()
        if wait:
            ready = self._wait()
        found: list[Envelope] = []
        for fd, _ in ready:
            if fd == self._bell:
                os.read(fd, 1 << 12)
                self._take_new()
                while self._envelopes:
                    found.append(self._envelopes.popleft())
            elif fd in self._by_fd:  # else its neighbour has just got another channel
                found += self._read(self._by_fd[fd])
        return found

    def close(self) -> None:
        """Close all channels, when no other thread comes here any more."""
        self._take_new()
        for neighbour in list(self._channels):
            self._close(neighbour)
        os.close(self._bell)
        os.close(self._rope)

    def _wait(self) -> list[tuple[int, int]]:
        full = [channel for channel in self._channels.values() if channel.is_full]
        for channel in full:
            self._poll.modify(channel, select.POLLIN | select.POLLOUT)
        ready = self._poll.poll()
        for channel in full:
            self._poll.modify(channel, select.POLLIN)
        return ready

    def _read(self, neighbour: Address) -> list[Envelope]:
        messages = self._channels[neighbour].read()
        if messages is None:
            self._close(neighbour)
        return messages or []

    def _take_new(self) -> None:
        while self._new:
            neighbour, channel = self._new.popleft()
            if neighbour in self._channels:
                self._close(neighbour)
            self._channels[neighbour] = channel
            self._by_fd[channel.fileno()] = neighbour
            self._poll.register(channel, select.POLLIN)

    def _close(self, neighbour: Address) -> None:
        channel = self._channels.pop(neighbour)
        del self._by_fd[channel.fileno()]
        self._poll.unregister(channel)
        channel.close()
