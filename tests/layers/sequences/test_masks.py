from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.types import Floats
from annex_actors.layers import (
    Mask,
    MaskedAvgPool,
    Network,
    Recurrent,
    SelfAttention,
    Unmask,
    UsesMask,
    dense,
    embedding,
    lstm,
    mask,
    parse_layers,
    residual,
    self_attention,
    sequence,
    unmask,
)
from annex_actors.testing.promises import check_gradient, differences
from tests.trainings import outputs_of

FLOAT64 = np.dtype(np.float64)


def masked(network: Network) -> list[bool]:
    return [layer.is_masked for layer in network.layers if isinstance(layer, UsesMask)]


def test_a_mask_is_one_where_a_position_counts() -> None:
    inputs = np.array([[3.0, 0.0, 2.0, 0.0]])
    (same, counts), _ = Mask().forward_stack((inputs,))
    assert same is inputs
    assert counts.tolist() == [[1, 0, 1, 0]]


def test_a_position_with_several_numbers_is_padding_if_all_of_them_are() -> None:
    inputs = np.array([[[-1.0, -1.0], [-1.0, 0.0], [0.0, 0.0]]])
    (_, counts), _ = Mask(-1).forward_stack((inputs,))
    assert counts.tolist() == [[0, 1, 1]]


def test_masked_average_is_over_what_counts() -> None:
    inputs, counts = np.array([[[1.0, 2.0], [3.0, 4.0], [50.0, 60.0]]]), np.array([[1.0, 1.0, 0.0]])
    (mean,), _ = MaskedAvgPool().forward_stack((inputs, counts))
    assert mean.tolist() == [[2, 3]]


def test_the_average_of_nothing_is_zero() -> None:
    (mean,), _ = MaskedAvgPool().forward_stack((np.ones((1, 2, 3)), np.zeros((1, 2))))
    assert mean.tolist() == [[0, 0, 0]]


def test_layers_between_mask_and_unmask_know_that_there_is_a_mask() -> None:
    network = sequence(self_attention(1), mask(), residual(self_attention(2)), lstm(3, True), unmask(), lstm(4))
    assert masked(network) == [False, True, True, False]


def test_a_network_within_a_network_learns_of_the_mask_of_the_outer_one() -> None:
    inner = sequence(self_attention(2), lstm(3))
    assert masked(sequence(mask(), inner, unmask())) == [True, True]
    assert masked(sequence(sequence(mask(), self_attention(2)), unmask(), sequence(self_attention(2)))) == [True, False]


def test_text_gives_the_same_network() -> None:
    text = "mask:padding=-1.0 residual( self_attention:2 ) masked_avg_pool dense:2"
    network = parse_layers(text)
    assert parse_layers(network.spec()) == network
    assert masked(network) == [True]


@pytest.mark.parametrize(
    "text",
    [
        "mask residual( self_attention:2:causal=true ) masked_avg_pool dense:2",
        "mask lstm:3:return_sequences=true lstm:2 unmask dense:2",
        "mask gru:3:return_sequences=true:reverse=true gru:2 unmask dense:2",
    ],
)
def test_what_stands_in_padding_changes_no_output(text: str) -> None:
    network = sequence(parse_layers(text))
    inputs = np.random.default_rng(0).standard_normal((3, 5, 4))
    for row, length in enumerate((5, 3, 1)):
        inputs[row, length:] = 0
    parameters = network.initial_parameters((5, 4), seed=1, dtype=FLOAT64)
    outputs = outputs_of(network, parameters, inputs)
    for row, length in enumerate((5, 3, 1)):
        alone = outputs_of(network, parameters, inputs[row : row + 1, :length])
        np.testing.assert_allclose(outputs[row], alone[0], rtol=1e-9)


def test_a_sequence_that_is_all_padding_gives_finite_numbers() -> None:
    network = parse_layers("mask self_attention:2:causal=true masked_avg_pool dense:2")
    outputs = outputs_of(network, network.initial_parameters((3, 4), seed=1, dtype=FLOAT64), np.zeros((2, 3, 4)))
    assert np.isfinite(outputs).all()


