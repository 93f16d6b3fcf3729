"""An exception raised in another thread: the only force that Python has over one."""

from __future__ import annotations

import ctypes


def raise_in_thread(ident: int, error: type[BaseException]) -> bool:
    """Raise ``error`` in the thread ``ident`` when it next runs Python bytecode.

    A thread that waits inside C code (a lock, a sleep, a system call) gets it only when that returns, perhaps never.
    Code that catches `BaseException` may swallow it, and so does the interpreter itself when it comes in a destructor
    or in a callback of the garbage collector. This is a request and not a kill.

    Returns:
        Whether there was such a thread.

    Source:
        Python/C API, ``PyThreadState_SetAsyncExc``.
    """
    hit: int = ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(error))
    return hit == 1
