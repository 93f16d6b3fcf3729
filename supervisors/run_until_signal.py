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
        signals: that stop it. A second one ends the wait.

    Returns:
        Why the tree ended; None if it had not when a second signal came.

    Raises:
        BadSpec: ``tree`` is no reference, and returns none.
        RuntimeError: this is not the main thread, the only one that gets signals.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("signals reach the main thread only; call run_until_signal there")
    news: SimpleQueue[int] = SimpleQueue()  # its `put` may interrupt itself, as in a handler it may
    with _handled(signals, news):
        tree = _root(tree)
        tree.actor_state.links.watch(lambda _reason: news.put(_ENDED))
        number = news.get()
        if number != _ENDED:
            name = signal.Signals(number).name
            logger.info("%s: %s is told to stop; another signal ends the wait", name, tree.actor_state.label)
            tree.stop(block=False)
            number = news.get()
    return tree.wait() if number == _ENDED else None


def _root(tree: Any) -> Ref[Any]:
    root = tree() if callable(tree) and not isinstance(tree, type) else tree
    if not isinstance(root, Ref):
        raise BadSpec(f"expected the reference of a tree, or a function that returns it, got {shown(root)}")
    return root


@contextmanager
def _handled(signals: Iterable[signal.Signals], news: SimpleQueue[int]) -> Iterator[None]:
    """Put the numbers of signals that come into ``news``; restore their handlers at the end."""

    def handle(number: int, _frame: FrameType | None) -> None:
        news.put(number)

    before = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
