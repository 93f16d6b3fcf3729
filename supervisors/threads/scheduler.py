"""Many actors on few threads, as on the BEAM: a run queue in the order of urgency, and as many threads as cores.

What is in the queue has something to do; what has nothing to do has no thread and is in no queue. A thread takes the
most urgent, lets it run until it is done or something more urgent waits, and takes the next. So a message to an actor
that can run on the same thread costs no hand-over between threads. Another thread is woken when both what runs and what
waits take longer than the waking: two threads that share small work only wait for each other, and for the interpreter.

A thread that does not come back must not hold the others up. One that announces a wait (`blocking`: an ask, a receive
inside a hook) counts as blocked at once, and one with a long turn when the watchdog sees it; another takes its
place, and a thread that is one too many when it comes back ends. With a deadline, a turn that exceeds it is made to end
by the same ladder as elsewhere: cancelled, interrupted, abandoned.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from contextlib import suppress
from itertools import count
from queue import Empty, SimpleQueue
from threading import get_ident
from types import TracebackType
from typing import Self, cast

from supervisors.rules.errors import BadSpec, SupervisionError
from supervisors.rules.options import number, whole
from supervisors.rules.printing import shown
from supervisors.threads.forks import PROCESS
from supervisors.threads.latch import Latch
from supervisors.threads.run_queue import RunQueue
from supervisors.threads.worker_thread import MAIL, Runnable, RunState, Urgency, WorkerThread, blocking

logger = logging.getLogger("supervisors")

HAND_OVER_S = 200e-6
"""Seconds of work that are worth a second thread: a hand-over takes some 20 µs, and then the interpreter's lock is
shared. Measured with layers of 0.07 to 6 ms: with 20 µs the smallest take half as long again, with more than 400 µs
cores stand idle."""

JOIN_S = 5.0
"""Seconds that `Scheduler.stop` waits for all threads together."""


class Scheduler:
    """Runs actors on a few threads; a context manager.

    A thread that sends may be killed in the middle of it, by an exception between any two instructions. So what senders
    do here, in `submit` and `check_soon`, takes no lock: it is single stores, and appends and puts that are one
    instruction of the interpreter. What a killed sender leaves undone the watchdog finds.

    Args:
        threads: how many run at once; None for as many as the process may use cores.
        blocked_after_s: seconds after which a turn is taken to block, and another thread takes its place.
        deadline_s: seconds after which an actor is made to end in the middle of a turn; None for never.
        name: of its threads.

    Raises:
        BadSpec: a number out of range.
    """

    def __init__(
        self,
        threads: int | None = None,
        *,
        blocked_after_s: float = 0.1,
        deadline_s: float | None = None,
        name: str = "scheduler",
    ) -> None:
        self.name = name
        if not isinstance(name, str):
            raise BadSpec(f"expected `name` to be a string, got {shown(name)}")
        self.size = usable_cores() if threads is None else whole("threads", threads, at_least=1)
        self.blocked_after_s = number("blocked_after_s", blocked_after_s, above=0)
        self.deadline_s = None if deadline_s is None else number("deadline_s", deadline_s, above=0)
        self._lock = threading.Lock()
        self._living: set[Runnable] = set()  # from `add` to `remove`
        self._submitted: deque[Runnable] = deque()  # they have mail, and are not in the run queue yet
        self._queue = RunQueue()
        self._numbers = count(1)
        self._threads: dict[int, WorkerThread] = {}  # by identifier
        self._idle = 0
        self._wake_ups: SimpleQueue[None] = SimpleQueue()  # one for each idle thread that is to look for work
        self._closing = self._stopping = self._stopped = False  # actors end; threads end; all is over
        self._spared = 0  # how many actors cannot end before `stop` returns: 1 if one of them called it
        self._drained = Latch()
        self._checks: SimpleQueue[None] = SimpleQueue()  # wake the watchdog
        self._watchdog = threading.Thread(target=self._watch, name=f"{name}-watchdog", daemon=True)
        self._watchdog.start()
        PROCESS.tell_of_forks(self)

    def forget_parent(self) -> None:
        """Be a scheduler that has stopped: its threads are in the process that this one was forked from."""
        self._lock = threading.Lock()
        self._closing = self._stopping = self._stopped = True
        self._queue = RunQueue()
        for runnables in (self._living, self._submitted, self._threads):
            runnables.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def add(self, runnable: Runnable) -> None:
        """Run ``runnable`` until it is removed.

        Raises:
            SupervisionError: the scheduler stops, or has stopped.
        """
        self._living.add(runnable)
        if self._closing:  # looked at after the addition: `stop` sets it, and then looks at who lives
            self.remove(runnable)
            raise SupervisionError(f"expected a scheduler that runs, {self.name} was stopped; start actors before that")
        self.submit(runnable)

    def remove(self, runnable: Runnable) -> None:
        """Run ``runnable`` no more than its present slice: it has ended."""
        self._living.discard(runnable)
        if self._closing and len(self._living) <= self._spared:
            self._drained.set()

    def submit(self, runnable: Runnable) -> None:
        """Have ``runnable`` receive its mail, unless it is about to: then it will find it."""
        if runnable.run_state is not RunState.IDLE and runnable.run_state is not RunState.HAS_WORK:
            return
        self._submitted.append(runnable)
        if self._stopped:
            self._cancel_the_rest()
            return
        if not self._threads:
            self.check_soon()
        elif get_ident() not in self._threads:
            self._wake_one()

    def has_more_urgent(self, urgency: Urgency) -> bool:
        """Return whether something more urgent waits; a glance, without the lock."""
        return urgency > MAIL if self._submitted else self._queue.has_more_urgent(urgency)

    def check_soon(self) -> None:
        """Wake the watchdog, to start the threads that are missing."""
        self._checks.put(None)

    def stop(self) -> None:
        """End all actors in order, at once and with their ``on_stop``, and then all threads.

        Within some seconds: what does not come back by then is left behind, and an actor that no thread had time for
        ends without its ``on_stop``. An actor that calls this ends after its present message.
        """
        until = time.monotonic() + JOIN_S
        current = threading.current_thread()
        self._spared = int(get_ident() in self._threads)
        self._closing = True
        for runnable in tuple(self._living):
            runnable.ask_to_end()
        if len(self._living) > self._spared:
            with blocking():
                self._drained.wait(until - time.monotonic())
        self._stopping = True
        self.check_soon()
        with self._lock:
            threads = [each for each in self._threads.values() if each is not current]
        for _ in threads:
            self._wake_ups.put(None)
        for thread in (*threads, self._watchdog):
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                logger.error("%s did not end: it is in foreign code, and left behind", thread.name)
        self._stopped = True
        self._cancel_the_rest()

    def _cancel_the_rest(self) -> None:
        with self._lock:
            rest = {*self._queue.clear(), *self._living}
        while self._submitted:
            rest.add(self._submitted.popleft())
        for runnable in rest:
            if runnable.run_state is not RunState.RUNNING:  # else its thread will be here again
                runnable.cancel()

    # What each thread does

    def _work(self, thread: WorkerThread) -> None:
        """Put back what has run, take the next, run it; until there is one thread too many."""
        urgency: Urgency | None = None
        while True:
            # All decisions of a round are one step under the lock: if the next one were taken after another thread had
            # looked, both might go idle, or both run, and the count of those that run would be wrong in between.
            with self._lock:
                if thread.runnable is not None:
                    self._put_back(thread, urgency)
                self._take_submitted()
                must_end = self._stopping or self._is_crowded()
                thread.runnable = runnable = None if must_end else self._queue.pop()
                if must_end:
                    del self._threads[get_ident()]
                    self._wake_one()
                elif runnable is None:
                    self._idle += 1
                elif runnable.slice_s > HAND_OVER_S and self._queue.seconds(self.size) > HAND_OVER_S:
                    self._wake_one()
            if must_end:
                if self._stopped:  # it was left behind, and so was what it has put back
                    self._cancel_the_rest()
                return
            if runnable is None:
                self._rest()
                continue
            thread.begin_turn()
            began = thread.turn_began
            urgency = runnable.run_slice(thread)
            runnable.slice_s = max(time.monotonic() - began, 0.9 * runnable.slice_s)
            del runnable  # or this frame keeps it while the thread is idle

    def _rest(self) -> None:
        """Wait to be woken, unless something was submitted after the last look and before this thread counted as idle.

        Such a sender saw no idle thread to wake; later ones see this one.
        """
        if not self._submitted and not self._stopping:
            self._wake_ups.get()
        with self._lock:
            self._idle -= 1

    def _put_back(self, thread: WorkerThread, urgency: Urgency | None) -> None:
        runnable, thread.runnable, thread.blocked = thread.runnable, None, False
        if runnable is None or runnable.run_state is RunState.ENDED:
            return
        # First idle, then look: a sender first puts and then looks whether it is idle, so one of the two sees the mail.
        runnable.run_state = RunState.IDLE
        if runnable.has_mail():
            self._queue.push(runnable, MAIL)
        elif urgency is not None:
            self._queue.push(runnable, urgency)

    def _take_submitted(self) -> None:
        while self._submitted:
            runnable = self._submitted.popleft()
            if runnable.run_state is RunState.IDLE or runnable.run_state is RunState.HAS_WORK:
                self._queue.push(runnable, MAIL)

    def _is_crowded(self) -> bool:
        """Return whether more threads run than may; asked for every slice, so no thread is counted in vain."""
        return len(self._threads) > self.size and self._running() > self.size

    def _running(self) -> int:
        return sum(not each.blocked for each in self._threads.values())

    def _wake_one(self) -> None:
        # No more wake-ups than idle threads: a surplus one would cost a later sleeper an empty round.
        if self._idle > self._wake_ups.qsize():
            self._wake_ups.put(None)
        elif not self._idle and len(self._threads) < self.size:
            self.check_soon()

    # The watchdog

    def _watch(self) -> None:
        while not self._stopping:
            with suppress(Empty):
                self._checks.get(timeout=self.blocked_after_s)
            self._check()

    def _check(self) -> None:
        """Find a thread for work that waits, and end turns that are past their deadline."""
        now = time.monotonic()
        with self._lock:
            busy = [(each, runnable) for each in self._threads.values() if (runnable := each.runnable) is not None]
            if self._submitted or self._queue:
                for thread, _ in busy:
                    thread.blocked |= now - thread.turn_began > self.blocked_after_s
                self._find_a_thread()
        if self.deadline_s is not None:
            for thread, runnable in busy:
                if now - thread.turn_began > self.deadline_s:
                    _enforce_deadline(thread, runnable, now)

    def _find_a_thread(self) -> None:
        if self._idle:
            self._wake_one()
        elif self._running() < self.size and not self._stopping:
            thread = WorkerThread(f"{self.name}-{next(self._numbers)}", self._work, self.check_soon)
            thread.start()  # returns when it runs, and so has an identifier
            self._threads[cast(int, thread.ident)] = thread


def _enforce_deadline(thread: WorkerThread, runnable: Runnable, now: float) -> None:
    if thread.deadline_step and now < thread.next_step_due:
        return
    grace_s = runnable.enforce_deadline(thread.deadline_step)
    thread.deadline_step += 1
    thread.next_step_due = float("inf") if grace_s is None else now + grace_s


def usable_cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
