"""Pooling computes what torch's does, with every setting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.types import Floats, Shape
from annex_actors.layers import Layer, parse_layers
from annex_actors.layers.images import avg_pool1d, avg_pool2d, global_avg_pool, global_max_pool, max_pool1d, max_pool2d
from annex_actors.testing import check_layer

POOLINGS: dict[str, tuple[Any, Any]] = {"max": (max_pool1d, max_pool2d), "avg": (avg_pool1d, avg_pool2d)}


@st.composite
def poolings(draw: st.DrawFn, kind: str, axes: int) -> tuple[Layer, Shape]:
    """A layer with random settings, and the shape of a sample that fits it."""

    def sizes(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(axes))

    kernel = sizes(1, 3)
    padding = tuple(draw(st.integers(0, size // 2)) for size in kernel)
    layer = POOLINGS[kind][axes - 1](kernel, draw(st.none() | st.just(sizes(1, 3))), padding)
    shape = (*sizes(1, 7), draw(st.integers(1, 3)))
    try:
        layer.output_shape(shape)
    except ShapeError:
        assume(False)
    return layer, shape


def both(layer: Layer, inputs: Floats, grad: Floats) -> tuple[Floats, Floats]:
    """Return the outputs, and dC/dinputs."""
    outputs, saved = layer.forward({}, inputs, None)
    grad_input, factors = layer.backward({}, saved, grad, True)
    assert grad_input is not None
    assert factors == ()
    return outputs, grad_input


def by_torch(layer: Any, inputs: Floats, grad: Floats) -> tuple[Floats, Floats]:
    """Return the outputs and dC/dinputs as torch's own layer computes them."""
    torch: Any = pytest.importorskip("torch")
    samples = torch.tensor(inputs, requires_grad=True)
    function = getattr(torch.nn.functional, f"{layer.kind}_pool{layer.axes}d")
    padding = 0 if layer.padding == "valid" else layer.padding
    settings = {"count_include_pad": False} if layer.kind == "avg" else {}
    outputs = function(samples.movedim(-1, 1), layer.kernel_size, layer.stride, padding, **settings).movedim(1, -1)
    outputs.backward(torch.tensor(grad))
    return outputs.detach().numpy(), samples.grad.numpy()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", POOLINGS)
@pytest.mark.parametrize("axes", [1, 2])
@given(data=st.data(), seed=st.integers(0, 99))
def test_pooling_is_that_of_torch(kind: str, axes: int, dtype: str, data: st.DataObject, seed: int) -> None:
    layer, shape = data.draw(poolings(kind, axes))
    numbers = np.random.default_rng(seed)
    inputs = numbers.integers(-2, 3, (2, *shape)).astype(dtype)  # with many ties
    grad = numbers.standard_normal((2, *layer.output_shape(shape))).astype(dtype)
    for ours, theirs in zip(both(layer, inputs, grad), by_torch(layer, inputs, grad), strict=True):
        assert (ours.dtype, ours.flags.c_contiguous) == (theirs.dtype, True)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", POOLINGS)
@given(data=st.data())
def test_pooling_keeps_the_promises_of_a_layer(kind: str, data: st.DataObject) -> None:
    layer, shape = data.draw(poolings(kind, 2))
    check_layer(layer, shape, samples=2)


def test_with_the_padding_same_there_are_as_many_windows_as_pixels_over_the_stride() -> None:
    inputs = np.arange(5, dtype=np.float32).reshape(1, 5, 1)
    outputs, _ = both(avg_pool1d(2, padding="same"), inputs, np.ones((1, 3, 1), np.float32))
    assert outputs.ravel().tolist() == [0.5, 2.5, 4.0]
    outputs, _ = both(max_pool1d(3, 2, "same"), -inputs, np.ones((1, 3, 1), np.float32))
    assert outputs.ravel().tolist() == [0, -1, -3]


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("max_pool2d:2", "max_pool2d:2"),
        ("max_pool2d:2x2:2", "max_pool2d:2"),
        ("avg_pool2d:3:2:padding=1", "avg_pool2d:3:stride=2:padding=1"),
        ("max_pool1d:3:padding=same", "max_pool1d:3:padding=same"),
    ],
)
def test_text(text: str, spec: str) -> None:
    assert parse_layers(text).spec() == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_pool2d:0", "expected `kernel_size` to be an integer >= 1, got 0"),
        ("max_pool2d:2:0", "expected `stride` to be an integer >= 1, got 0"),
        ("avg_pool2d:2:padding=2", "expected `padding` to be at most half of `kernel_size`, 2, got 2"),
        ("max_pool1d:3:padding=all", "expected `padding` to be one of same, valid, a number, got 'all'"),
    ],
)
def test_bad_settings(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_layers(text)


def test_samples_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="expected images at least as large as the kernel of 3x3, got 2x2"):
        max_pool2d(3).output_shape((2, 2, 1))
    with pytest.raises(ShapeError, match="put reshape:28:28:1 before"):
        avg_pool2d(2).output_shape((28, 28))
    with pytest.raises(ShapeError, match=r"expected samples of shape \(..., channels\) with positions"):
        global_avg_pool().output_shape((10,))


@pytest.mark.parametrize("shape", [(3, 2), (2, 3, 4)])
def test_global_pooling_is_over_all_axes_but_the_last(shape: Shape) -> None:
    inputs = np.random.default_rng(0).standard_normal((2, *shape))
    grad, axes = np.ones((2, shape[-1])), tuple(range(1, len(shape)))
    means, of_means = both(global_avg_pool(), inputs, grad)
    largest, of_largest = both(global_max_pool(), inputs, grad)
    np.testing.assert_allclose(means, inputs.mean(axis=axes))
    np.testing.assert_array_equal(largest, inputs.max(axis=axes))
    np.testing.assert_allclose(of_means, shape[-1] / np.prod(shape))
    np.testing.assert_array_equal(of_largest, inputs == inputs.max(axis=axes, keepdims=True))