def _total_with(total: Callable[..., float], inputs: Floats, name: str, parameter: Floats) -> float:
    return total(inputs, **{name: parameter})


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("kind", ["lstm:3", "gru:3", "self_attention:2"])
def test_gradients_under_a_mask_are_central_differences(kind: str, every: bool, reverse: bool) -> None:
    text = kind if kind.startswith("self") else f"{kind}:{str(every).lower()}:{str(reverse).lower()}"
    layer = parse_layers(text).layers[0]
    assert isinstance(layer, SelfAttention | Recurrent)
    layer = layer.with_mask(True)
    numbers = np.random.default_rng(0)
    inputs, counts = numbers.standard_normal((2, 4, 4)), np.array([[1.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]])
    parameters = sequence(layer).initial_parameters((4, 4), seed=0, dtype=FLOAT64)[0]
    outputs, saved = layer.forward_masked(parameters, inputs, counts, None)
    grad_output = numbers.standard_normal(outputs.shape)
    grad_input, factors = layer.backward(parameters, saved, grad_output, True)

    def total(inputs: Floats, **changed: Floats) -> float:
        outputs, _ = layer.forward_masked({**parameters, **changed}, inputs, counts, None)
        return float(np.vdot(outputs, grad_output))

    assert grad_input is not None
    check_gradient("inputs", grad_input, differences(total, inputs))
    for name, gradient in layer.weight_gradient(factors).items():
        numeric = differences(partial(_total_with, total, inputs, name), parameters[name])
        check_gradient(name, gradient, numeric)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mask dense:2", "expected as many joins as forks, got 2 arrays"),
        ("unmask dense:2", "expected a mask and no open fork before unmask, got a stack of 1 array"),
        ("residual( mask unmask )", "expected no mask and no open fork before mask, got a stack of 2 arrays"),
        (
            "mask residual( dense:4 masked_avg_pool )",
            "expected a mask and no open fork before masked_avg_pool, got .* 3",
        ),
        ("mask mask unmask unmask", "expected no mask and no open fork before mask"),
        (
            "mask reshape:2:8 self_attention:1 unmask",
            r"expected self_attention to meet a mask for each position of sam",
        ),
        ("mask flatten masked_avg_pool", r"expected samples of shape \(4, width\), one row for each of the mask"),
        (
            "mask reshape:8:2 masked_avg_pool",
            r"expected samples of shape \(4, width\), one row for each .* got \(8, 2\)",
        ),
    ],
)
def test_a_mask_out_of_place_is_refused(text: str, message: str) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        parse_layers(text).shapes((4, 4))
    assert "\n" not in str(caught.value)


def test_images_have_no_mask() -> None:
    with pytest.raises(
        ShapeError, match=r"expected samples of shape \(sequence,\) or \(sequence, width\), got \(2, 2, 2\)"
    ):
        sequence(mask(), unmask()).shapes((2, 2, 2))


def test_padding_is_a_number() -> None:
    with pytest.raises(ConfigError, match="expected `padding` to be a number"):
        mask("zero")  # type: ignore[arg-type]


def test_unmask_gives_the_mask_a_gradient_of_zero() -> None:
    stack = (np.ones((2, 3)), np.ones((2, 4)))
    (top,), saved = Unmask().forward_stack(stack)
    grad_top, grad_mask = Unmask().backward_stack(saved, (top,))
    assert grad_top is top
    assert not grad_mask.any()
    assert grad_mask.shape == (2, 4)


def test_a_mask_looks_at_indices_and_the_embedding_gets_them() -> None:
    network = sequence(mask(), embedding(5, 4), self_attention(2), MaskedAvgPool(), dense(2))
    assert network.shapes((6,)) == ((6,), (6,), (6, 4), (6, 4), (4,), (2,))
