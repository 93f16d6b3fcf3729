"""What a run must not leave behind: threads, processes, and another number of BLAS threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
from threadpoolctl import threadpool_info, threadpool_limits

from annex_actors.testing.promises import require


def blas_threads() -> dict[str, int]:
    """Return the number of threads of each BLAS library."""
    return {each["filepath"]: each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Require that the block leaves no thread and no process behind, and BLAS with as many threads as before."""
    with threadpool_limits(limits=2, user_api="blas"):
        threads, processes, blas = threading.enumerate(), _children(), blas_threads()
        yield
        left = [thread.name for thread in threading.enumerate() if thread not in threads]
        require(not left, f"expected no thread to be left behind, got {left}")
        left = [f"process {pid}" for pid in _left(processes)]
        require(not left, f"expected no process to be left behind, got {left}")
        now = {path: blas_threads()[path] for path in blas}
        require(now == blas, f"expected as many BLAS threads after a run as before it, {blas}, got {now}")


_ACTORS = ("RemoteWorker", "CommitStore")
"""The classes of a run's actors, which are in the titles of their processes."""


def _left(before: set[int]) -> set[int]:
    """Return the processes that are left; actors of Ray end a little later than Ray says that they are dead."""
    until = time.monotonic() + 10
    while (left := _children() - before) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def _children() -> set[int]:
    """Return the ids of all processes that descend from this one, but for those that Ray keeps for itself."""
    return {each.pid for each in psutil.Process().children(recursive=True) if not _is_rays_own(each)}


def _is_rays_own(process: psutil.Process) -> bool:
    """Return whether a process is one that Ray has in reserve, or of Ray's own work, and no actor of a run."""
    with suppress(psutil.Error):
        title = " ".join(process.cmdline())
        parent = process.parent()
        return parent is not None and parent.name() == "raylet" and not any(each in title for each in _ACTORS)
    return True
