"""Calls at a later time: one thread for a whole tree, and any clock."""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable
from itertools import count

from supervisors.threads.clock import Clock
from supervisors.threads.latch import Latch

logger = logging.getLogger("supervisors")


class Timer:
    """A call that is due later.

    Args:
        due: monotonic seconds of the clock.
        number: orders calls that are due at the same time: first come, first served.
        call: made in the timer thread; must be quick.
        pending: the set that this timer is in until its call was made or cancelled, so that its owner can cancel all.
    """

    __slots__ = ("_calls", "_pending", "due", "number")

    def __init__(self, due: float, number: int, call: Callable[[], None], pending: set[Timer] | None = None) -> None:
        self.due = due
        self.number = number
        self._calls = [call]
        self._pending = pending
        if pending is not None:
            pending.add(self)

    @property
    def pending(self) -> bool:
        """Whether the call is still to be made."""
        return bool(self._calls)

    def cancel(self) -> bool:
        """Cancel the call; return False when it was made or cancelled before."""
        return self.take() is not None

    def take(self) -> Callable[[], None] | None:
        """Return the call the first time, and None after that, whichever threads ask."""
        try:
            call = self._calls.pop()
        except IndexError:
            return None
        if self._pending is not None:
            self._pending.discard(self)
        return call

    def __lt__(self, other: Timer) -> bool:
        return (self.due, self.number) < (other.due, other.number)


class Timers:
    """A heap of calls, and the thread that makes them: it starts with the first call and ends with `stop`.

    Args:
        clock: decides when they are due.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[Timer] = []
        self._numbers = count()
        self._lock = threading.Lock()
        self._changed = Latch()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def after(self, delay_s: float, call: Callable[[], None], *, pending: set[Timer] | None = None) -> Timer:
        """Make ``call`` in ``delay_s`` seconds of the clock, in the timer thread; never after `stop`.

        Args:
            delay_s: seconds from now.
            call: see `Timer`.
            pending: see `Timer`.
        """
        timer = Timer(self._clock.monotonic() + delay_s, next(self._numbers), call, pending)
        with self._lock:
            stopped = self._stopped
            if not stopped:
                self._push(timer)
                if self._heap[0] is timer:
                    self._changed.set()
        if stopped:
            timer.cancel()
        return timer

    def _push(self, timer: Timer) -> None:
        if len(self._heap) > 64 and sum(not other.pending for other in self._heap[:64]) > 32:
            self._heap = [other for other in self._heap if other.pending]
            heapq.heapify(self._heap)
        heapq.heappush(self._heap, timer)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="supervisors-timers", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Make no more calls, and end the thread."""
        with self._lock:
            self._stopped = True
            left, self._heap = self._heap, []
            self._changed.set()
        for timer in left:
            timer.cancel()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._stopped:
                    return
                self._changed = changed = Latch()
                due = self._take_due()
                pause_s = self._heap[0].due - self._clock.monotonic() if self._heap else None
            for timer in due:
                self._make(timer)
            if not due:
                self._clock.wait(changed, pause_s)

    def _take_due(self) -> list[Timer]:
        now = self._clock.monotonic()
        due = []
        while self._heap and self._heap[0].due <= now:
            due.append(heapq.heappop(self._heap))
        return due

    def _make(self, timer: Timer) -> None:
        call = timer.take()
        if call is None:
            return
        try:
            call()
        except BaseException:
            logger.exception("a timer's call raised")
