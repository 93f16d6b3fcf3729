"""Torch, an extra that not every installation has, as a library that layers may compute with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from annex_actors.base.errors import ConfigError


def imported(what: str) -> Any:
    """Return torch.

    Args:
        what: what it is for, for the error.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise ConfigError(f"expected torch for {what}, got none; pip install 'annex-actors[torch]'") from error
    read_only = np.empty(0, np.float32)
    read_only.flags.writeable = False
    with warnings.catch_warnings():
        # Torch warns of a read-only array once per process. All arrays here are read-only, and none is written to.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        torch.from_numpy(read_only)
    return torch


def description() -> str:
    """Return version and vector instructions in use, such as ``torch 2.13.0 (AVX512)``: what its bits depend on."""
    import torch

    return f"torch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()})"


@contextmanager
def one_thread() -> Iterator[Any]:
    """Yield torch, which computes on the calling thread alone meanwhile; how many threads share a sum decides bits."""
    import torch

    threads = torch.get_num_threads()  # of the calling thread; each sets its own number
    if threads == 1:
        yield torch
        return
    torch.set_num_threads(1)
    try:
        yield torch
    finally:
        torch.set_num_threads(threads)
