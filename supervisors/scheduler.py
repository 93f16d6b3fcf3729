"""Many actors on few threads, as on the BEAM: a run queue in the order of urgency, and as many threads as cores.

What waits in the queue has something to do; what has not, has no thread and is in no queue. A thread takes the most
urgent, lets it run until it is done or something more urgent waits, and takes the next. So a message to an actor that
can run on the same thread costs no hand-over between threads. Another thread is woken when both what runs and what
waits take longer than the waking: two threads that share small work only wait for each other, and for the interpreter.

A thread that does not come back must not hold the others up. One that says that it blocks (`blocking`: an ask, a
receive inside a hook) is set aside at once, one that overstays is set aside when the monitor sees it; another takes its
place, and whoever is one too many when it comes back ends. With a deadline, what overstays that is made to end, by the
same ladder as elsewhere: cancelled, interrupted, abandoned.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from heapq import heappop, heappush
from itertools import count, islice
from queue import Empty, SimpleQueue
from threading import get_ident
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias, cast

from supervisors.errors import BadSpec

logger = logging.getLogger("supervisors")

Urgency: TypeAlias = tuple[Any, ...]

AT_ONCE: Urgency = (0,)
"""The urgency of what has a message waiting: how urgent its work is will only be known when it has been received."""

HAND_OVER_S = 200e-6
"""Seconds of work that are worth a second thread: a hand-over takes some 20 µs, and then the interpreter's lock is
shared. Measured with layers of 0.07 to 6 ms: with 20 µs the smallest take half as long again, with more than 400 µs
cores stand idle."""

JOIN_S = 5.0
"""Seconds that `Scheduler.stop` waits for all threads together."""


class State(Enum):
    """Where a task is; changed under the scheduler's lock."""

    IDLE = "idle"
    """It has nothing to do."""

    CALLED = "called"
    """It waits in the queue, to receive its mail."""

    WAITING = "waiting"
    """It waits in the queue with work of its own, and has no mail."""

    RUNNING = "running"
    ENDED = "ended"


class Task(Protocol):
    """What a scheduler runs: one slice at a time, never two at once."""

    state: State
    ticket: int
    """The number of its valid entry in the queue; others of it are void."""
    slice_s: float
    """Seconds of its longest slice of late: what another thread would take off this one."""

    def run_slice(self, thread: SchedulerThread) -> Urgency | None:
        """Run until there is nothing to do, or something more urgent waits; return the urgency of what is left.

        Must not raise. None: nothing, or the task has set its state to ENDED.
        """

    def has_mail(self) -> bool:
        """Return whether a message has come that the last slice did not see."""

    def overdue(self, rung: int) -> float | None:
        """Take the next step against a turn that overstays its deadline, the first one at ``rung`` 0.

        Returns:
            Seconds to wait before the step after it; None if there is none.
        """

    def give_up(self) -> None:
        """End without another slice: the scheduler has stopped."""


class SchedulerThread(threading.Thread):
    """One thread of a scheduler."""

    def __init__(self, scheduler: Scheduler, number: int) -> None:
        super().__init__(name=f"{scheduler.name}-{number}", daemon=True)
        self.scheduler = scheduler
        self.task: Task | None = None
        self.since = 0.0  # monotonic seconds: when the turn at hand began
        self.set_aside = False
        self.rung = 0
        self.due = 0.0  # of the next step against the turn at hand

    def run(self) -> None:
        """Run tasks until the scheduler stops, or has one thread too many."""
        self.scheduler.work(self)

    def begin_turn(self) -> None:
        """Note that a turn begins."""
        self.since = time.monotonic()
        self.rung = 0


@contextmanager
def blocking() -> Iterator[None]:
    """Surround a wait that may be long: where the current thread is a scheduler's, another takes its place."""
    thread = threading.current_thread()
    if not isinstance(thread, SchedulerThread):
        yield
        return
    thread.set_aside = True
    thread.scheduler.look_now()
    try:
        yield
    finally:
        thread.set_aside = False


