"""How many steps a second the smallest network takes, 2-8-1 with one sample in a step: what a step costs besides NumPy.

The programs are interleaved, a block of steps of each in every round, and ratios are taken within a round; printed are
medians and quartiles.

    python -m examples.benchmarks.small_steps [rounds] [steps]     # 7 rounds of 2,000 steps by default
    python -m examples.benchmarks.small_steps --smoke
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import numpy as np

from annex_actors import Dataset, Event, Learner, Samples, Sgd, StepFinished, activation, dense, load, sequence
from annex_actors.base.types import Floats
from annex_actors.data import sample_order
from examples.benchmarks.measuring import arguments, print_peak_memory, summary

Block = Callable[[int], float]
"""Trains so many steps and returns how many it took a second."""

NETWORK, RATE = sequence(dense(8), activation("tanh"), dense(1), activation("sigmoid")), 0.05

BASE = "plain NumPy"

OURS: Mapping[str, Mapping[str, Any]] = {
    "inline, one stage": {"runtime": "inline", "stages": 1},
    "threads, one stage": {"runtime": "threads", "stages": 1},
    "schedulers, one stage": {"runtime": "schedulers", "stages": 1},
    "the default": {},
    "processes, one stage": {"runtime": "processes", "stages": 1},
}
"""What is not as by default."""


def samples(steps: int) -> Samples:
    """Return the rows of exclusive or again and again, one for each step."""
    table = load("xor").train
    rows = np.resize(np.arange(len(table)), steps)
    return Samples(table.inputs[rows], table.targets[rows])


def plain_numpy(steps: int) -> float:
    """Train a loop in plain NumPy: the same network, cost and update."""
    data = samples(steps)
    numbers = np.random.default_rng(0)
    first, last = (numbers.uniform(-1, 1, shape).astype(np.float32) for shape in ((2, 8), (8, 1)))
    first_bias, last_bias = np.zeros(8, np.float32), np.zeros(1, np.float32)
    rate = np.float32(RATE)
    targets: Floats = data.targets.astype(np.float32)
    order = sample_order(steps, 0, 0)
    began = time.perf_counter()
    for row in order:
        inputs = data.inputs[row : row + 1]
        hidden = np.tanh(inputs @ first + first_bias)
        outputs = 1 / (1 + np.exp(-(hidden @ last + last_bias)))
        gradient = 2 * (outputs - targets[row]) * outputs * (1 - outputs)
        below = (gradient @ last.T) * (1 - hidden * hidden)
        last -= rate * (hidden.T @ gradient)
        last_bias -= rate * gradient[0]
        first -= rate * (inputs.T @ below)
        first_bias -= rate * below[0]
    return steps / (time.perf_counter() - began)


class Stopwatch:
    """An observer that notes when the first and the last step's cost were known."""

    def __init__(self) -> None:
        self.steps, self.first, self.last = 0, 0.0, 0.0

    def on_event(self, event: Event) -> None:
        """Take one event in."""
        if isinstance(event, StepFinished):
            self.first = self.first or event.time
            self.last = event.time
            self.steps += 1

    @property
    def steps_a_second(self) -> float:
        """The steps after the first one by the time that they took."""
        return (self.steps - 1) / (self.last - self.first)


def ours(settings: Mapping[str, Any]) -> Block:
    """Return a block that trains one epoch here, a sample in a step."""

    def block(steps: int) -> float:
        given: Mapping[str, Any] = {"cost": "mean_squared_error", "optimizer": Sgd(learning_rate=RATE), **settings}
        stopwatch, test = Stopwatch(), load("xor").test
        data = Dataset("xor", samples(steps), test, ("false", "true"), None, "again and again")
        Learner(NETWORK, **given).train(data, epochs=1, batch_size=1, observers=[stopwatch])
        return stopwatch.steps_a_second

    return block


def main(rounds: int, steps: int, programs: Mapping[str, Block]) -> None:
    """Run all programs for so many rounds and print what each took."""
    rates: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, block in programs.items():
            rates[name].append(block(steps))
    print(f"2-8-1, one sample in a step: steps a second, and times {BASE}")
    for name, taken in rates.items():
        ratio = median(one / base for one, base in zip(taken, rates[BASE], strict=True))
        print(f"  {name:<24}{summary(taken)}   {ratio:.3f}", flush=True)
    print_peak_memory()


if __name__ == "__main__":
    smoke, given = arguments()
    rounds, steps = (2, 50) if smoke else (*given, *(7, 2000)[len(given) :])
    main(rounds, steps, {BASE: plain_numpy, **{name: ours(settings) for name, settings in OURS.items()}})
