"""How near predicted steps come to measured ones: of layers whose work is a calibrated wait, and of real layers.

Waits need no core, so what is left of the error there is what the simulator knows of schedules, hops and threads. With
real layers it has the profile of each layer on one core, two cores that share their memory, and how far two other plans
of the same network were from their prediction. Blocks of all plans of a network are interleaved, in rounds; times are
the medians of the rounds, and weights are compared.

    python -m examples.benchmarks.predicted [rounds]      # 7 rounds by default
    python -m examples.benchmarks.predicted --smoke
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from annex_actors import Dataset, Learner, Network, activation, parse_layers, sequence
from annex_actors.experiments.comparison import Comparison, compare
from annex_actors.placement.plan import Plan, PlannedStage
from annex_actors.placement.profile import Hop, LayerProfile, Profile, Timing
from annex_actors.profiling import measure_hop
from annex_actors.runtimes import Runtime, ThreadsRuntime
from annex_actors.runtimes.cost_model import LayerTimes
from annex_actors.runtimes.delayed_links import DelayedLinks
from annex_actors.runtimes.slowed_layers import SlowedLayers
from annex_actors.training.stages import Stages
from examples.benchmarks.measuring import arguments, print_peak_memory

NONE = Timing(0.0, 0.0, 0.0)

SCHEDULES = ("gpipe", "1f1b", "zb-h1", "pipedream", "2bw")


@dataclass(frozen=True)
class Real:
    """A network to train on random numbers, and the plans to compare."""

    layers: str
    features: int
    batch: int
    microbatches: int
    plans: tuple[Stages, ...]


REAL = (
    Real("dense:512 relu dense:512 relu dense:10", 784, 256, 4, (2, 3, "1,4")),
    Real("dense:1024 relu dense:1024 relu dense:10", 784, 128, 2, (2, 3, "1,4")),
    Real("dense:256 tanh dense:256 tanh dense:256 tanh dense:10", 64, 128, 4, (2, 3, "1,1,5")),
    Real("dense:64 relu dense:10", 64, 32, 2, (2, "1,2", "2,1")),
)
"""None of the plans is one that `annex_actors.experiments.calibration` trains with."""


def random_samples(features: int, count: int) -> Dataset:
    """Return random samples of ten classes."""
    numbers = np.random.default_rng(0)
    inputs = numbers.standard_normal((count, features), dtype=np.float32)
    return Dataset.from_arrays(inputs, np.arange(count) % 10, test_fraction=0.1, seed=0)


def waiting(
    seed: int, rounds: int, hop: Hop, runtime: Runtime, delayed: DelayedLinks | None = None
) -> tuple[str, Comparison]:
    """Return what is predicted and measured of a random network of waits, cut at random places."""
    random = Random(seed)
    layers, parts, schedule = random.randint(3, 8), random.choice((1, 2, 4)), SCHEDULES[seed % len(SCHEDULES)]
    waits = {index: LayerTimes(*(random.uniform(0.002, 0.01) for _ in range(4))) for index in range(layers)}
    plan = _cut(layers, random)
    found = compare_waits(plan, waits, rounds, hop, runtime, delayed, schedule=schedule, microbatches=parts)
    return f"{layers} waits, {schedule}, m={parts}", found


def compare_waits(
    plan: Plan,
    waits: Mapping[int, LayerTimes],
    rounds: int,
    hop: Hop,
    runtime: Runtime,
    delayed: DelayedLinks | None,
    *,
    schedule: str,
    microbatches: int,
) -> Comparison:
    """Return what is predicted and measured of a plan of layers that only wait."""
    network = sequence(*(activation("linear") for _ in waits))
    names = [*(layer.spec() for layer in network.layers), "mean_squared_error"]
    layers = tuple(LayerProfile(name, NONE, NONE, NONE, NONE, 8, 0, 0) for name in names)
    samples = np.zeros((16 * microbatches, 2), np.float32)
    learner = Learner(network, cost="mean_squared_error", schedule=schedule, microbatches=microbatches, runtime=runtime)
    return compare(
        learner.spec,
        Dataset.from_arrays(samples, samples, test_fraction=0.25, seed=0),
        [plan],
        batch_size=4 * microbatches,
        measure=True,
        rounds=rounds,
        seconds=1.0 * rounds,
        slowed=SlowedLayers(waits=waits),
        delayed=delayed,
        known=Profile(4, layers, {runtime.name: hop}, {}),
    )


def _cut(layers: int, random: Random) -> Plan:
    """Return a plan with two to four stages."""
    cuts = sorted(random.sample(range(1, layers), min(random.randint(1, 3), layers - 1)))
    edges = [0, *cuts, layers + 1]
    return Plan(tuple(PlannedStage(stop - start) for start, stop in pairwise(edges)))


def real(case: Real, rounds: int, seconds: float) -> Comparison:
    """Return what is predicted and measured of a network and its plans, on as many threads as there are cores."""
    network: Network = parse_layers(case.layers)
    learner = Learner(network, microbatches=case.microbatches, schedule="1f1b", runtime="schedulers")
    return compare(
        learner.spec,
        random_samples(case.features, 12 * case.batch),
        case.plans,
        batch_size=case.batch,
        measure=True,
        rounds=rounds,
        seconds=seconds,
    )


def show(what: str, found: Comparison) -> list[float]:
    """Print a line for each plan, and return the errors, without their signs."""
    errors = []
    for each in found.plans:
        assert each.measured is not None
        assert each.error is not None
        low, middle, high = (1e3 * value for value in (each.measured.low, each.measured.median, each.measured.high))
        print(
            f"{what:58}{each.name:>16}{1e3 * each.predicted.seconds:10.2f}{middle:10.2f}"
            f"  ({low:.2f} to {high:.2f}){100 * each.error:+7.1f} %",
            flush=True,
        )
        errors.append(abs(each.error))
    return errors


def report(title: str, comparisons: Iterable[tuple[str, Comparison]]) -> None:
    """Print a table, and the median of its errors."""
    print(f"\n{title:58}{'plan':>16}{'predicted':>10}{'measured':>10}  ms a step")
    errors: list[float] = []
    for what, found in comparisons:
        errors += show(what, found)
    print(f"median error {100 * median(errors):.1f} %, largest {100 * max(errors):.1f} %")


def main(rounds: int, seeds: Sequence[int], cases: Sequence[Real], seconds: float) -> None:
    """Run the benchmark."""
    threads = ThreadsRuntime()
    hop = measure_hop(threads, seconds=min(seconds, 2.0))
    report("layers that wait", (waiting(seed, rounds, hop, threads) for seed in seeds))
    with TemporaryDirectory() as cache:  # profiles of another hour, with other load, would not do
        os.environ["XDG_CACHE_HOME"] = cache
        report("real layers", ((each.layers, real(each, rounds, seconds)) for each in cases))
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    if smoke:
        main(1, [0], [Real("dense:8 relu dense:10", 8, 8, 2, (2,))], 0.1)
    else:
        main(numbers[0] if numbers else 7, range(10), REAL, 20.0)
