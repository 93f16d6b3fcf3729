"""Handle Ctrl-C and SIGTERM the same way, except for the exit code."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Signals:
    """Raises KeyboardInterrupt in the main thread for SIGINT and SIGTERM during the block.

    A signal that is ignored, as SIGINT is for background jobs, stays ignored.

    Args:
        until_exit: whether the process ends with the block; later signals are then ignored.
    """

    def __init__(self, *, until_exit: bool) -> None:
        self._until_exit = until_exit
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
            signal.signal(number, signal.SIG_IGN if self._until_exit else handler)  # type: ignore[arg-type]

    def exit_code(self) -> int:
        """Return the exit code for the first signal, and raise for no further signals."""
        self._over = True
        return 128 + (self._received or [signal.SIGINT])[0]

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._received.append(number)
        if not self._over:
            raise KeyboardInterrupt
