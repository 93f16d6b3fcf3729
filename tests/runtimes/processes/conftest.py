"""What must hold after every test of processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import psutil
import pytest


def open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Check that no process, no thread, no open file and no file with a name outlives a run."""
    threads, files, named = threading.enumerate(), open_files(), set(os.listdir("/dev/shm"))
    yield
    assert threading.enumerate() == threads
    assert psutil.Process().children(recursive=True) == []
    assert open_files() == files
    assert set(os.listdir("/dev/shm")) == named
