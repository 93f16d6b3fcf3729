"""What a profile was measured on: another processor, or another version of what computes, makes other times."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from annex_actors.base.words import counted
from annex_actors.layers import NUMPY, Kernels
from annex_actors.runtimes.blas import blas_description


def machine(kernels: Kernels = NUMPY) -> dict[str, str]:
    """Return by name: processor, cores that this process may use, system, versions, BLAS and ``kernels``."""
    return {
        "processor": _processor(),
        "cores": counted(cores(), "core"),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("annex-actors", "numpy", "pykka")},
        "blas": blas_description(),
        "kernels": kernels.description,
    }


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    """Return the processor's name, where the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
