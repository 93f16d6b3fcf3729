"""How long the simulator takes, and how much memory, for more and more stages: its cost is that of the messages.

It counts a process's whole memory, so that each number of stages is simulated in a process of its own.

    python -m examples.benchmarks.simulation [stages …]     # 100, 1,000, 3,000 and 10,000 by default
    python -m examples.benchmarks.simulation --smoke
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Iterable

from annex_actors import simulate
from examples.benchmarks.measuring import arguments, print_peak_memory

MICROBATCHES = 64


def measured(stages: int) -> tuple[float, int, float]:
    """Return seconds, messages, and MiB of the whole process, which simulates this and nothing else."""
    began = time.perf_counter()
    simulation = simulate("1f1b", stages=stages, microbatches=MICROBATCHES, pieces=False)
    seconds = time.perf_counter() - began
    return seconds, simulation.messages, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(sizes: Iterable[int]) -> None:
    """Run the benchmark, each size in a process of its own."""
    print(f"1f1b, {MICROBATCHES} microbatches, one step")
    print(f"{'stages':>8}{'messages':>12}{'seconds':>10}{'µs a message':>14}{'MiB':>8}")
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for stages in sizes:
            seconds, messages, memory = pool.apply(measured, (stages,))
            print(f"{stages:8,}{messages:12,}{seconds:10.1f}{1e6 * seconds / messages:14.1f}{memory:8.0f}", flush=True)
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    main([10] if smoke else numbers or [100, 1_000, 3_000, 10_000])
