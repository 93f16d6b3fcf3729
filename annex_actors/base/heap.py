"""The heap of the C library."""

from __future__ import annotations

import ctypes

_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1
"""M_ARENA_MAX and so on of glibc's malloc.h."""

_LARGEST, _KEPT = 1 << 25, 1 << 26
"""Bytes: of the largest array for which glibc can be asked to use the heap, and of what the heap keeps at its end."""


def use_one_arena() -> None:
    """Let all threads of this process allocate from one heap, where the C library can be asked to; else do nothing.

    glibc gives each of several threads a heap of its own, an arena, and each keeps up to 64 MB of what was freed. After
    some trainings, each with threads of its own, that is a multiple of what a training needs. Threads of Python rarely
    allocate at the same time, as they hold the interpreter's lock. For programs that own their process; as in the
    environment, ``MALLOC_ARENA_MAX=1``.

    Source:
        mallopt(3).
    """
    _ask((_ARENA_MAX, 1))


def keep_what_is_freed() -> None:
    """Let this process keep memory that it frees, in one heap; where the C library cannot be asked to, do nothing.

    A layer allocates the same arrays in each step. By default glibc gives the end of the heap, or the mapping of an
    array, back to the system between two steps, and the system fills with zeros what it hands out again: a thousand
    pages of four KiB in a step of a wide layer. For a process that hosts one layer.

    Source:
        mallopt(3).
    """
    _ask((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _LARGEST), (_TRIM_THRESHOLD, _KEPT))


def _ask(*settings: tuple[int, int]) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in settings:
            mallopt(parameter, value)
