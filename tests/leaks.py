"""What must not be left behind: threads, processes, open files, and files in shared memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

SHARED_MEMORY = Path("/dev/shm")
OPEN_FILES = Path("/proc/self/fd")


@contextmanager
def no_thread_left() -> Iterator[None]:
    """Check that after the block there are the threads that there were before it."""
    before = threading.enumerate()
    yield
    assert threading.enumerate() == before


@contextmanager
def nothing_left() -> Iterator[None]:
    """Check that no process, no thread, no open file and no file in shared memory outlives the block."""
    files, named = _entries(OPEN_FILES), set(os.listdir(SHARED_MEMORY))
    with no_thread_left():
        yield
    assert psutil.Process().children(recursive=True) == []
    assert _entries(OPEN_FILES) == files
    assert set(os.listdir(SHARED_MEMORY)) == named


def _entries(folder: Path) -> int:
    return len(os.listdir(folder)) if folder.is_dir() else 0
