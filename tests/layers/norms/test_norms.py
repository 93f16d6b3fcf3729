from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors import Learner, load
from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.random_keys import RandomKey
from annex_actors.layers import Layer, batch_norm, group_norm, layer_norm, parse_layers, rms_norm
from annex_actors.testing import check_layer

FLOAT = np.dtype("float64")
KEY = RandomKey(seed=1)

truths = st.booleans()
epsilons = st.sampled_from([1e-3, 0.1])
norms: st.SearchStrategy[Layer] = st.one_of(
    st.builds(batch_norm, st.sampled_from([0.0, 0.1, 0.75]), epsilons, truths, truths),
    st.builds(layer_norm, st.just(1), epsilons, truths, truths),
    st.builds(group_norm, st.sampled_from([1, 2]), epsilons, truths, truths),
    st.builds(rms_norm, epsilons, truths),
)


@settings(deadline=None, print_blob=True, max_examples=40)
@given(norms, st.lists(st.integers(1, 3), max_size=2), st.sampled_from([2, 4]), st.integers(0, 99))
def test_any_norm_keeps_its_promises(layer: Layer, positions: list[int], channels: int, seed: int) -> None:
    check_layer(layer, (*positions, channels), seed=seed)


def state_after(layer: batch_norm, *microbatches: np.ndarray) -> dict[str, list[float]]:
    shape = microbatches[0].shape[1:]
    state = layer.initial_state(shape, FLOAT)
    parameters = {**layer.initial_parameters(shape, KEY, FLOAT), **state}
    factors = []
    for inputs in microbatches:
        outputs, saved = layer.forward(parameters, inputs, KEY)
        factors.append(layer.backward(parameters, saved, outputs, True)[1])
    return {name: array.tolist() for name, array in layer.next_state(state, factors).items()}


def test_each_microbatch_moves_the_running_statistics_in_its_turn() -> None:
    first, second = np.array([[1.0], [3.0]]), np.array([[10.0], [20.0]])
    after = state_after(batch_norm(momentum=0.5), first, second)
    assert after["running_mean"] == [0.5 * (0.5 * 2) + 0.5 * 15]
    assert after["running_var"] == [0.5 * (0.5 * 1 + 0.5 * 2) + 0.5 * 50]


def test_a_microbatch_of_one_number_a_channel_gives_the_bias_and_changes_nothing() -> None:
    layer, inputs = batch_norm(), np.array([[3.0, -4.0]])
    parameters = {"weight": np.array([2.0, 3.0]), "bias": np.array([0.5, -0.5])}
    outputs, saved = layer.forward(parameters, inputs, KEY)
    assert outputs.tolist() == [[0.5, -0.5]]
    grad_input, factors = layer.backward(parameters, saved, np.array([[0.3, 7.0]]), True)
    assert grad_input is not None
    assert grad_input.tolist() == [[0, 0]]
    assert layer.weight_gradient(factors)["weight"].tolist() == [0, 0]
    assert state_after(layer, inputs) == {"running_mean": [0, 0], "running_var": [1, 1]}


def test_a_single_sample_with_positions_has_statistics() -> None:
    assert state_after(batch_norm(), np.array([[[1.0], [3.0]]]))["running_mean"] == [0.2]


def test_a_channel_that_never_varies_stays_finite() -> None:
    inputs = np.full((4, 3), 7.0)
    for layer in (batch_norm(), layer_norm(), group_norm(3)):
        parameters = layer.initial_parameters((3,), KEY, FLOAT)
        outputs, saved = layer.forward(parameters, inputs, KEY)
        assert np.abs(outputs).max() < 1e-6
        grad_input, _ = layer.backward(parameters, saved, inputs, True)
        assert grad_input is not None
        assert np.isfinite(grad_input).all()


def test_as_many_groups_as_channels_standardise_each_instance() -> None:
    inputs = np.random.default_rng(1).normal(3, 2, size=(2, 50, 4))
    outputs, _ = group_norm(4, 1e-9).forward({}, inputs, None)
    np.testing.assert_allclose(outputs.mean(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(outputs.std(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        (
            "group_norm:3",
            (2, 4),
            r"layer 0 \(group_norm:3\) .*the channels a multiple of the number of groups, 3, got \(2, 4\)",
        ),
        ("layer_norm:axes=3", (2, 4), r"layer 0 .*expected samples with at least 3 axes, got \(2, 4\)"),
        ("batch_norm", (), r"layer 0 .*expected samples of shape \(..., channels\), got \(\)"),
        ("rms_norm", (), r"layer 0 .*expected samples of shape \(..., channels\), got \(\)"),
    ],
)
def test_samples_that_do_not_fit_are_refused(text: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        parse_layers(text).shapes(shape)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch_norm:1", "expected `momentum` to be a number >= 0 and < 1, got 1"),
        ("batch_norm:epsilon=0", "expected `epsilon` to be a number > 0, got 0"),
        ("batch_norm:scale=3", "expected `scale` to be true or false, got 3"),
        ("layer_norm:center=no", "expected `center` to be true or false, got 'no'"),
        ("layer_norm:0", "expected `axes` to be an integer >= 1, got 0"),
        ("group_norm", r"expected layer 0 as group_norm:groups\[:epsilon\].*, got 'group_norm'"),
        ("group_norm:0", "expected `groups` to be an integer >= 1, got 0"),
        ("rms_norm:-1", "expected `epsilon` to be a number > 0, got -1"),
    ],
)
def test_a_setting_out_of_range_is_refused_on_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse_layers(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "is_refused"), [("batch_norm", True), ("reshape:4:1 batch_norm flatten", False)])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_batch_norm_is_not_trained_on_single_numbers(text: str, is_refused: bool, batch_size: int) -> None:
    learner = Learner(parse_layers(f"{text} dense:3"), microbatches=batch_size, schedule="sequential")
    if not is_refused:
        return learner.check(load("iris"), batch_size=batch_size)
    message = r"expected microbatches of at least 2 samples for layer 0 \(batch_norm\), got 1; cut the batch into fewer"
    with pytest.raises(ConfigError, match=message):
        learner.check(load("iris"), batch_size=batch_size)
    return learner.check(load("iris"), batch_size=2 * batch_size)
