"""Hold Ctrl-C back while work is done that must not be interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_Handler = Callable[[int, FrameType | None], object]


class Interrupts:
    """Holds back Ctrl-C, and SIGTERM if it has a handler, until the end of the block.

    ```
    with Interrupts() as interrupts:
        job = start()                       # held back
        try:
            with interrupts.let_through():  # raised here, also if it was held back before
                job.wait()
        finally:
            job.close()                     # held back
    ```

    Outside the main thread, which alone handles signals, it does nothing.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, _Handler] = {}
        self._held: list[int] = []

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
            self._handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
        self._hold()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._release()

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """Handle signals as outside the block; first raise the one that was held back, or the first of several."""
        try:
            self._release()
            yield
        finally:
            self._hold()

    def forget(self) -> None:
        """Drop the signals that were held back: the run has ended, as they asked."""
        self._held.clear()

    def _hold(self) -> None:
        for number in self._handlers:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._held.append(number)

    def _release(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        held, self._held = self._held, []
        for number in held[:1]:
            signal.raise_signal(number)
