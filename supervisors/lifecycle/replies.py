"""The outcome of a question: a future gets it once, and a second attempt returns False."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from functools import partial
from queue import Full
from types import TracebackType
from typing import Any, NamedTuple, cast

import pykka

from supervisors.lifecycle._pykka import FutureSeam
from supervisors.lifecycle.waiting import wait_for
from supervisors.rules.errors import DeadlineExceeded
from supervisors.rules.options import waiting_time
from supervisors.threads.coroutines import latch_is_set
from supervisors.threads.latch import Latch
from supervisors.threads.occupied import occupant
from supervisors.threads.timers import Timer, Timers


def resolve(future: pykka.Future[Any], value: Any) -> bool:
    """Give ``future`` its value; return False when it had an outcome already."""
    try:
        future.set(value)
    except Full:
        return False
    return True


def fail(future: pykka.Future[Any], error: BaseException) -> bool:
    """Make ``future`` raise ``error``; return False when it had an outcome already."""
    try:
        future.set_exception((type(error), error, error.__traceback__))
    except Full:
        return False
    return True


class Refusal(NamedTuple):
    """The answer of a handler that refuses a question: an error for the one that asked, and no crash."""

    error: BaseException


class Outcome(NamedTuple):
    """What a question came to: a value, or an error with the traceback that it had then."""

    value: Any
    error: BaseException | None = None
    traceback: TracebackType | None = None


class Reply(FutureSeam):
    """A future that gets its outcome once, and that an error does not keep alive once it has been raised.

    Args:
        give_up: see `wait_for`; None for never.
    """

    def __init__(self, give_up: Callable[[Any], None] | None = None) -> None:
        super().__init__()
        self._give_up = give_up
        self._done = Latch()
        self._outcomes: dict[None, Outcome] = {}  # the first stands, and is put in by one step of the interpreter

    @property
    def has_outcome(self) -> bool:
        """Whether there is an answer, or an error."""
        return self._done.is_set()

    def get(self, *, timeout: float | None = None) -> Any:
        """Wait for the outcome and return it, or raise it.

        Args:
            timeout: seconds to wait; None waits for ever.

        Raises:
            pykka.Timeout: there is no outcome yet.
            RuntimeError: the actor that waits is the one that was asked, or one that this waits for.
            Exception: the outcome is an error.
        """
        try:
            if timeout is not None:
                timeout = waiting_time(timeout)
            if self.is_made_of_another:
                return self.get_from_other(timeout)
            if not self._done.is_set():
                self._wait(timeout)
            if self._outcomes[None].error is None:
                return self._outcomes[None].value
            # Nothing but `self` may name the error here: what is raised keeps this frame.
            raise cast(BaseException, self._outcomes[None].error).with_traceback(self._outcomes[None].traceback)
        finally:
            del self  # what is raised keeps this frame, and this future what is raised

    def _wait(self, timeout: float | None) -> None:
        if not wait_for(self._done, timeout, give_up=self._give_up):
            raise _too_late(timeout)

    async def outcome(self, timeout: float | None = None) -> Any:
        """Wait for the outcome and return it, or raise it; the event loop goes on meanwhile.

        Args:
            timeout: seconds to wait; None waits for ever.

        Raises:
            pykka.Timeout: there is no outcome yet.
            RuntimeError: the event loop runs in the code of the actor that was asked, or of one that this waits for.
            Exception: the outcome is an error.
        """
        timeout = waiting_time(timeout)
        if self._give_up is not None and not self._done.is_set() and (waiter := occupant()) is not None:
            self._give_up(waiter)
        if self.is_made_of_another:
            import asyncio

            return await asyncio.to_thread(self.get, timeout=timeout)
        if not await latch_is_set(self._done, timeout):
            raise _too_late(timeout)
        try:
            return self.get()
        finally:
            del self  # as in `get`

    def __await__(self) -> Generator[Any, None, Any]:
        return self.outcome().__await__()

    def set(self, value: Any = None) -> None:
        """Set the value."""
        self._settle(Outcome(value))

    def set_exception(self, exc_info: Any = None) -> None:
        """Set the error; by default the one that is being handled."""
        _, error, traceback = sys.exc_info() if exc_info is None else exc_info
        self._settle(Outcome(None, error, traceback))

    def set_get_hook(self, func: Callable[[float | None], Any]) -> None:
        """Have ``func`` make the outcome, when it is asked for."""
        if self._done.is_set():
            raise Full
        self.make_of_other(func)

    def _settle(self, outcome: Outcome) -> None:
        if self.is_made_of_another:
            raise Full
        first = self._outcomes.setdefault(None, outcome)
        self._give_up = None  # it holds the actor that was asked
        self._done.set()  # also where another was first: a kill may have come between these lines
        if first is not outcome:
            raise Full


class TimedReply(Reply):
    """A reply that fails at its deadline, unless it has an outcome before."""

    _timer: Timer | None = None

    def expire(self, timers: Timers, delay_s: float, error: DeadlineExceeded) -> None:
        """Fail with ``error`` in ``delay_s`` seconds."""
        self._timer = timers.after(delay_s, partial(_fail_late, self, error))
        if self.has_outcome:  # it came before the timer was there to be cancelled
            self._timer.cancel()

    def _settle(self, outcome: Outcome) -> None:
        super()._settle(outcome)
        if self._timer is not None:
            self._timer.cancel()


def _too_late(timeout: float | None) -> pykka.Timeout:
    unit = "second" if timeout == 1 else "seconds"  # in Pykka's words
    return pykka.Timeout(f"{timeout:g} {unit}")


def _fail_late(reply: Reply, error: DeadlineExceeded) -> None:
    fail(reply, error)
