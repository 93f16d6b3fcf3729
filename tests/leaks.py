"""What must not be left behind: threads, processes, open files, and files in shared memory."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

SHARED_MEMORY = Path("/dev/shm")
OPEN_FILES = Path("/proc/self/fd")


@contextmanager
def no_collector() -> Iterator[None]:
    """Collect no garbage within the block, unless it calls `gc.collect`, which then walks only what the block has made.

    A process that has run thousands of tests holds millions of objects: to walk them takes most of a second.
    """
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()


@contextmanager
def no_thread_left() -> Iterator[None]:
    """Check that after the block there is no thread that was not there before it; one of those may have ended."""
    before = threading.enumerate()
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    assert not left, f"threads are left: {left}"


@contextmanager
def nothing_left() -> Iterator[None]:
    """Check that no process, no thread, no open file and no file in shared memory outlives the block.

    What was there before the block may be gone after it: garbage of earlier tests is freed at any time.
    """
    files = _open_files()
    with no_shared_memory_left(), no_thread_left():
        yield
    processes = psutil.Process().children(recursive=True)
    assert not processes, f"processes are left: {processes}"
    left = [name for key, name in _open_files().items() if key not in files]
    assert not left, f"open files are left: {left}"


@contextmanager
def no_shared_memory_left() -> Iterator[None]:
    """Check that no file in shared memory outlives the block."""
    named = set(os.listdir(SHARED_MEMORY))
    yield
    left = [name for name in set(os.listdir(SHARED_MEMORY)) - named if not _belongs_to_another_program(name)]
    assert not left, f"shared memory is left: {left}"


def _open_files() -> dict[tuple[int, int, int], str]:
    """Return what the open files refer to, by descriptor, device and inode: a file that is deleted stays the same."""
    found = {}
    for fd in os.listdir(OPEN_FILES) if OPEN_FILES.is_dir() else ():
        with suppress(OSError):  # the list itself was an open file
            status = os.fstat(int(fd))
            found[int(fd), status.st_dev, status.st_ino] = os.readlink(OPEN_FILES / fd)
    return found


def _belongs_to_another_program(name: str) -> bool:
    """Return whether a file in shared memory, which all programs share, is gone again or mapped by another program."""
    path = str(SHARED_MEMORY / name)
    others = (other for other in psutil.process_iter() if other.pid != os.getpid())
    return not os.path.exists(path) or any(path in _maps(other.pid) for other in others)


def _maps(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/maps").read_text(errors="replace")
    return ""
