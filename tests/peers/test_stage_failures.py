"""What fails in a stage is named by its place, and leaves the old version whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annex_actors.base.errors import DivergedError, LayerError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters
from annex_actors.layers import Factors
from annex_actors.protocol.instrument import Instrument, Point
from annex_actors.protocol.messages import WHOLE_STEP
from tests.peers.stages import (
    DEFERRED,
    INPUTS,
    ROWS,
    AtPoints,
    backward,
    cost_forward,
    cost_stage,
    dense_spec,
    finished,
    forward,
    stage_of,
    stage_spec,
    state,
    target,
)


def test_a_cost_that_is_no_number_ends_the_work_with_its_place() -> None:
    stage = cost_stage()
    stage.handle(target(0))
    bad = replace(cost_forward(0), array=np.full((3, 2), np.nan, np.float32))
    with pytest.raises(DivergedError) as caught:
        stage.handle(bad)
    assert str(caught.value).startswith("expected a finite cost, got nan at step 0 microbatch 0; lower the")


def crash_at(point: Point) -> Instrument:
    def crash(here: Point, layer: int, step: int, microbatch: int) -> None:
        if here is point:
            raise ZeroDivisionError("on order")

    return AtPoints(crash)


PLACES = {
    Point.FORWARD: "layer 1 (dense:2:3) failed in forward at step 0 microbatch 0, given (3, 3) float32",
    Point.BACKWARD: "layer 1 (dense:2:3) failed in backward at step 0 microbatch 0, given (3, 2) float32",
    Point.WEIGHT_GRADIENT: "layer 1 (dense:2:3) failed in weight_gradient at step 0, "
    "given weight (3, 2) float32, bias (2,) float32",
    Point.UPDATE: "layer 1 (dense:2:3) failed in update at step 0, given weight (3, 2) float32, bias (2,) float32",
    Point.COMMIT: "layer 1 (dense:2:3) failed in commit at step 0, given weight (3, 2) float32, bias (2,) float32",
}


@pytest.mark.parametrize("point", Point)
def test_a_failure_is_given_its_place_and_keeps_its_cause(point: Point) -> None:
    stage = stage_of(dense_spec(), crash_at(point))
    with pytest.raises(LayerError) as caught:
        for message in (forward(0), forward(1), backward(0), backward(1), DEFERRED):
            stage.handle(message)
    error = caught.value
    assert str(error) == PLACES[point]
    assert error.summary == f"{PLACES[point]}: ZeroDivisionError: on order"
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert (error.address, error.layer, error.step, error.work) == ("stage-1", 1, 0, point.value)
    assert error.microbatch == (0 if point in (Point.FORWARD, Point.BACKWARD) else WHOLE_STEP)


@pytest.mark.parametrize("point", [Point.WEIGHT_GRADIENT, Point.UPDATE, Point.COMMIT])
def test_a_crash_at_the_end_of_a_step_leaves_the_old_version_whole(point: Point) -> None:
    specification = dense_spec()
    before = {name: each.tobytes() for name, each in specification.initial.layers[0].parameters.items()}
    stage = stage_of(specification, crash_at(point))
    with pytest.raises(LayerError):
        for message in (forward(0), forward(1), backward(0), backward(1), DEFERRED):
            stage.handle(message)
    assert {name: each.tobytes() for name, each in specification.initial.layers[0].parameters.items()} == before
    assert state(finished(specification)).layers[0].parameters["weight"].tobytes() != before["weight"]


class Wrong:
    """A layer whose forward breaks its promise."""

    name = "wrong"

    def spec(self) -> str:
        return "wrong"

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, None]:
        inputs += 1
        return inputs, None

    def backward(
        self, parameters: Parameters, saved: None, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats, Factors]:
        return grad_output, ()


def test_a_layer_that_writes_to_what_it_was_sent_is_named() -> None:
    received = INPUTS[ROWS[0]].copy()
    received.flags.writeable = False
    with pytest.raises(LayerError, match=r"layer 1 \(wrong\) failed in forward") as caught:
        stage_of(stage_spec(Wrong())).handle(replace(forward(0), array=received))
    assert isinstance(caught.value.__cause__, ValueError)