class Scheduler:
    """Runs tasks on a few threads; a context manager.

    Whoever sends may be killed in the middle of it, by an exception between any two instructions. So what senders do
    here, in `call` and `blocking`, takes no lock: it is single stores, and appends and puts that are one instruction of
    the interpreter. What a killed sender leaves undone the monitor finds.

    Args:
        threads: how many run at once; None for as many as the process may use cores.
        overstay_s: seconds after which a turn is taken to block, and another thread takes its place.
        deadline_s: seconds after which an actor is made to end in the middle of a turn; None for never.
        name: of its threads.

    Raises:
        BadSpec: a number out of range.
    """

    def __init__(
        self,
        threads: int | None = None,
        *,
        overstay_s: float = 0.1,
        deadline_s: float | None = None,
        name: str = "scheduler",
    ) -> None:
        self.name = name
        self.size = usable_cores() if threads is None else threads
        self.overstay_s = overstay_s
        self.deadline_s = deadline_s
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 1:
            raise BadSpec(f"expected `threads` to be an integer >= 1, got {threads!r}")
        for option, seconds in (("overstay_s", overstay_s), ("deadline_s", deadline_s)):
            if seconds is not None and not seconds > 0:
                raise BadSpec(f"expected `{option}` to be a number > 0, got {seconds!r}")
        self._lock = threading.Lock()
        self._called: deque[Task] = deque()  # they have mail, and are not in the queue yet
        self._queue: list[tuple[Urgency, int, Task]] = []
        self._sequence = count(1)
        self._numbers = count(1)
        self._threads: dict[int, SchedulerThread] = {}  # by identifier
        self._idle = 0
        self._wake_ups: SimpleQueue[None] = SimpleQueue()  # one for each idle thread that is to look
        self._stopping = self._stopped = False
        self._looks: SimpleQueue[None] = SimpleQueue()  # what the monitor is woken by
        self._monitor = threading.Thread(target=self._watch, name=f"{name}-monitor", daemon=True)
        self._monitor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def call(self, task: Task) -> None:
        """Have a task receive its mail, unless it is about to: then it will find it."""
        if task.state is not State.IDLE and task.state is not State.WAITING:
            return
        self._called.append(task)
        if self._stopped:
            self._give_up_the_rest()
            return
        if not self._threads:
            self.look_now()
        elif get_ident() not in self._threads:
            self._wake_one()

    def more_urgent_than(self, urgency: Urgency) -> bool:
        """Return whether something waits that is more urgent; a glance, without the lock."""
        if self._called:
            return urgency > AT_ONCE
        try:
            return bool(self._queue[0][0] < urgency)
        except IndexError:
            return False

    def look_now(self) -> None:
        """Wake the monitor up, to start the threads that are missing."""
        self._looks.put(None)

    def stop(self) -> None:
        """End all threads after their slices; one that does not come back within some seconds is left behind.

        Actors that still live end as soon as anybody sends them anything, so that no question goes unanswered.
        """
        self._stopping = True
        until = time.monotonic() + JOIN_S
        self.look_now()
        with self._lock:
            threads = [each for each in self._threads.values() if each is not threading.current_thread()]
        for _ in threads:
            self._wake_ups.put(None)
        for thread in (*threads, self._monitor):
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                logger.error("%s did not end: it is in foreign code, and left behind", thread.name)
        self._stopped = True
        self._give_up_the_rest()

    def _give_up_the_rest(self) -> None:
        with self._lock:
            rest = [task for _, _, task in self._queue]
            self._queue.clear()
        while self._called:
            rest.append(self._called.popleft())
        for task in rest:
            task.give_up()

    def work(self, thread: SchedulerThread) -> None:
        """Be one of the threads."""
        urgency: Urgency | None = None
        while True:
            with self._lock:
                if thread.task is not None:
                    self._put_back(thread, urgency)
                self._take_calls()
                must_end = self._stopping or self._running() > self.size
                task = None if must_end else self._take_next()
                thread.task = task
                if must_end:
                    del self._threads[get_ident()]
                    self._wake_one()
                elif task is None:
                    self._idle += 1
                elif min(task.slice_s, self._waiting_s()) > HAND_OVER_S:
                    self._wake_one()
            if must_end:
                return
            if task is None:
                self._rest()
                continue
            thread.begin_turn()
            began = thread.since
            urgency = task.run_slice(thread)
            task.slice_s = max(time.monotonic() - began, 0.9 * task.slice_s)
            del task

    def _rest(self) -> None:
        """Wait to be woken up, unless somebody called between the last look and the moment of being counted idle."""
        if not self._called and not self._stopping:
            self._wake_ups.get()
        with self._lock:
            self._idle -= 1

    def _put_back(self, thread: SchedulerThread, urgency: Urgency | None) -> None:
        task, thread.task, thread.set_aside = thread.task, None, False
        if task is None or task.state is State.ENDED:
            return
        # First idle, then look: who sends first puts and then looks whether the task is idle, so one of both sees it.
        task.state = State.IDLE
        if task.has_mail():
            self._push(task, AT_ONCE)
        elif urgency is not None:
            self._push(task, urgency)

    def _take_calls(self) -> None:
        while self._called:
            task = self._called.popleft()
            if task.state is State.IDLE or task.state is State.WAITING:
                self._push(task, AT_ONCE)

    def _take_next(self) -> Task | None:
        while self._queue:
            _, number, task = heappop(self._queue)
            if task.ticket == number and task.state is not State.RUNNING:
                task.state = State.RUNNING
                return task
        return None

    def _push(self, task: Task, urgency: Urgency) -> None:
        task.state = State.CALLED if urgency == AT_ONCE else State.WAITING
        task.ticket = next(self._sequence)
        heappush(self._queue, (urgency, task.ticket, task))

    def _waiting_s(self) -> float:
        """Return about how many seconds of work wait."""
        return sum(task.slice_s for _, _, task in islice(self._queue, self.size))

    def _running(self) -> int:
        return sum(not each.set_aside for each in self._threads.values())

    def _wake_one(self) -> None:
        if self._idle > self._wake_ups.qsize():
            self._wake_ups.put(None)
        elif not self._idle and len(self._threads) < self.size:
            self.look_now()

    # The monitor

    def _watch(self) -> None:
        """See to it that work that waits finds a thread, and that what overstays its deadline ends."""
        while not self._stopping:
            with suppress(Empty):
                self._looks.get(timeout=self.overstay_s)
            now = time.monotonic()
            with self._lock:
                busy = [(each, task) for each in self._threads.values() if (task := each.task) is not None]
                if self._called or self._queue:
                    for thread, _ in busy:
                        thread.set_aside |= now - thread.since > self.overstay_s
                    self._find_a_thread()
            if self.deadline_s is not None:
                for thread, task in busy:
                    if now - thread.since > self.deadline_s:
                        self._press(thread, task, now)

    def _find_a_thread(self) -> None:
        if self._idle:
            self._wake_one()
        elif self._running() < self.size and not self._stopping:
            thread = SchedulerThread(self, next(self._numbers))
            thread.start()  # returns when it runs, and so has an identifier
            self._threads[cast(int, thread.ident)] = thread

    def _press(self, thread: SchedulerThread, task: Task, now: float) -> None:
        if thread.rung and now < thread.due:
            return
        grace_s = task.overdue(thread.rung)
        thread.rung += 1
        thread.due = float("inf") if grace_s is None else now + grace_s


def usable_cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
