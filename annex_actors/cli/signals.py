"""Ctrl-C and SIGTERM, alike but for the exit code."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Signals:
    """Raises KeyboardInterrupt in the main thread for SIGINT and SIGTERM while its block lasts.

    A signal that is ignored, as SIGINT is under ``nohup`` and for jobs in the background, stays ignored.

    Args:
        to_the_end: whether the process ends with the block; then a signal that comes later changes nothing any more.
    """

    def __init__(self, *, to_the_end: bool) -> None:
        self._to_the_end = to_the_end
        self._before: dict[int, object] = {}
        self._received: list[int] = []
        self._over = False

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._interrupt)
        return self

    def __exit__(self, *_exc_info: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._to_the_end else handler)  # type: ignore[arg-type]

    def exit_code(self) -> int:
        """Return the code for a process that the first signal ended, and raise for no further one."""
        self._over = True
        return 128 + (self._received or [signal.SIGINT])[0]

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._received.append(number)
        if not self._over:
            raise KeyboardInterrupt
