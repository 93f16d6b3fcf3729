"""The outcome of a question: a future gets it once, and a second attempt returns False."""

from __future__ import annotations

from queue import Full
from types import TracebackType
from typing import Any

import pykka

from supervisors.threads.timers import Timer


def resolve(future: pykka.ThreadingFuture[Any], value: Any) -> bool:
    """Give ``future`` its value; return False when it had an outcome already."""
    try:
        future.set(value)
    except Full:
        return False
    return True


def fail(future: pykka.ThreadingFuture[Any], error: BaseException) -> bool:
    """Make ``future`` raise ``error``; return False when it had an outcome already."""
    try:
        future.set_exception((type(error), error, error.__traceback__))
    except Full:
        return False
    return True


class Reply(pykka.ThreadingFuture[Any]):
    """A future that an error does not keep alive once it has been raised."""

    def get(self, *, timeout: float | None = None) -> Any:
        """Wait for the outcome and return it, or raise it.

        Args:
            timeout: seconds to wait; None waits for ever.

        Raises:
            pykka.Timeout: there is no outcome yet.
            Exception: the outcome is an error.
        """
        try:
            return super().get(timeout=timeout)
        except BaseException as error:
            # The error holds the frames that it passed, and they hold this future, which holds the error: a cycle that
            # would keep the variables of all callers. Pykka's frame is the one below ours.
            _clear_frame_below(error.__traceback__)
            raise
        finally:
            del self


def _clear_frame_below(traceback: TracebackType | None) -> None:
    if traceback is not None and traceback.tb_next is not None:
        traceback.tb_next.tb_frame.clear()


class TimedReply(Reply):
    """A reply that its timer fails, unless it has an outcome before."""

    def __init__(self) -> None:
        super().__init__()
        self.timer: Timer | None = None

    def set(self, value: Any = None) -> None:
        """Set the value, and cancel the timer."""
        super().set(value)
        self._cancel()

    def set_exception(self, exc_info: Any = None) -> None:
        """Set the error, and cancel the timer."""
        super().set_exception(exc_info)
        self._cancel()

    def _cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
