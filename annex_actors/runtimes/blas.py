"""A pinned number of BLAS threads, and a test that the BLAS library computes correctly.

Parallelism comes from the layers, so a product has one thread, unless a plan says more. A BLAS that splits a product
over threads rounds it differently for each number of threads. So the number is the same wherever a run goes on, and
never that of the machine's cores. The setting belongs to the process: runs at the same time in one process have the
same number, and so have all stages of a run, which any runtime may host in one process.

NumPy wheels with OpenBLAS 0.3.28 and 0.3.29 could return wrong results for ``A @ B.T`` called from several threads at
once, so products are compared once, before the first run of a process.

Kernels other than NumPy's are not pinned here: they compute every product on one thread themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, lru_cache
from threading import Lock
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController, threadpool_info

from annex_actors.base.errors import AnnexError, ConfigError
from annex_actors.layers.kernels import NUMPY, Kernels


class BrokenBlasError(AnnexError):
    """The BLAS library returns wrong results when it is called from several threads."""


class _Pin:
    """The number of threads, and of runs that need it. The setting belongs to the whole process, and so must this.

    Of several runs at a time, the first one saves the setting and the last one restores it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._runs = 0
        self._threads = 1
        self._limits: Any = None

    def set(self, threads: int) -> None:
        """Count one run more, and pin where it is the first.

        Raises:
            ConfigError: see `blas_threads`.
        """
        with self._lock:
            if not self._runs:
                self._limits = _limits_to(threads)
                self._threads = threads
            elif threads != self._threads:
                raise ConfigError(
                    f"expected `blas_threads` to be {self._threads}, as of other work under way in this process, got "
                    f"{threads}; wait for that work to end, or do this in another process"
                )
            self._runs += 1

    def restore(self) -> None:
        """Count one run less, and restore the setting where it was the last."""
        with self._lock:
            self._runs -= 1
            if not self._runs and self._limits is not None:
                _take_control()
                self._limits.restore_original_limits()
                _take_control()


_PIN = _Pin()


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """Return the process's numerical libraries, given how many modules it has imported.

    A search takes over a millisecond, ten times as long as a small prediction. Libraries come with modules, so those
    that an earlier search found are all there are until another module is imported.
    """
    return ThreadpoolController()


def _limits_to(threads: int) -> Any:
    """Set the number of threads of every BLAS library; return what restores it.

    Raises:
        ConfigError: a library takes no such number, or there is none whose number can be set.
    """
    libraries = _libraries(len(sys.modules))
    _take_control()
    limits = libraries.limit(limits=threads, user_api="blas")
    taken = {each["num_threads"] for each in libraries.info() if each["user_api"] == "blas"} if threads > 1 else {1}
    if taken != {threads}:
        limits.restore_original_limits()
        most = f"at most {min(taken)}" if taken else "1"
        raise ConfigError(
            f"expected `blas_threads` to be {most} with {blas_description()}, got {threads}; ask for fewer"
        )
    return limits


def _take_control() -> None:
    """Let any thread set the number of threads.

    From its version 3.8 on, threadpoolctl ignores all threads but the first one that set a number, as long as that
    lives. A run may begin in one thread and end in another, and the next one begin in a third.
    """
    for library in _libraries(len(sys.modules)).lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


@contextmanager
def blas_threads(threads: int = 1) -> Iterator[None]:
    """Pin every BLAS library of the process to a number of threads; restore the setting after the last of several runs.

    Args:
        threads: on how many threads each product is computed, >= 1.

    Raises:
        BrokenBlasError: see `self_test`.
        ConfigError: the library does not take the number, or other runs in this process have another one.
    """
    self_test(NUMPY, threads)
    with pinned_blas(threads):
        yield


@contextmanager
def pinned_blas(threads: int = 1) -> Iterator[None]:
    """Do as `blas_threads` does, without its test, for work of one thread: it starts none itself."""
    _PIN.set(threads)
    try:
        yield
    finally:
        _PIN.restore()


def blas_description() -> str:
    """Return the BLAS libraries, versions and kernels in use, such as ``openblas 0.3.30 (Zen)``."""
    libraries = [each for each in threadpool_info() if each.get("user_api") == "blas"]
    lines = {f"{each['internal_api']} {each['version']} ({each.get('architecture', 'unknown')})" for each in libraries}
    return ", ".join(sorted(lines)) or "unknown"


@cache
def self_test(kernels: Kernels = NUMPY, threads: int = 1, rounds: int = 4) -> None:
    """Compare matrix products that two threads ask for with those that one asks for.

    Args:
        kernels: whose products.
        threads: on how many threads the BLAS library computes each.
        rounds: products for each thread.

    Raises:
        BrokenBlasError: they differ; the message says what to do.
        ConfigError: see `blas_threads`.
    """
    numbers = np.random.default_rng(0)
    left = numbers.standard_normal((64, 96), dtype=np.float32)
    right = numbers.standard_normal((80, 96), dtype=np.float32)
    with pinned_blas(threads), ThreadPoolExecutor(2) as pool:
        expected = kernels.product(left, right.T)
        products = list(pool.map(lambda _: kernels.product(left, right.T), range(2 * rounds)))
    if not all(np.array_equal(expected, product) for product in products):
        library = blas_description() if kernels == NUMPY else kernels.description
        raise BrokenBlasError(
            f"expected equal matrix products from two threads, got different ones from {library}; "
            f"install another {kernels.name}: pip install -U {kernels.name}"
        )
