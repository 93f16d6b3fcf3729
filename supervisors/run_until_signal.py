"""The main thread of a program that is a tree: it waits, and a signal stops the tree in order."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType
from typing import Any, Final

from supervisors.lifecycle.ref import Ref
from supervisors.rules.errors import BadSpec
from supervisors.rules.printing import shown
from supervisors.rules.reasons import Reason

logger = logging.getLogger("supervisors")

_ENDED: Final = 0
"""The news that the tree has ended: no signal has this number."""


def run_until_signal(
    tree: Ref[Any] | Callable[[], Ref[Any]],
    *,
    signals: Iterable[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
) -> Reason | None:
    """Wait until the tree ends, or a signal comes: then stop the tree in order, and wait for its end.

    The threads of actors do not keep the interpreter alive: where the main thread ends, the process does, and no
    ``on_stop`` runs. So a program that is a tree ends with this call.

    Args:
        tree: the reference of the root; or a function that starts it and returns that, called when signals are waited
            for already: then none that comes during the start is lost.
        signals: that stop it. A second one ends the wait; during the start it is a `KeyboardInterrupt`.

    Returns:
        Why the tree ended; None if it had not when a second signal came.

    Raises:
        BadSpec: ``tree`` is no reference, and returns none.
        RuntimeError: this is not the main thread, the only one that gets signals.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("signals reach the main thread only; call run_until_signal there")
    news = _News()
    with news.of(signals):
        root = _root(tree)
        news.starting = False
        root.actor_state.links.watch(lambda _reason: news.queue.put(_ENDED))
        number = news.queue.get()
        if number != _ENDED:
            name = signal.Signals(number).name
            logger.info("%s: %s is told to stop; another signal ends the wait", name, root.actor_state.label)
            root.stop(block=False)
            number = news.queue.get()
    return root.wait() if number == _ENDED else None


def _root(tree: Any) -> Ref[Any]:
    root = tree() if callable(tree) and not isinstance(tree, type) else tree
    if not isinstance(root, Ref):
        raise BadSpec(f"expected the reference of a tree, or a function that returns it, got {shown(root)}")
    return root


class _News:
    """What the main thread waits for: signals, by their number, and the end of the tree."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[int] = SimpleQueue()  # its `put` may interrupt itself, as in a handler it may
        self.starting = True

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal; a second one during the start breaks that off."""
        self.queue.put(number)
        if self.starting and self.queue.qsize() > 1:
            raise KeyboardInterrupt

    @contextmanager
    def of(self, signals: Iterable[signal.Signals]) -> Iterator[None]:
        """Handle ``signals``; restore their handlers at the end."""
        before = {number: signal.signal(number, self.note) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
