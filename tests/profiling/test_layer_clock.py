"""The clock counts the work of each layer, of the trainer and of the step, and nothing twice."""

from __future__ import annotations

from typing import Any, cast

import pytest

from annex_actors.profiling.layer_clock import LayerClock, StepTimes, times_of
from annex_actors.protocol.instrument import Instrument, Peer, Point, combined
from annex_actors.protocol.messages import Report
from annex_actors.protocol.routing import TRAINER
from annex_actors.runtimes import InlineRuntime
from tests.profiling.programs import program

TAKES = {Point.FORWARD: 1.0, Point.BACKWARD: 10.0, Point.WEIGHT_GRADIENT: 100.0, Point.UPDATE: 1000.0}


class Time(Instrument):
    """A clock that only layers move on: the work of layer n takes n + 1 times as long as that of layer 0."""

    def __init__(self) -> None:
        self.now = 0.0

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        """Let the work take its time."""
        self.now += TAKES.get(point, 0.0) * (layer + 1)


def steps_of(microbatches: int, **settings: Any) -> list[StepTimes]:
    time = Time()
    clock = LayerClock(lambda: time.now)
    job = InlineRuntime().start(program(4, combined(time, clock), microbatches=microbatches, **settings))
    job.wait()
    job.close()
    return clock.steps


@pytest.mark.parametrize("microbatches", [1, 2, 3])
def test_each_layers_work_has_its_own_time(microbatches: int) -> None:
    steps = steps_of(microbatches)
    assert len(steps) == 4
    for layer in range(4):  # the cost is the fourth
        for point, seconds in TAKES.items():
            whole = point is Point.WEIGHT_GRADIENT
            expected = seconds * (layer + 1) / (microbatches if whole else 1)
            found = times_of(steps, point, layer, microbatches)
            assert found == pytest.approx([expected] * len(found))
            assert len(found) >= 3 * (microbatches if point in (Point.FORWARD, Point.BACKWARD) else 1)


def test_where_each_microbatch_has_a_weight_gradient_its_time_is_not_divided() -> None:
    steps = steps_of(3, schedule="zb-h1")
    found = times_of(steps, Point.WEIGHT_GRADIENT, 1, 3)
    assert len(found) >= 9
    assert set(found) == {200.0}


def test_what_is_not_of_a_layer_or_the_trainer_is_all_that_is_left_of_a_step() -> None:
    for step in steps_of(2)[1:]:
        assert step.trainer == 0.0
        assert step.whole == pytest.approx(sum(map(sum, step.layers.values())))


def test_a_commit_is_not_the_work_of_a_layer() -> None:
    assert all(point is not Point.COMMIT for step in steps_of(1) for point, _ in step.layers)


class Trainer:
    """The trainer, as an instrument sees it."""

    address = TRAINER


def test_two_steps_whose_costs_come_to_the_trainer_together_are_two_and_their_weight_gradients_are_divided() -> None:
    time, trainer = Time(), cast(Peer, Trainer())
    clock = LayerClock(lambda: time.now)
    for step in range(2):
        for microbatch in range(4):
            time.at(Point.FORWARD, 0, step, microbatch)
            clock.at(Point.FORWARD, 0, step, microbatch)
        for point in (Point.WEIGHT_GRADIENT, Point.UPDATE):
            time.at(point, 0, step, -1)
            clock.at(point, 0, step, -1)
    for step in range(2):
        clock.before(trainer, None)
        time.now += 3.0
        clock.done(trainer, Report("run", step, -1, 1, 0.5, 8), ())
    (both,) = clock.steps
    assert (both.count, both.trainer, both.whole) == (2, 6.0, 2 * 1104.0 + 6.0)
    assert times_of([both], Point.WEIGHT_GRADIENT, 0, 4) == [25.0, 25.0]
    assert times_of([both], Point.UPDATE, 0, 4) == [1000.0, 1000.0]
