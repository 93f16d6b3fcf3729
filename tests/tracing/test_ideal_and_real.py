"""Where the work of a stage is a wait of known length, the real order of work is that of the simulator.

How much longer the steps take is what `examples.benchmarks.ideal` measures.
"""

from __future__ import annotations

import numpy as np
import pytest

from annex_actors.runtimes.cost_model import LayerTimes
from annex_actors.schedules.table import DISCIPLINES
from annex_actors.tracing.ideal import times_of
from examples.benchmarks.ideal import STAGES, calibrated, done, ideal, order_of, real, seconds_of

TRIES = 6
"""How often it is tried: other programs may delay a thread for longer than the order allows."""


@pytest.mark.parametrize("schedule", sorted(DISCIPLINES))
def test_the_real_order_of_the_work_is_that_of_the_simulator(schedule: str) -> None:
    times = calibrated(schedule)
    wanted = ideal(schedule, times)
    for _ in range(TRIES):
        found = real(schedule, times)
        assert seconds_of(found) > float(wanted.makespan) * 0.999, "no work is faster than it can be"
        if done(found) == order_of(wanted):
            return
    raise AssertionError(done(found))


def test_the_ideal_of_a_trace_has_the_measured_times() -> None:
    times = [LayerTimes(0.004, 0.006, 0.002)] * STAGES
    wanted = [(each.forward, each.backward, each.weight_gradient) for each in times]
    for _ in range(TRIES):
        measured = times_of(real("1f1b", times))
        found = [(each.forward, each.backward, each.weight_gradient) for each in measured]
        if np.allclose(found, wanted, rtol=0.25):
            return
    raise AssertionError(found)
