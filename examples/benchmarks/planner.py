"""How long the planner takes for long chains: a plan, and why the second best lost.

The layers' seconds are random, F, B and W of each for itself, which leaves more plans to compare than real layers do.

    python -m examples.benchmarks.planner [layers workers]     # 100 on 8, 300 on 16 and 1,000 on 64 by default
    python -m examples.benchmarks.planner --smoke
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from random import Random
from typing import Any

from annex_actors.placement.planner import Chain, LayerCosts, Link, Problem, Worker, plan
from examples.benchmarks.measuring import arguments, print_peak_memory

CASES: Mapping[str, Mapping[str, Any]] = {
    "all exact schedules, m of 8, 32, 64": {},
    "the same, a step alone": {"objective": "time"},
    "1f1b, m = 8": {"schedules": ["1f1b"], "parts": [8]},
    "1f1b, m = 64": {"schedules": ["1f1b"], "parts": [64]},
    "gpipe, m = 64": {"schedules": ["gpipe"], "parts": [64]},
    "zb-h1, m = 64": {"schedules": ["zb-h1"], "parts": [64]},
    "pipedream, m = 1": {"schedules": ["pipedream"], "parts": [1]},
    "1f1b, m = 64, slow links": {"schedules": ["1f1b"], "parts": [64], "link": Link(5e-5)},
    "1f1b, m = 64, memory for half more than the least": {"schedules": ["1f1b"], "parts": [64], "spare": 0.5},
}


def problem(layers: int, workers: int, parts: list[int], settings: Mapping[str, Any]) -> Problem:
    """Return a problem whose layers take about a millisecond for F, B and W of a step each."""
    random = Random(0)
    steps = [[random.uniform(0.5e-3, 1.5e-3) for _ in range(3)] for _ in range(layers)]
    chains = {
        m: Chain(
            tuple(
                LayerCosts(f / m, b / m, w / m, 1e-5, 10**4, 10**6, 10**6 // m, factor_bytes=10**6 // m)
                for f, b, w in steps
            )
        )
        for m in parts
    }
    return Problem(chains, [Worker()] * workers, **{"link": Link(2e-6), "piece": 1e-5 / layers, **settings})


def measured(layers: int, workers: int, settings: Mapping[str, Any]) -> tuple[float, float, str]:
    """Return the seconds of a clock and of a processor, and what was planned."""
    settings = dict(settings)
    parts, spare = settings.pop("parts", [8, 32, 64]), settings.pop("spare", None)
    given = problem(layers, workers, parts, settings)
    if spare is not None:
        least = plan(problem(layers, workers, parts, {**settings, "objective": "memory"})).best.memory
        most = int(least + spare * least)
        given = Problem(given.chains, [Worker(memory=most)] * workers, given.link, given.piece, given.schedules)
    clock, processor = time.perf_counter(), time.process_time()
    best = plan(given).best
    seconds = time.perf_counter() - clock, time.process_time() - processor
    return *seconds, f"{best.schedule}, {len(best.stages)} stages, m = {best.microbatches}"


def main(sizes: list[tuple[int, int]]) -> None:
    """Run the benchmark."""
    for layers, workers in sizes:
        print(f"{layers:,} layers on {workers} workers: seconds, those of a processor, and the plan")
        for name, settings in CASES.items():
            seconds, processor, found = measured(layers, workers, settings)
            print(f"{name:50}{seconds:8.2f}{processor:8.2f}  {found}", flush=True)
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    default = [(12, 3)] if smoke else [(100, 8), (300, 16), (1_000, 64)]
    main([(numbers[0], numbers[1])] if len(numbers) > 1 else default)
