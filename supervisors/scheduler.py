"""Many actors on few threads, as on the BEAM: a run queue in the order of urgency, and as many threads as cores.

What waits in the queue has something to do; what has not, has no thread and is in no queue. A thread takes the most
urgent, lets it run until it is done or something more urgent waits, and takes the next. So a message to an actor that
can run on the same thread costs no hand-over between threads, and another thread is woken only for work that would
otherwise wait longer than the waking takes.

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
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from heapq import heappop, heappush
from itertools import count
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

logger = logging.getLogger("supervisors")

Urgency: TypeAlias = tuple[Any, ...]

AT_ONCE: Urgency = (0,)
"""The urgency of what has a message waiting: how urgent its work is will only be known when it has been received."""

HAND_OVER_S = 50e-6
"""Seconds that it takes to wake a thread up, about: more when it then waits for the interpreter."""

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
    thread.scheduler.set_aside(thread)
    try:
        yield
    finally:
        thread.scheduler.take_back(thread)


class Scheduler:
    """Runs tasks on a few threads; a context manager.

    Args:
        threads: how many run at once; None for as many as the process may use cores.
        overstay_s: seconds after which a turn is taken to block, and another thread takes its place.
        deadline_s: seconds after which an actor is made to end in the middle of a turn; None for never.
        name: of its threads.
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
        self._ready = threading.Condition(threading.Lock())
        self._queue: list[tuple[Urgency, int, Task]] = []
        self._sequence = count()
        self._threads: set[SchedulerThread] = set()
        self._idents: set[int] = set()  # of threads that are in a slice or about to look at the queue
        self._active = 0  # threads that are not set aside
        self._idle = 0
        self._numbers = count(1)
        self._turn_s = HAND_OVER_S  # running mean of a slice's seconds
        self._stopping = threading.Event()
        self._monitor = threading.Thread(target=self._watch, name=f"{name}-monitor", daemon=True)
        self._monitor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def ready(self, task: Task) -> None:
        """Queue a task that has mail, unless it runs or was called already: then it will find it."""
        with self._ready:
            if task.state is State.IDLE or task.state is State.WAITING:
                self._push(task, AT_ONCE)
                if threading.get_ident() in self._idents:
                    self._call_for_help(spare=1)
                else:
                    self._add_thread()

    def more_urgent_than(self, urgency: Urgency) -> bool:
        """Return whether something waits that is more urgent; a glance, without the lock."""
        try:
            return bool(self._queue[0][0] < urgency)
        except IndexError:
            return False

    def stop(self) -> None:
        """End all threads after their slices; one that does not come back within some seconds is left behind."""
        with self._ready:
            self._stopping.set()
            self._ready.notify_all()
            threads = [each for each in self._threads if each is not threading.current_thread()]
        until = time.monotonic() + JOIN_S
        for thread in (*threads, self._monitor):
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                logger.error("%s did not end: it is in foreign code, and left behind", thread.name)

    # For the threads

    def work(self, thread: SchedulerThread) -> None:
        """Be one of the threads."""
        urgency: Urgency | None = None
        ident = threading.get_ident()
        with self._ready:
            self._idents.add(ident)
        while True:
            with self._ready:
                if thread.task is not None:
                    self._put_back(thread, urgency)
                task = self._next(thread)
                if task is None:
                    self._idents.discard(ident)
                    self._threads.discard(thread)
                    self._active -= not thread.set_aside
                    return
                thread.task, task.state = task, State.RUNNING
                self._call_for_help(spare=0)
            thread.begin_turn()
            began = thread.since
            urgency = task.run_slice(thread)
            self._turn_s += 0.1 * (time.monotonic() - began - self._turn_s)
            del task

    def set_aside(self, thread: SchedulerThread) -> None:
        """Count a thread out: it blocks, and another may take its place."""
        with self._ready:
            self._count_out(thread)

    def take_back(self, thread: SchedulerThread) -> None:
        """Count a thread in again; if it is one too many it ends after its slice."""
        with self._ready:
            self._count_in(thread)

    def _next(self, thread: SchedulerThread) -> Task | None:
        """Wait for the most urgent task; None when this thread is to end."""
        while not self._stopping.is_set() and self._active <= self.size:
            while self._queue:
                _, number, task = heappop(self._queue)
                if task.ticket == number:
                    return task
            self._idle += 1
            self._ready.wait()
            self._idle -= 1
        return None

    def _put_back(self, thread: SchedulerThread, urgency: Urgency | None) -> None:
        task, thread.task = thread.task, None
        self._count_in(thread)
        if task is None or task.state is State.ENDED:
            return
        # First idle, then look: who sends first puts and then looks whether the task is idle, so one of both sees it.
        task.state = State.IDLE
        if task.has_mail():
            self._push(task, AT_ONCE)
        elif urgency is not None:
            self._push(task, urgency)

    def _push(self, task: Task, urgency: Urgency) -> None:
        task.state = State.CALLED if urgency == AT_ONCE else State.WAITING
        task.ticket = next(self._sequence)
        heappush(self._queue, (urgency, task.ticket, task))

    def _call_for_help(self, spare: int) -> None:
        """Wake or start a thread, if what is queued would wait longer for the threads at work than that takes.

        Args:
            spare: how many of the queued the calling thread will take itself.
        """
        waiting = len(self._queue) - spare
        if waiting > 0 and waiting * self._turn_s > HAND_OVER_S:
            self._add_thread()

    def _add_thread(self) -> None:
        if self._idle:
            self._ready.notify()
        elif self._active < self.size and not self._stopping.is_set():
            thread = SchedulerThread(self, next(self._numbers))
            self._threads.add(thread)
            self._active += 1
            thread.start()

    def _count_out(self, thread: SchedulerThread) -> None:
        if not thread.set_aside:
            thread.set_aside = True
            self._active -= 1
            if self._queue:
                self._add_thread()

    def _count_in(self, thread: SchedulerThread) -> None:
        if thread.set_aside:
            thread.set_aside = False
            self._active += 1

    # The monitor

    def _watch(self) -> None:
        """See to it that work that waits finds a thread, and that what overstays its deadline ends."""
        while not self._stopping.wait(self.overstay_s):
            now = time.monotonic()
            with self._ready:
                busy = [(each, each.task) for each in self._threads if each.task is not None]
                if self._queue:
                    for thread, _ in busy:
                        if now - thread.since > self.overstay_s:
                            self._count_out(thread)
                    self._add_thread()
            if self.deadline_s is not None:
                for thread, task in busy:
                    if task is not None and now - thread.since > self.deadline_s:
                        self._press(thread, task, now)

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
