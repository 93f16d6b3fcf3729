"""One BLAS thread for each layer, and a test that the BLAS library computes correctly.

Parallelism comes from the layers. A BLAS that splits a product over threads rounds it differently for each number of
threads. NumPy wheels with OpenBLAS 0.3.28 and 0.3.29 could return wrong results for ``A @ B.T`` called from several
threads at once, so products are compared once, before the first run of a process.

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
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from annex_actors.base.errors import AnnexError
from annex_actors.layers.kernels import NUMPY, Kernels


class BrokenBlasError(AnnexError):
    """The BLAS library returns wrong results when it is called from several threads."""


class _Pin:
    """The number of runs that need one thread. The setting belongs to the whole process, and so must this count.

    Of several runs at a time, the first one saves the setting and the last one restores it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._runs = 0
        self._limits: Any = None

    def set(self) -> None:
        """Count one run more, and pin where it is the first."""
        with self._lock:
            if not self._runs:
                self._limits = _libraries(len(sys.modules)).limit(limits=1, user_api="blas")
            self._runs += 1

    def restore(self) -> None:
        """Count one run less, and restore the setting where it was the last."""
        with self._lock:
            self._runs -= 1
            if not self._runs and self._limits is not None:
                self._limits.restore_original_limits()


_PIN = _Pin()


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """Return the process's numerical libraries, given how many modules it has imported.

    A search takes over a millisecond, ten times as long as a small prediction. Libraries come with modules, so those
    that an earlier search found are all there are until another module is imported.
    """
    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Pin every BLAS library of the process to one thread; restore the setting after the last of several runs.

    Raises:
        BrokenBlasError: see `self_test`.
    """
    self_test(NUMPY)
    with pinned_blas():
        yield


@contextmanager
def pinned_blas() -> Iterator[None]:
    """Do as `one_blas_thread` does, without its test, for work of one thread: it starts none itself."""
    _PIN.set()
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
def self_test(kernels: Kernels = NUMPY, rounds: int = 4) -> None:
    """Compare matrix products of two threads with those of one.

    Args:
        kernels: whose products.
        rounds: products for each thread.

    Raises:
        BrokenBlasError: they differ; the message says what to do.
    """
    numbers = np.random.default_rng(0)
    left = numbers.standard_normal((64, 96), dtype=np.float32)
    right = numbers.standard_normal((80, 96), dtype=np.float32)
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(2) as threads:
        expected = kernels.product(left, right.T)
        products = list(threads.map(lambda _: kernels.product(left, right.T), range(2 * rounds)))
    if not all(np.array_equal(expected, product) for product in products):
        library = blas_description() if kernels == NUMPY else kernels.description
        raise BrokenBlasError(
            f"expected equal matrix products from two threads, got different ones from {library}; "
            f"install another {kernels.name}: pip install -U {kernels.name}"
        )
