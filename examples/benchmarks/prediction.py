"""What a prediction costs: a call of `Learner.predict`, a call while actors are kept up, and a call that starts them.

The runtimes are interleaved, call by call, and their predictions are compared to the last bit with those of the inline
runtime. Medians and quartiles, in milliseconds.

    python -m examples.benchmarks.prediction [calls]     # 300 calls by default
    python -m examples.benchmarks.prediction --smoke
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack

import numpy as np

from annex_actors import Learner, Network, activation, dense, load, sequence
from annex_actors.base.types import Floats
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.prediction import Predict
from examples.benchmarks.measuring import arguments, print_peak_memory, summary

RUNTIMES = ["inline", "threads", "schedulers", "processes"]

SMALL, LARGE = sequence(dense(8), activation("relu"), dense(1)), sequence(dense(128), activation("relu"), dense(10))

MANY = 100_000
"""Samples of a call that starts actors."""

STARTS = 10
"""Of so many calls is one that starts actors: on processes it takes seconds."""


def learners(network: Network, data: str, cost: str) -> dict[str, Learner]:
    """Return a learner for each runtime, all with the same trained weights."""
    made = {host: Learner(network, cost=cost, runtime=host) for host in RUNTIMES}
    trained: Checkpoint = made["inline"].train(load(data), epochs=1, batch_size=4).checkpoint
    for each in made.values():
        each.checkpoint = trained
    return made


def compare(title: str, calls: Mapping[str, Predict], inputs: Floats, rounds: int) -> None:
    """Time all calls, one after another, for so many rounds; print the times, unless the bits differ."""
    expected = calls["inline"](inputs).tobytes()
    times: dict[str, list[float]] = {host: [] for host in calls}
    for _ in range(max(2, rounds)):
        for host, call in calls.items():
            began = time.perf_counter()
            outputs = call(inputs)
            times[host].append(1e3 * (time.perf_counter() - began))
            if outputs.tobytes() != expected:
                raise SystemExit(f"{title}: {host} predicts other bits than inline")
    print(f"{title}: the same bits")
    for host, taken in times.items():
        print(f"  {host:<12}{summary(taken)} ms", flush=True)


def measure(name: str, made: dict[str, Learner], few: Floats, many: Floats, rounds: int) -> None:
    """Measure one network."""
    compare(f"{name}, predict({len(few)})", {host: each.predict for host, each in made.items()}, few, rounds)
    with ExitStack() as stack:
        served = {host: stack.enter_context(each.serving()) for host, each in made.items()}
        compare(f"{name}, kept up, predict({len(few)})", served, few, rounds)
        compare(f"{name}, kept up, predict({len(many)})", served, many, rounds // STARTS)
    starting = {host: each.predict for host, each in made.items()}
    compare(f"{name}, started, predict({len(many)})", starting, many, rounds // STARTS // STARTS)


def main(rounds: int) -> None:
    """Measure the smallest network, and one for digits."""
    numbers = np.random.default_rng(0)
    small, large = numbers.random((MANY, 2), np.float32), numbers.random((MANY, 64), np.float32)
    measure("2-8-1", learners(SMALL, "xor", "sigmoid_cross_entropy"), small[:1], small, rounds)
    if rounds > STARTS:
        measure("64-128-10", learners(LARGE, "digits", "softmax_cross_entropy"), large[:256], large, rounds)
    print_peak_memory()


if __name__ == "__main__":
    smoke, given = arguments()
    main(2 if smoke else (given or [300])[0])
