"""The heap of the C library."""

from __future__ import annotations

import ctypes

_ARENA_MAX = -8
"""M_ARENA_MAX of glibc's malloc.h."""


def use_one_arena() -> None:
    """Let all threads of this process allocate from one heap, where the C library can be asked to; else do nothing.

    glibc gives each of several threads a heap of its own, an arena, and each keeps up to 64 MB of what was freed. After
    some trainings, each with threads of its own, that is a multiple of what a training needs. Threads of Python rarely
    allocate at the same time, as they hold the interpreter's lock. For programs that own their process; as in the
    environment, ``MALLOC_ARENA_MAX=1``.

    Source:
        mallopt(3).
    """
    found = getattr(ctypes.CDLL(None), "mallopt", None)
    if found is not None:
        found(_ARENA_MAX, 1)
