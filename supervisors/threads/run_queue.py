"""What waits for a thread of a scheduler, the most urgent first."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count, islice

from supervisors.threads.worker_thread import MAIL, Runnable, RunState, Urgency


class RunQueue:
    """A heap of runnables. All methods but `has_more_urgent` are to be called under the scheduler's lock.

    A runnable that becomes more urgent is pushed again: its older entry is void, and dropped when it comes up.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[Urgency, int, Runnable]] = []
        self._numbers = count(1)

    def __bool__(self) -> bool:
        return bool(self._heap)

    def push(self, runnable: Runnable, urgency: Urgency) -> None:
        """Add ``runnable``; first come, first served among those of equal urgency."""
        runnable.run_state = RunState.HAS_MAIL if urgency == MAIL else RunState.HAS_WORK
        runnable.queue_number = next(self._numbers)
        heappush(self._heap, (urgency, runnable.queue_number, runnable))

    def pop(self) -> Runnable | None:
        """Take out the most urgent one, which then counts as running; None if there is none."""
        while self._heap:
            _, number, runnable = heappop(self._heap)
            if runnable.queue_number == number and runnable.run_state is not RunState.RUNNING:
                runnable.run_state = RunState.RUNNING
                return runnable
        return None

    def has_more_urgent(self, urgency: Urgency) -> bool:
        """Return whether something more urgent waits; a glance, without the lock."""
        try:
            return bool(self._heap[0][0] < urgency)
        except IndexError:
            return False

    def seconds(self, most: int) -> float:
        """Return about how many seconds of work wait, in at most so many runnables."""
        return sum(runnable.slice_s for _, _, runnable in islice(self._heap, most))

    def clear(self) -> list[Runnable]:
        """Take out everything."""
        runnables = [runnable for _, _, runnable in self._heap]
        self._heap.clear()
        return runnables
