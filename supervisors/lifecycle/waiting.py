"""Waits inside an actor's own code: for an answer, for an end, for a start, for room in a mailbox.

A thread that waits in a lock notices no exception that is raised in it. So an actor waits with an ear for what concerns
it: a kill ends it in the middle of a wait, as in OTP. And a wait that only the actor itself could end is an error at
once, and no deadlock: one for itself; or for a supervisor above, where that waits for this actor to start or to end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from supervisors.lifecycle.signals import Kill
from supervisors.threads.clock import Clock, SystemClock
from supervisors.threads.latch import Latch
from supervisors.threads.occupied import occupant
from supervisors.threads.worker_thread import blocking


class Alarm(Protocol):
    """Where the alarm of a waiting actor hangs: its mailbox, which rings it when a stop or a kill has come."""

    alarm: Callable[[], None] | None


class Waiter(Protocol):
    """An actor that waits, as its state."""

    kill_requested: bool

    @property
    def mailbox(self) -> Alarm:
        """Its mailbox."""

    def outside_its_code(self) -> AbstractContextManager[None]:
        """Surround a wait, in which no exception is raised in the actor's thread, so that none comes in between."""


def wait_for(
    latch: Latch,
    timeout: float | None = None,
    *,
    clock: Clock = SystemClock(),  # noqa: B008 - it has no state
    give_up: Callable[[Any], None] | None = None,
) -> bool:
    """Wait until ``latch`` is set; return whether it is.

    Args:
        latch: what to wait for.
        timeout: seconds of ``clock`` to wait; None waits for ever.
        clock: the system's by default.
        give_up: called with the state of the actor that waits, if it is one, before the wait and whenever a stop has
            come; ends the wait by raising.

    Raises:
        Kill: the actor that waits was killed.
    """
    if latch.is_set():
        return True
    waiter: Waiter | None = occupant()
    if waiter is None:
        return clock.wait(latch, timeout)
    with blocking(), waiter.outside_its_code():
        return _listen(waiter, latch, timeout, clock, give_up)


def _listen(
    waiter: Waiter, latch: Latch, timeout: float | None, clock: Clock, give_up: Callable[[Any], None] | None
) -> bool:
    due = None if timeout is None else clock.monotonic() + timeout
    in_time = True
    while in_time and not latch.is_set():
        rung = Latch()
        ring = rung.set
        waiter.mailbox.alarm = ring  # first hang up the alarm, then look: what comes in between rings it
        latch.on_set(ring)
        try:
            if waiter.kill_requested:
                raise Kill
            if give_up is not None:
                give_up(waiter)
            in_time = clock.wait(rung, None if due is None else max(0.0, due - clock.monotonic()))
        finally:
            waiter.mailbox.alarm = None
            latch.forget(ring)
    return latch.is_set()


def undisturbed() -> AbstractContextManager[None]:
    """Surround what an exception in the middle would break: none is raised here meanwhile, if this is an actor's code.

    Raises:
        Kill: the actor was killed before that, or during it.
    """
    waiter: Waiter | None = occupant()
    return nullcontext() if waiter is None else waiter.outside_its_code()
