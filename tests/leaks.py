"""What must not be left behind: threads, processes, open files, and files in shared memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

SHARED_MEMORY = Path("/dev/shm")
OPEN_FILES = Path("/proc/self/fd")


@contextmanager
def no_thread_left() -> Iterator[None]:
    """Check that after the block there is no thread that was not there before it; one of those may have ended."""
    before = threading.enumerate()
    yield
    assert [thread for thread in threading.enumerate() if thread not in before] == []


@contextmanager
def nothing_left() -> Iterator[None]:
    """Check that no process, no thread, no open file and no file in shared memory outlives the block.

    What was there before the block may be gone after it: garbage of earlier tests is freed at any time.
    """
    files, named = _open_files(), set(os.listdir(SHARED_MEMORY))
    with no_thread_left():
        yield
    assert psutil.Process().children(recursive=True) == []
    assert _open_files() - files == set()
    assert set(os.listdir(SHARED_MEMORY)) - named == set()


def _open_files() -> set[tuple[str, str]]:
    """Return the descriptors of the open files, and what they refer to."""
    found = set()
    for fd in os.listdir(OPEN_FILES) if OPEN_FILES.is_dir() else ():
        with suppress(FileNotFoundError):  # the list itself was an open file
            found.add((fd, os.readlink(OPEN_FILES / fd)))
    return found
