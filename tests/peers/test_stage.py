"""A stage's work, against the same step written out in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from annex_actors.base.errors import DivergedError, LayerError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Array, Floats, Parameters
from annex_actors.costs import cost
from annex_actors.layers import Factors, Layer, Weighted, activation, dense, dropout
from annex_actors.optimizers import Sgd
from annex_actors.peers.stage import Stage, StageSpec
from annex_actors.peers.stage_state import LayerState, StageState
from annex_actors.protocol.effects import Commit, Request
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, Point
from annex_actors.protocol.messages import (
    WHOLE_STEP,
    Backward,
    Forward,
    Message,
    Part,
    Post,
    Predict,
    Report,
    Target,
    WeightGradient,
)
from annex_actors.protocol.routing import Routing, stage_address
from annex_actors.schedules.table import discipline

RATE = 0.1
NUMBERS = np.random.default_rng(5)
WEIGHT = NUMBERS.standard_normal((3, 2)).astype(np.float32)
BIAS = NUMBERS.standard_normal(2).astype(np.float32)
INPUTS = NUMBERS.standard_normal((5, 3)).astype(np.float32)
GRADIENTS = NUMBERS.standard_normal((5, 2)).astype(np.float32)
ROWS = (slice(0, 3), slice(3, 5))
"""Two microbatches; the second is the shorter one."""


def spec(*layers: Layer, stage: int = 1, stages: int = 3, seed: int = 4, last: bool = False) -> StageSpec:
    keys = (RandomKey(seed, 1 + at) for at in range(len(layers)))
    parameters = [
        layer.initial_parameters((3,), key, np.dtype(np.float32)) if isinstance(layer, Weighted) else {}
        for layer, key in zip(layers, keys, strict=True)
    ]
    return StageSpec(
        stage=stage,
        first_layer=stage,
        layers=layers,
        cost=cost("mean_squared_error") if last else None,
        optimizer=Sgd(learning_rate=RATE),
        discipline=discipline("gpipe"),
        initial=StageState(tuple(LayerState(each, {}) for each in parameters)),
        step=0,
        seed=seed,
        run="r",
        routing=Routing(stages),
    )


def dense_spec(**kwargs: int | bool) -> StageSpec:
    """Return the stage of one dense layer with the weights above."""
    return spec(dense(2, weights=WEIGHT, biases=BIAS), **kwargs)  # type: ignore[arg-type]


class AtPoints(Instrument):
    """Calls a function at every point."""

    def __init__(self, call: Callable[[Point, int, int, int], object]) -> None:
        self._call = call

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        self._call(point, layer, step, microbatch)


def stage_of(specification: StageSpec, instrument: Instrument = NO_INSTRUMENT) -> Stage:
    return Stage(specification, specification.initial, 0, instrument)


def forward(microbatch: int, step: int = 0, edge: int = 1) -> Forward:
    return Forward("r", step, microbatch, edge, INPUTS[ROWS[microbatch]], Part(2, 5))


def backward(microbatch: int, gradients: Floats = GRADIENTS) -> Backward:
    return Backward("r", 0, microbatch, 2, gradients[ROWS[microbatch]])


def target(microbatch: int) -> Target:
    return Target("r", 0, microbatch, 3, GRADIENTS[ROWS[microbatch]])


DEFERRED = WeightGradient("r", 0, WHOLE_STEP, 1)


def posts(requests: list[Request]) -> list[Message]:
    return [request.message for request in requests if isinstance(request, Post)]


def array(requests: list[Request]) -> Array:
    """Return the array of the one message with an array."""
    (message,) = (each for each in posts(requests) if isinstance(each, Forward | Backward | Predict))
    return message.array


def state(requests: list[Request]) -> StageState:
    """Return what was committed."""
    (commit,) = (each for each in requests if isinstance(each, Commit))
    committed: StageState = commit.snapshot.state
    return committed


def finished(specification: StageSpec, order: tuple[int, ...] = (0, 1)) -> list[Request]:
    """Return the requests at the end of a step whose gradients arrive in ``order``."""
    stage = stage_of(specification)
    for microbatch in (0, 1):
        stage.handle(forward(microbatch))
    for microbatch in order:
        stage.handle(backward(microbatch))
    return stage.handle(DEFERRED)


def test_forward_sends_the_activation_on() -> None:
    requests = stage_of(dense_spec()).handle(forward(0))
    assert np.array_equal(array(requests), INPUTS[ROWS[0]] @ WEIGHT + BIAS)
    (post,) = requests
    assert isinstance(post, Post)
    assert (post.to, str(post.message)) == (
        stage_address(2),
        "forward step 0 microbatch 0 edge 2 (3, 2) float32 24 bytes",
    )


def test_backward_sends_the_input_gradient_first_and_defers_the_weight_gradient() -> None:
    stage = stage_of(dense_spec())
    stage.handle(forward(0))
    stage.handle(forward(1))
    assert np.array_equal(array(stage.handle(backward(0))), GRADIENTS[ROWS[0]] @ WEIGHT.T)
    last = stage.handle(backward(1))
    assert [(each.to, type(each.message)) for each in last if isinstance(each, Post)] == [
        (stage_address(0), Backward),
        (stage_address(1), WeightGradient),
    ]


def test_the_first_stage_sends_no_gradient_to_the_trainer() -> None:
    stage = stage_of(dense_spec(stage=0))
    stage.handle(forward(0))
    stage.handle(forward(1))
    stage.handle(backward(0))
    assert [type(each) for each in posts(stage.handle(backward(1)))] == [WeightGradient]


def test_the_weight_gradient_of_all_microbatches_is_one_product() -> None:
    weights = state(finished(dense_spec())).layers[0].parameters
    assert np.array_equal(weights["weight"], WEIGHT - np.float32(RATE) * (INPUTS.T @ GRADIENTS))
    assert np.array_equal(weights["bias"], BIAS - np.float32(RATE) * GRADIENTS.sum(axis=0))


def test_gradients_are_summed_in_the_order_of_microbatches_whatever_came_first() -> None:
    one, other = (state(finished(dense_spec(), order)).layers[0].parameters for order in ((0, 1), (1, 0)))
    assert one["weight"].tobytes() == other["weight"].tobytes()


def test_a_step_ends_with_one_commit_of_the_next_version() -> None:
    (commit,) = finished(dense_spec())
    assert isinstance(commit, Commit)
    assert (commit.snapshot.address, commit.snapshot.step) == (stage_address(1), 1)


def test_the_old_version_is_left_whole() -> None:
    specification = dense_spec()
    before = {name: each.copy() for name, each in specification.initial.layers[0].parameters.items()}
    after = state(finished(specification)).layers[0].parameters
    for name, each in specification.initial.layers[0].parameters.items():
        assert np.array_equal(each, before[name])
        assert not np.array_equal(each, after[name])
        assert not np.shares_memory(each, after[name])


def test_all_that_is_committed_is_read_only() -> None:
    for each in state(finished(dense_spec())).layers[0].parameters.values():
        with pytest.raises(ValueError, match="read-only"):
            each[:] = 0


def test_all_that_is_sent_is_read_only() -> None:
    stage = stage_of(dense_spec())
    sent = [array(stage.handle(message)) for message in (forward(0), forward(1), backward(0), backward(1))]
    for each in sent:
        assert each.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            each[:] = 0


def test_the_next_step_uses_the_new_version() -> None:
    stage = stage_of(dense_spec())
    for message in (forward(0), forward(1), backward(0), backward(1)):
        stage.handle(message)
    weights = state(stage.handle(DEFERRED)).layers[0].parameters
    onward = array(stage.handle(forward(0, step=1)))
    assert np.array_equal(onward, INPUTS[ROWS[0]] @ weights["weight"] + weights["bias"])


def test_several_layers_in_a_stage_do_what_they_do_in_stages_of_their_own() -> None:
    layers = (dense(2, weights=WEIGHT, biases=BIAS), activation("tanh"))
    stage = stage_of(spec(*layers))
    hidden = np.tanh(INPUTS[ROWS[0]] @ WEIGHT + BIAS)
    assert np.array_equal(array(stage.handle(forward(0))), hidden)
    expected = (GRADIENTS[ROWS[0]] * (1 - hidden * hidden)) @ WEIGHT.T
    np.testing.assert_allclose(array(stage.handle(backward(0))), expected, rtol=1e-5)


def test_random_numbers_are_keyed_by_the_layers_index_in_the_whole_network() -> None:
    layer = dropout(0.5)
    specification = spec(layer)
    for step, microbatch in ((0, 0), (0, 1), (1, 0)):
        expected, _ = layer.forward({}, INPUTS[ROWS[microbatch]], RandomKey(4, 1, step, microbatch))
        stage = Stage(specification, specification.initial, step)
        assert np.array_equal(array(stage.handle(forward(microbatch, step))), expected)


def test_a_prediction_goes_through_without_a_trace_and_with_dropout_off() -> None:
    stage = stage_of(spec(dropout(0.5)))
    requests = stage.handle(Predict("r", 0, 3, 1, INPUTS))
    assert np.array_equal(array(requests), INPUTS)
    assert str(posts(requests)[0]) == "predict step 0 microbatch 3 edge 2 (5, 3) float32 60 bytes"


def cost_stage() -> Stage:
    return stage_of(spec(stage=2, last=True))


def cost_forward(microbatch: int) -> Forward:
    return Forward("r", 0, microbatch, 2, GRADIENTS[ROWS[microbatch]] + 1, Part(2, 5))


def test_the_cost_stage_sends_the_gradient_to_itself_weighted_by_the_size_of_the_whole_batch() -> None:
    stage = cost_stage()
    stage.handle(target(1))
    (post,) = stage.handle(cost_forward(1))
    assert isinstance(post, Post)
    assert post.to == stage_address(2)
    assert isinstance(post.message, Backward)
    np.testing.assert_allclose(post.message.array, np.full((2, 2), 2 / (5 * 2)), rtol=1e-5)


def test_the_cost_stage_reports_the_mean_over_the_batch_once_all_microbatches_are_there() -> None:
    stage = cost_stage()
    reports = []
    for microbatch in (0, 1):
        stage.handle(target(microbatch))
        reports += [each for each in posts(stage.handle(cost_forward(microbatch))) if isinstance(each, Report)]
    (report,) = reports
    assert report.cost == pytest.approx(1.0)
    assert (report.step, report.samples, report.edge) == (0, 5, 3)


def test_the_cost_stage_logs_what_it_reported() -> None:
    stage = cost_stage()
    for microbatch in (0, 1):
        stage.handle(target(microbatch))
        stage.handle(cost_forward(microbatch))
    for microbatch in (0, 1):
        stage.handle(Backward("r", 0, microbatch, 3, GRADIENTS[ROWS[microbatch]]))
    (logged,) = state(stage.handle(replace(DEFERRED, edge=2))).cost_log.costs()
    assert logged == pytest.approx(1.0)


def test_a_cost_that_is_not_finite_raises_an_error_that_names_its_place() -> None:
    stage = cost_stage()
    stage.handle(target(0))
    bad = replace(cost_forward(0), array=np.full((3, 2), np.nan, np.float32))
    with pytest.raises(DivergedError) as caught:
        stage.handle(bad)
    assert str(caught.value).startswith("expected a finite cost, got nan at step 0 microbatch 0; lower the")


def test_handling_is_a_function_of_weights_message_and_key() -> None:
    specification = spec(dense(2, weights=WEIGHT, biases=BIAS), dropout(0.5))
    once, again = (array(stage_of(specification).handle(forward(0))) for _ in range(2))
    assert once.tobytes() == again.tobytes()


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
def test_a_failure_names_its_place_and_keeps_its_cause(point: Point) -> None:
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


def test_an_instrument_sees_every_layer_of_a_stage_at_every_point_and_the_cost_as_the_layer_after_the_last() -> None:
    seen: list[tuple[str, int, int, int]] = []
    specification = spec(dense(2, weights=WEIGHT, biases=BIAS), activation("tanh"), stage=2, last=True)
    stage = stage_of(specification, AtPoints(lambda point, *place: seen.append((point.value, *place))))
    stage.handle(target(0))
    stage.handle(replace(forward(0), part=Part(1, 3)))
    stage.handle(backward(0))
    stage.handle(DEFERRED)
    expected = [("forward", layer, 0, 0) for layer in (2, 3, 4)] + [("backward", layer, 0, 0) for layer in (4, 3, 2)]
    for point in ("weight_gradient", "update", "commit"):
        expected += [(point, layer, 0, WHOLE_STEP) for layer in (2, 3, 4)]
    assert seen == expected


def test_a_label_names_the_layers_of_a_stage() -> None:
    assert spec(dense(2), activation("relu"), stage=2, last=True).label == "layer 2 dense:2 + relu + mean_squared_error"


def test_a_specification_makes_a_node_at_the_last_commit() -> None:
    specification = dense_spec()
    fresh = specification.node(None, 1)
    assert (fresh.address, fresh.incarnation, fresh.committed) == (stage_address(1), 1, 0)
    commit = next(each for each in finished(specification) if isinstance(each, Commit))
    assert specification.node(commit.snapshot, 2).committed == 1


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
        stage_of(spec(Wrong())).handle(replace(forward(0), array=received))
    assert isinstance(caught.value.__cause__, ValueError)
