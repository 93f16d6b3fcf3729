"""A stage's work, against the same step written out in NumPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annex_actors.base.random_keys import RandomKey
from annex_actors.layers import activation, dense, dropout
from annex_actors.peers.stage import Stage
from annex_actors.protocol.effects import Commit
from annex_actors.protocol.messages import WHOLE_STEP, Backward, Part, Post, Report, WeightGradient
from annex_actors.protocol.routing import stage_address
from tests.peers.stages import (
    BIAS,
    DEFERRED,
    GRADIENTS,
    INPUTS,
    RATE,
    ROWS,
    WEIGHT,
    AtPoints,
    array,
    backward,
    cost_forward,
    cost_stage,
    dense_spec,
    finished,
    forward,
    posts,
    stage_of,
    stage_spec,
    state,
    target,
)
from tests.protocol.messages import predict


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
    stage = stage_of(stage_spec(*layers))
    hidden = np.tanh(INPUTS[ROWS[0]] @ WEIGHT + BIAS)
    assert np.array_equal(array(stage.handle(forward(0))), hidden)
    expected = (GRADIENTS[ROWS[0]] * (1 - hidden * hidden)) @ WEIGHT.T
    np.testing.assert_allclose(array(stage.handle(backward(0))), expected, rtol=1e-5)


def test_random_numbers_are_keyed_by_the_layers_index_in_the_whole_network() -> None:
    layer = dropout(0.5)
    specification = stage_spec(layer)
    for step, microbatch in ((0, 0), (0, 1), (1, 0)):
        expected, _ = layer.forward({}, INPUTS[ROWS[microbatch]], RandomKey(4, 1, step, microbatch))
        stage = Stage(specification, specification.initial, step)
        assert np.array_equal(array(stage.handle(forward(microbatch, step))), expected)


def test_a_prediction_goes_through_without_a_trace_and_with_dropout_off() -> None:
    stage = stage_of(stage_spec(dropout(0.5)))
    requests = stage.handle(predict(0, 3, array=INPUTS))
    assert np.array_equal(array(requests), INPUTS)
    assert str(posts(requests)[0]) == "predict step 0 microbatch 3 edge 2 (5, 3) float32 60 bytes"


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


def test_the_cost_stage_weights_the_samples_as_their_targets_say() -> None:
    stage, weights = cost_stage(), np.array([0.0, 1.0, 2.0, 0.5, 1.5])
    costs, gradients = [], []
    for microbatch in (0, 1):
        stage.handle(replace(target(microbatch), sample_weight=weights[ROWS[microbatch]]))
        sent = posts(stage.handle(cost_forward(microbatch)))
        costs += [each.cost for each in sent if isinstance(each, Report)]
        gradients += [each.array for each in sent if isinstance(each, Backward)]
    assert costs == [pytest.approx(1.0)]
    expected = np.repeat(weights[:, np.newaxis], 2, axis=1) * 2 / (5 * 2)
    np.testing.assert_allclose(np.concatenate(gradients), expected, rtol=1e-5)


def test_the_cost_stage_logs_what_it_reported() -> None:
    stage = cost_stage()
    for microbatch in (0, 1):
        stage.handle(target(microbatch))
        stage.handle(cost_forward(microbatch))
    for microbatch in (0, 1):
        stage.handle(replace(backward(microbatch), edge=3))
    (logged,) = state(stage.handle(replace(DEFERRED, edge=2))).cost_log.costs()
    assert logged == pytest.approx(1.0)


def test_handling_is_a_function_of_weights_message_and_key() -> None:
    specification = stage_spec(dense(2, weights=WEIGHT, biases=BIAS), dropout(0.5))
    once, again = (array(stage_of(specification).handle(forward(0))) for _ in range(2))
    assert once.tobytes() == again.tobytes()


def test_an_instrument_sees_every_layer_of_a_stage_at_every_point_and_the_cost_as_the_layer_after_the_last() -> None:
    seen: list[tuple[str, int, int, int]] = []
    specification = stage_spec(dense(2, weights=WEIGHT, biases=BIAS), activation("tanh"), stage=2, last=True)
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
    assert (
        stage_spec(dense(2), activation("relu"), stage=2, last=True).label
        == "layer 2 dense:2 + relu + mean_squared_error"
    )


def test_a_specification_makes_a_node_at_the_last_commit() -> None:
    specification = dense_spec()
    fresh = specification.node(None, 1)
    assert (fresh.address, fresh.incarnation, fresh.committed) == (stage_address(1), 1, 0)
    commit = next(each for each in finished(specification) if isinstance(each, Commit))
    assert specification.node(commit.snapshot, 2).committed == 1
