"""Room for a limited number of messages, and the senders that wait for it."""

from __future__ import annotations

import time
from collections import deque
from queue import Empty, SimpleQueue

from supervisors.lifecycle.waiting import wait_for
from supervisors.threads.latch import Latch


class Room:
    """Some places; each is taken or free.

    Args:
        places: how many there are.
    """

    def __init__(self, places: int) -> None:
        self._free: SimpleQueue[None] = SimpleQueue()
        self._waiting: deque[Latch] = deque()
        for _ in range(places):
            self._free.put(None)

    def take(self) -> bool:
        """Take a place; return False if none is free."""
        try:
            self._free.get_nowait()
        except Empty:
            return False
        return True

    def give_back(self) -> None:
        """Free a place, and wake a sender that waits for one."""
        self._free.put(None)
        self._wake_next()

    def wait_to_take(self, timeout: float | None) -> bool:
        """Take a place, or the next that is free; return False when time is up.

        Args:
            timeout: seconds to wait; None waits for ever.
        """
        due = None if timeout is None else time.monotonic() + timeout
        while not self.take():
            turn = Latch()
            self._waiting.append(turn)
            try:
                # Looked at after the entry: a place that is freed from now on wakes this sender, or an earlier one.
                if self._free.empty() and not wait_for(turn, None if due is None else due - time.monotonic()):
                    return False
            finally:
                self._give_up(turn)
        return True

    def _give_up(self, turn: Latch) -> None:
        try:
            self._waiting.remove(turn)
        except ValueError:  # it was this sender's turn; another may have come in between, or there is room for more
            if not self._free.empty():
                self._wake_next()

    def _wake_next(self) -> None:
        try:
            self._waiting.popleft().set()
        except IndexError:  # no sender waits
            return
