"""From which size of a layer on actors on Ray pay off, beside processes and schedulers: two stages against one thread.

For each size, four dense layers of as many features are trained by two actors, with two microbatches of 64 samples. The
runtimes are interleaved, a block of steps of each in every round, and ratios to `inline` are taken within a round; Ray
is started once, on this machine. Printed are medians and quartiles.

    python -m examples.benchmarks.on_ray [rounds] [features ...]     # 5 rounds of 64, 256, 1024 and 2048 by default
    python -m examples.benchmarks.on_ray --smoke
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import median

from annex_actors import Event, Learner, Sgd, StepFinished
from annex_actors.runtimes import RayRuntime
from examples.benchmarks.measuring import arguments, print_peak_memory, summary
from examples.benchmarks.networks import Task

BATCH, LAYERS, WARM_UP = 128, 4, 3

BASE = "inline"

STAGES: Mapping[str, int] = {BASE: 1, "schedulers": 2, "processes": 2, "ray": 2}
"""The runtimes, and how many actors each has."""

BLOCK_S, FEWEST, MOST = 1.0, 12, 200
"""Seconds of a block, about, and how many steps it has."""


class Stopwatch:
    """An observer that notes when the cost of each step was known."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_event(self, event: Event) -> None:
        """Take one event in."""
        if isinstance(event, StepFinished):
            self.times.append(event.time)

    @property
    def step_s(self) -> float:
        """The mean of the steps after the first ones."""
        times = self.times[WARM_UP:]
        return (times[-1] - times[0]) / (len(times) - 1)


def block(name: str, features: int, steps: int) -> tuple[float, str]:
    """Train so many steps; return the seconds of one, and the fingerprint of the weights."""
    task, stopwatch = Task((features,) * (LAYERS + 1), BATCH, learning_rate=0.01), Stopwatch()
    learner = Learner(
        task.network, optimizer=Sgd(learning_rate=task.learning_rate), microbatches=2, runtime=name, stages=STAGES[name]
    )
    result = learner.train(task.dataset(steps), epochs=1, batch_size=BATCH, observers=[stopwatch])
    return stopwatch.step_s, result.checkpoint.weights_sha256


def measure(features: int, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return how long a step took on each runtime in each round."""
    first, _ = block(BASE, features, FEWEST)
    steps = int(min(max(FEWEST, seconds / first), MOST))
    times: dict[str, list[float]] = {name: [] for name in STAGES}
    weights = set()
    for _ in range(rounds):
        for name in STAGES:
            taken, fingerprint = block(name, features, steps)
            times[name].append(taken)
            weights.add(fingerprint)
    assert len(weights) == 1, "all runtimes make the same weights"
    return times


def show(features: int, times: Mapping[str, list[float]]) -> dict[str, float]:
    """Print one size; return how many times as fast as the base each runtime is."""
    print(f"\n{LAYERS} layers {features}-{features}, batch {BATCH}: ms a step, and times as fast as {BASE}")
    faster = {}
    for name, taken in times.items():
        ratios = [base / each for base, each in zip(times[BASE], taken, strict=True)]
        faster[name] = median(ratios)
        print(f"  {name:12}{summary([1e3 * each for each in taken]):>34}{summary(ratios):>30}", flush=True)
    return faster


def main(rounds: int, sizes: Sequence[int], seconds: float) -> None:
    """Measure all sizes, and print from which on each runtime pays off."""
    began = time.perf_counter()
    with RayRuntime().kept_up():
        print(f"Ray was up after {time.perf_counter() - began:.1f} s")
        faster = {features: show(features, measure(features, rounds, seconds)) for features in sizes}
    print()
    for name in STAGES:
        if name != BASE:
            paying = [
                features for features in sizes if all(faster[each][name] > 1 for each in sizes if each >= features)
            ]
            print(f"{name} pays off from {min(paying)} features on" if paying else f"{name} pays off at none of these")
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    if smoke:
        main(2, [8], 0.0)
    else:
        main(numbers[0] if numbers else 5, numbers[1:] or [64, 256, 1024, 2048], BLOCK_S)
