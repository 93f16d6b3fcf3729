"""How far the work of actors is from the ideal: each schedule on threads, with work that waits for a known time.

Such work needs no core, so what is left is what messages and threads cost. The ideal is the simulator's, with the same
times and a worker for each stage. Times differ from layer to layer; no order of work depends on a tie.

    python -m examples.benchmarks.ideal [repetitions]      # 5 by default; the median is printed
    python -m examples.benchmarks.ideal --smoke
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from random import Random
from statistics import median

import numpy as np

from annex_actors import Dataset, Learner, Simulation, activation, sequence, simulate, trace
from annex_actors.protocol.instrument import Instrument, Point
from annex_actors.protocol.messages import WHOLE_STEP
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import ThreadsRuntime
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.schedules.table import DISCIPLINES
from annex_actors.stores import MemoryStore
from annex_actors.tracing.trace import Trace
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.session import start
from examples.benchmarks.measuring import arguments, print_peak_memory

STAGES, MICROBATCHES, STEPS = 4, 4, 3

Order = list[list[tuple[str, int, int]]]


class Waiter(Instrument):
    """Makes each piece of a layer's work take its time."""

    def __init__(self, times: Sequence[LayerTimes]) -> None:
        self._times = times

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        """Wait for the time of this work."""
        if layer < len(self._times) and point is not Point.COMMIT:
            whole = point is Point.WEIGHT_GRADIENT and microbatch == WHOLE_STEP
            time.sleep(getattr(self._times[layer], point.value) * (MICROBATCHES if whole else 1))


def ideal(schedule: str, times: Sequence[LayerTimes], latency: float = 0.0) -> Simulation:
    """Simulate a schedule with a worker for each stage, as on threads."""
    costs = CostModel(latency=latency, workers=range(STAGES))
    return simulate(schedule, stages=STAGES, microbatches=MICROBATCHES, steps=STEPS, times=times, costs=costs)


def calibrated(schedule: str) -> list[LayerTimes]:
    """Return times of 6 to 14 ms with which the order of work is the same if some work or messages are late."""
    for seed in count():
        numbers = Random(seed)
        times = [LayerTimes(*(numbers.uniform(0.006, 0.014) for _ in range(3))) for _ in range(STAGES)]
        order = order_of(ideal(schedule, times))
        late = ([_late(each, numbers) for each in times] for _ in range(8))
        if all(order_of(ideal(schedule, each, numbers.uniform(0, 0.002))) == order for each in late):
            return times
    raise AssertionError


def _late(times: LayerTimes, numbers: Random) -> LayerTimes:
    each = (times.forward, times.backward, times.weight_gradient)
    return LayerTimes(*(duration * numbers.uniform(1, 1.15) for duration in each))


def real(schedule: str, times: Sequence[LayerTimes]) -> Trace:
    """Return the trace of a training on threads whose work takes these times."""
    samples = np.zeros((2 * STEPS * MICROBATCHES, 2), np.float32)
    data = Dataset.from_arrays(samples, samples, test_fraction=0.5, seed=0)
    network = sequence(*(activation("linear") for _ in range(STAGES)))
    learner = Learner(
        network,
        cost="mean_squared_error",
        microbatches=MICROBATCHES,
        schedule=schedule,
        stages=STAGES,
        runtime=ThreadsRuntime(),
    )
    prepared = PreparedTraining.of(learner.spec, data, epochs=1, batch_size=MICROBATCHES)
    store = MemoryStore([stage_address(s) for s in range(STAGES)], depth=prepared.trainer.overlap + 1)
    with trace() as tracer:
        job = start(learner.spec, replace(prepared.program(store, ()), instruments=(Waiter(times),)))
        job.wait()
        job.close()
    return tracer.trace


def order_of(simulation: Simulation) -> Order:
    """Return the order in which each stage works in the simulator."""
    pieces = sorted(simulation.pieces, key=lambda each: each.start)
    return [
        [(each.work, each.step, each.microbatch) for each in pieces if each.stage == stage_address(s)]
        for s in range(STAGES)
    ]


def done(found: Trace) -> Order:
    """Return the order in which each stage did its work."""
    return [
        [(work.letter, work.step, work.microbatch) for work in found.work[stage_address(s)] if work.on_step]
        for s in range(STAGES)
    ]


def seconds_of(found: Trace) -> float:
    """Return how long the steps took, from the first piece of work to the last."""
    work = [each for s in range(STAGES) for each in found.work[stage_address(s)] if each.on_step]
    return max(each.end for each in work) - min(each.start for each in work)


def main(repetitions: int, schedules: Sequence[str]) -> None:
    """Run the benchmark."""
    print(
        f"{STAGES} stages on threads, {STEPS} steps of {MICROBATCHES} microbatches; work waits 6 to 14 ms a microbatch"
    )
    print(f"{'schedule':22}{'ideal ms':>10}{'real ms':>10}{'real / ideal':>14}  order")
    for schedule in schedules:
        times = calibrated(schedule)
        best = ideal(schedule, times)
        traces = [real(schedule, times) for _ in range(repetitions)]
        took, least = median(map(seconds_of, traces)), float(best.makespan)
        same = sum(done(each) == order_of(best) for each in traces)
        order = "the same" if same == repetitions else f"the same in {same} of {repetitions}"
        print(f"{schedule:22}{least * 1e3:10.1f}{took * 1e3:10.1f}{took / least:14.3f}  {order}", flush=True)
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    main(1 if smoke else (numbers or [5])[0], ["1f1b"] if smoke else sorted(DISCIPLINES))
