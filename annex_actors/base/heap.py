"""The heap of the C library."""

from __future__ import annotations

import ctypes


def trim() -> None:
    """Give freed memory back to the system, where the C library can be asked to; elsewhere do nothing.

    glibc has an arena for each of several threads, and keeps what was freed in them: after trainings on other threads,
    hundreds of megabytes that no later thread may ever use.

    Source:
        malloc_trim(3).
    """
    found = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if found is not None:
        found(0)
