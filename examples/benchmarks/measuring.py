"""What every benchmark shares: its arguments, its numbers with their spread, and the memory that it took."""

from __future__ import annotations

import resource
import sys
from statistics import median, quantiles

SMOKE = "--smoke"
"""The argument that asks for the smallest size: it shows that a benchmark still runs, and measures nothing."""


def arguments() -> tuple[bool, list[int]]:
    """Return whether the smallest size is asked for, and the numbers on the command line."""
    given = sys.argv[1:]
    return SMOKE in given, [int(each) for each in given if each != SMOKE]


def summary(values: list[float]) -> str:
    """Return ``median (lower quartile to upper quartile)``."""
    low, _, high = quantiles(values, n=4, method="inclusive")
    return f"{median(values):8.2f} ({low:.2f} to {high:.2f})"


def print_peak_memory() -> None:
    """Print the most memory that this process took, and the most that one of its processes took which have ended."""
    own, child = (
        resource.getrusage(whose).ru_maxrss / 1024 for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(f"peak memory: {own:,.0f} MiB; of the largest process that it started: {child:,.0f} MiB", flush=True)
