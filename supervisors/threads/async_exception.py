"""An exception raised in another thread: the only force that Python has over one."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from typing import Final

_START: Final = threading.Thread.start.__code__
_START_MS: Final = 100
"""Milliseconds that the start of a thread is given at most."""


def raise_in_thread(ident: int, error: type[BaseException]) -> bool:
    """Raise ``error`` in the thread ``ident`` when it next runs Python bytecode.

    A thread that waits inside C code (a lock, a sleep, a system call) gets it only when that returns, perhaps never.
    Code that catches `BaseException` may swallow it, and so does the interpreter itself when it comes in a destructor
    or in a callback of the garbage collector. This is a request and not a kill.

    While the thread starts another one, the interpreter knows both by the same identifier for a moment, and the new one
    would get the error, before it has begun: the start would never return. So this waits until that is over.

    Returns:
        Whether there was such a thread.

    Source:
        Python/C API, ``PyThreadState_SetAsyncExc``.
    """
    for _ in range(_START_MS):
        if not _is_starting_another(ident):
            break
        time.sleep(0.001)  # nothing in Python announces the end of that moment, so it is looked for
    hit: int = ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(error))
    return hit == 1


def _is_starting_another(ident: int) -> bool:
    frame = sys._current_frames().get(ident)
    while frame is not None:
        if frame.f_code is _START:
            return True
        frame = frame.f_back
    return False
