"""Answers: a future is settled once, and whoever comes second learns it."""

from __future__ import annotations

from queue import Full
from typing import TYPE_CHECKING, Any

import pykka

if TYPE_CHECKING:
    from supervisors.timers import Timer


def settle(future: pykka.ThreadingFuture[Any], value: Any) -> bool:
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


class TimedFuture(pykka.ThreadingFuture[Any]):
    """A future that its timer fails, unless it is settled before."""

    def __init__(self) -> None:
        super().__init__()
        self.timer: Timer | None = None

    def set(self, value: Any = None) -> None:
        """Settle it, and take the timer back."""
        super().set(value)
        self._cancel()

    def set_exception(self, exc_info: Any = None) -> None:
        """Fail it, and take the timer back."""
        super().set_exception(exc_info)
        self._cancel()

    def _cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
