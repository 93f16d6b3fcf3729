"""What a reduction over all stages costs at the end of every step, on a virtual clock."""

from __future__ import annotations

import pytest

from annex_actors.experiments.simulation import simulate
from annex_actors.runtimes.cost_model import CostModel, LayerTimes

S, M, STEPS = 4, 8, 3


def makespans(schedule: str, *, latency: float = 0, microbatches: int = M, steps: int = STEPS) -> tuple[float, float]:
    """Return how long steps take without and with a global norm."""
    without, clipped = (
        simulate(
            schedule,
            stages=S,
            microbatches=microbatches,
            steps=steps,
            costs=CostModel(latency=latency),
            clipping=clipping,
        ).makespan
        for clipping in (None, "global_norm:1.0")
    )
    return without, clipped


@pytest.mark.parametrize("schedule", ["sequential", "gpipe", "1f1b", "1f1b-latency-hiding", "zb-h1"])
@pytest.mark.parametrize("latency", [0, 0.5, 2])
def test_a_schedule_that_flushes_pays_for_the_hops_alone(schedule: str, latency: float) -> None:
    without, clipped = makespans(schedule, latency=latency)
    assert clipped - without == 2 * latency * (S - 1) * (STEPS - 1)


def test_a_schedule_without_a_bubble_between_steps_gets_one() -> None:
    without, clipped = makespans("zb-h2")
    assert clipped - without == (S - 1) * (STEPS - 1)


def test_a_schedule_whose_steps_overlap_loses_that() -> None:
    without, clipped = makespans("pipedream", microbatches=1, steps=24)
    assert clipped > 1.8 * without


@pytest.mark.parametrize("clipping", ["value:1.0", "layer_norm:1.0"])
def test_what_is_local_to_a_layer_costs_no_message(clipping: str) -> None:
    free, clipped = (simulate("1f1b", stages=S, microbatches=M, clipping=each) for each in (None, clipping))
    assert (free.makespan, free.messages) == (clipped.makespan, clipped.messages)


def test_a_norm_costs_a_message_up_and_one_down_for_each_hop() -> None:
    free, clipped = (
        simulate("1f1b", stages=S, microbatches=M, steps=STEPS, clipping=each) for each in (None, "global_norm:1")
    )
    assert clipped.messages - free.messages == 2 * (S - 1) * STEPS


def test_an_update_that_waited_for_the_norm_keeps_its_worker_busy() -> None:
    times = LayerTimes(update=3)
    free, clipped = (simulate("1f1b", stages=S, microbatches=M, times=times, clipping=c) for c in (None, "value:1"))
    waited = simulate("1f1b", stages=S, microbatches=M, times=times, clipping="global_norm:1")
    assert [each.busy for each in waited.workers] == [each.busy for each in free.workers]
    assert clipped.makespan == free.makespan <= waited.makespan
