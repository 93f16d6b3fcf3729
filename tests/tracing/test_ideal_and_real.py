"""Where the work of a stage is a wait of known length, the real order of work is that of the simulator."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import count
from random import Random

import numpy as np
import pytest

from annex_actors.experiments.simulation import Simulation, simulate
from annex_actors.layers import activation, sequence
from annex_actors.protocol.instrument import Instrument, Point
from annex_actors.protocol.messages import WHOLE_STEP
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import ThreadsRuntime
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.runtimes.tracing.kept import InMemory
from annex_actors.runtimes.tracing.scope import Scope
from annex_actors.runtimes.tracing.tracing import Tracing, activated
from annex_actors.schedules.table import DISCIPLINES
from annex_actors.tracing.gantt import real_bars
from annex_actors.tracing.ideal import times_of
from annex_actors.tracing.trace import Trace
from annex_actors.training.traced import traced
from tests.trainings import Training, carry_out

STAGES, MICROBATCHES, STEPS = 4, 4, 3

SLOWER, TRIES = 1.05, 6
"""How much slower the real steps may be, and how often this is tried: other programs delay the threads, too."""

Order = list[list[tuple[str, int, int]]]


class Waiter(Instrument):
    """Makes each piece of a layer's work take its time."""

    def __init__(self, times: Sequence[LayerTimes]) -> None:
        self._times = times

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        if layer < len(self._times) and point is not Point.COMMIT:
            whole = point is Point.WEIGHT_GRADIENT and microbatch == WHOLE_STEP
            time.sleep(getattr(self._times[layer], point.value) * (MICROBATCHES if whole else 1))


def simulated(schedule: str, times: Sequence[LayerTimes], latency: float = 0.0) -> Simulation:
    """Simulate a schedule with a worker for each stage, as on threads."""
    costs = CostModel(latency=latency, workers=range(STAGES))
    return simulate(schedule, stages=STAGES, microbatches=MICROBATCHES, steps=STEPS, times=times, costs=costs)


def order_of(simulation: Simulation) -> Order:
    pieces = sorted(simulation.pieces, key=lambda each: each.start)
    return [
        [(each.work, each.step, each.microbatch) for each in pieces if each.stage == stage_address(s)]
        for s in range(STAGES)
    ]


def calibrated(schedule: str) -> list[LayerTimes]:
    """Return times whose order of work is the same with some delays, so that no order depends on a tie."""
    for seed in count():
        numbers = Random(seed)
        times = [LayerTimes(*(numbers.uniform(0.006, 0.014) for _ in range(3))) for _ in range(STAGES)]
        delayed = [
            [LayerTimes(*(t * numbers.uniform(1, 1.15) for t in (each.forward, each.backward, each.weight_gradient)))
             for each in times]
            for _ in range(8)
        ]  # fmt: skip
        order = order_of(simulated(schedule, times))
        if all(order_of(simulated(schedule, each, numbers.uniform(0, 0.002))) == order for each in delayed):
            return times
    raise AssertionError


def real(schedule: str, times: Sequence[LayerTimes]) -> Trace:
    """Return the trace of a training on threads whose work takes these times."""
    training = Training(
        network=sequence(*(activation("linear") for _ in range(STAGES))),
        cost="mean_squared_error",
        schedule=schedule,
        microbatches=MICROBATCHES,
        size=STEPS * MICROBATCHES,
        batch_size=MICROBATCHES,
        epochs=1,
        input_shape=(2,),
        stages=(*(range(s, s + 1) for s in range(STAGES - 1)), range(STAGES - 1, STAGES + 1)),
    )
    kept = InMemory()
    with activated(Tracing(Scope(), lambda: kept)):
        program = traced(training.program(instruments=[Waiter(times)]), ThreadsRuntime())
        carry_out(program, ThreadsRuntime(), training.initial)
    return Trace(kept.header, kept.records)


@pytest.mark.parametrize("schedule", sorted(DISCIPLINES))
def test_the_real_order_and_time_of_the_steps_are_those_of_the_simulator(schedule: str) -> None:
    times = calibrated(schedule)
    ideal = simulated(schedule, times)
    least_ms = float(ideal.makespan) * 1e3
    seen = []
    for _ in range(TRIES):
        trace = real(schedule, times)
        _, _, wall_ms = real_bars(trace, range(STEPS))
        assert wall_ms > least_ms * 0.999, "no work is faster than it can be"
        is_same = done(trace) == order_of(ideal)
        seen.append(f"{'same' if is_same else 'another'} order, {wall_ms:.0f} ms instead of {least_ms:.0f}")
        if is_same and wall_ms < least_ms * SLOWER:
            return
    raise AssertionError(f"{schedule}: {seen}")


def done(trace: Trace) -> Order:
    """Return the order in which each stage did its work."""
    return [
        [(work.letter, work.step, work.microbatch) for work in trace.work[stage_address(s)] if work.on_step]
        for s in range(STAGES)
    ]


def test_the_ideal_of_a_trace_has_the_measured_times() -> None:
    times = [LayerTimes(0.004, 0.006, 0.002)] * STAGES
    for _ in range(TRIES):
        measured = times_of(real("1f1b", times))
        wanted = [(each.forward, each.backward, each.weight_gradient) for each in times]
        found = [(each.forward, each.backward, each.weight_gradient) for each in measured]
        if np.allclose(found, wanted, rtol=0.25):
            return
    raise AssertionError(found)
