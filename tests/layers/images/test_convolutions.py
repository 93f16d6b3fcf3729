"""Convolutions compute what torch's do, with every setting, and by every library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Shape
from annex_actors.layers import Kernels, activation, kernels, parse_layers, sequence
from annex_actors.layers.images import Conv1d, Conv2d, conv1d, conv2d, convolution, kernel_rows
from annex_actors.layers.kernels import KERNELS
from annex_actors.layers.windows import Windows, windows_of
from annex_actors.testing import check_layer

TOLERANCES = {"float64": 1e-9, "float32": 1e-5}


@pytest.fixture(params=KERNELS)
def library(request: pytest.FixtureRequest) -> Kernels:
    """Each of the installed kernels."""
    if request.param == "torch":
        pytest.importorskip("torch")
    return kernels(request.param)


@st.composite
def layers(draw: st.DrawFn, axes: int) -> tuple[Conv1d | Conv2d, Shape]:
    """A layer with random settings, and the shape of a sample that fits it."""

    def sizes(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(axes))

    groups, channels, filters = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    padding: Any = draw(st.sampled_from(["same", "valid", sizes(0, 2)]))
    layer = (conv1d if axes == 1 else conv2d)(
        filters * groups, sizes(1, 3), sizes(1, 3), padding, sizes(1, 2), groups, draw(st.booleans())
    )
    shape = (*sizes(2, 7), channels * groups)
    try:
        layer.output_shape(shape)
    except ShapeError:
        assume(False)
    return layer, shape


def numbers(seed: int, shape: Shape, dtype: str) -> Floats:
    array = np.random.default_rng(seed).uniform(-1, 1, shape).astype(dtype)
    array.flags.writeable = False
    return array


def by_torch(layer: Conv1d | Conv2d, inputs: Floats, parameters: dict[str, Floats], grad: Floats) -> list[Floats]:
    """Return the outputs and all gradients as torch's own layer computes them, on images that are padded first."""
    torch: Any = pytest.importorskip("torch")
    functional, axes = torch.nn.functional, layer.axes
    windows = windows_of(
        inputs.shape[1:-1],
        kernel_size=layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
    )
    given = {name: torch.tensor(array, requires_grad=True) for name, array in parameters.items()}
    samples = torch.tensor(inputs, requires_grad=True)
    edges = list(zip(windows.before, windows.after, strict=True))[-axes:]
    padded = functional.pad(samples.movedim(-1, 1), [each for edge in reversed(edges) for each in edge])
    weight = given["weight"].movedim((-1, -2), (0, 1)).contiguous()
    function = functional.conv1d if axes == 1 else functional.conv2d
    settings = {"stride": windows.stride[-axes:], "dilation": windows.dilation[-axes:], "groups": layer.groups}
    outputs = function(padded, weight, given.get("bias"), **settings).movedim(1, -1)
    outputs.backward(torch.tensor(grad))
    return [outputs.detach().numpy(), samples.grad.numpy(), *(each.grad.numpy() for each in given.values())]


def by_layer(layer: Conv1d | Conv2d, inputs: Floats, parameters: dict[str, Floats], grad: Floats) -> list[Floats]:
    """Return the outputs and all gradients as the layer computes them."""
    outputs, saved = layer.forward(parameters, inputs, None)
    grad_input, factors = layer.backward(parameters, saved, grad, True)
    assert grad_input is not None
    gradients = layer.weight_gradient(factors)
    return [outputs, grad_input, *(gradients[name] for name in parameters)]


def check_against_torch(layer: Conv1d | Conv2d, shape: Shape, dtype: str) -> None:
    drawn = layer.initial_parameters(shape, RandomKey(0), np.dtype(dtype))
    parameters = {name: numbers(seed, array.shape, dtype) for seed, (name, array) in enumerate(drawn.items())}
    inputs, grad = numbers(2, (3, *shape), dtype), numbers(3, (3, *layer.output_shape(shape)), dtype)
    expected = by_torch(layer, inputs, parameters, grad)
    for name in KERNELS:
        computed = by_layer(layer.with_kernels(kernels(name)), inputs, parameters, grad)
        for ours, theirs in zip(computed, expected, strict=True):
            assert (ours.dtype, ours.shape, ours.flags.c_contiguous) == (theirs.dtype, theirs.shape, True)
            np.testing.assert_allclose(ours, theirs, rtol=TOLERANCES[dtype], atol=10 * TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", TOLERANCES)
@given(each=st.one_of(layers(1), layers(2)))
def test_a_convolution_is_that_of_torch(dtype: str, each: tuple[Conv1d | Conv2d, Shape]) -> None:
    check_against_torch(*each, dtype)


@pytest.mark.parametrize("block", [1, 400, convolution.BLOCK])
@given(each=layers(2))
def test_row_by_row_of_the_kernel_it_is_the_same(block: int, each: tuple[Conv1d | Conv2d, Shape]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel_rows, "_SHORT_RUN", 0)
        patch.setattr(kernel_rows, "_MOST_IN_VAIN", 1)
        patch.setattr(kernel_rows, "BLOCK", block)
        check_against_torch(*each, "float64")


@pytest.mark.parametrize(
    ("text", "shape", "expected"),
    [
        ("conv2d:8:3:padding=same", (28, 28, 8), ["convolve", "input_gradient", "weight_gradient"]),
        ("conv2d:8:3:padding=same", (28, 28, 3), ["input_gradient"]),  # 3 channels there, 8 filters here
        ("conv2d:8:3:padding=30", (28, 28, 8), ["convolve", "weight_gradient"]),
        ("conv2d:8:3:stride=2", (29, 29, 8), []),
        ("conv2d:8:3:dilation=1x2:padding=same", (28, 28, 8), []),
        ("conv2d:8:3", (7, 7, 8), []),
        ("conv2d:8:1x3", (28, 28, 8), []),
        ("conv2d:16:3:padding=same:groups=2", (28, 28, 16), ["convolve", "input_gradient", "weight_gradient"] * 2),
        ("conv1d:8:3", (28, 8), []),
    ],
)
def test_it_goes_row_by_row_where_that_is_faster(
    text: str, shape: Shape, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []

    def noted(function: Callable[..., Floats]) -> Callable[..., Floats]:
        def call(*arrays: Floats, windows: Windows, kernels: Kernels) -> Floats:
            called.append(function.__name__)
            return function(*arrays, windows=windows, kernels=kernels)

        return call

    layer = parse_layers(text).layers[0]
    assert isinstance(layer, Conv1d | Conv2d)
    for function in (kernel_rows.convolve, kernel_rows.input_gradient, kernel_rows.weight_gradient):
        monkeypatch.setattr(kernel_rows, function.__name__, noted(function))
    check_against_torch(layer, shape, "float32")
    for _ in range(called.count("input_gradient")):
        called.remove("convolve")  # of which it is made
    assert sorted(called) == sorted(expected)


@given(each=st.one_of(layers(1), layers(2)))
def test_a_convolution_keeps_the_promises_of_a_layer(each: tuple[Conv1d | Conv2d, Shape]) -> None:
    layer, shape = each
    assume(np.prod(shape) <= 60)
    check_layer(layer, shape, samples=2)


@pytest.mark.parametrize("block", [1, 200, 1500])
@pytest.mark.parametrize("text", ["conv2d:4:3:padding=same", "conv2d:4:3:2", "conv2d:4:2:groups=4", "conv1d:3:3"])
def test_a_block_may_be_some_samples_or_some_rows_of_one(
    text: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = parse_layers(text).layers[0]
    assert isinstance(layer, Conv1d | Conv2d)
    shape = (6, 5, 4)[2 - layer.axes :]
    monkeypatch.setattr(convolution, "BLOCK", block)
    check_against_torch(layer, shape, "float64")


def test_the_gradient_of_other_kernels_is_the_same_whichever_library_they_are(library: Kernels) -> None:
    check_layer(conv2d(2, 2, stride=2, padding="same").with_kernels(library), (3, 3, 2))


@pytest.mark.parametrize("offset", [4, 16, 48])
def test_where_arrays_begin_in_memory_changes_no_bit(library: Kernels, offset: int) -> None:
    layer = conv2d(6, 3, padding=1).with_kernels(library)
    parameters = {"weight": numbers(0, (3, 3, 5, 6), "float32"), "bias": numbers(1, (6,), "float32")}
    arrays = numbers(2, (4, 9, 7, 5), "float32"), parameters, numbers(3, (4, 9, 7, 6), "float32")
    elsewhere = (
        shifted(arrays[0], offset),
        {name: shifted(each, offset) for name, each in parameters.items()},
        shifted(arrays[2], offset),
    )
    for here, there in zip(by_layer(layer, *arrays), by_layer(layer, *elsewhere), strict=True):
        assert here.tobytes() == there.tobytes()


def shifted(array: Floats, offset: int) -> Floats:
    """Return a copy that begins ``offset`` bytes after a multiple of 64."""
    memory = np.empty(array.nbytes + 256, np.uint8)
    first = -memory.ctypes.data % 64 + offset
    copy = memory[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    copy.flags.writeable = False
    return copy


@pytest.mark.parametrize(
    ("layer", "input_shape", "output_shape"),
    [
        (conv2d(16, 3), (28, 28, 1), (26, 26, 16)),
        (conv2d(16, 3, padding="same"), (28, 27, 1), (28, 27, 16)),
        (conv2d(16, 3, stride=2, padding="same"), (28, 27, 1), (14, 14, 16)),
        (conv2d(16, (3, 5), padding=1), (28, 28, 1), (28, 26, 16)),
        (conv2d(2, 3, dilation=3), (9, 8, 4), (3, 2, 2)),
        (conv1d(4, 5, stride=3), (20, 2), (6, 4)),
        (conv1d(4, 5, stride=3, padding="same"), (20, 2), (7, 4)),
    ],
)
def test_shapes(layer: Conv1d | Conv2d, input_shape: Shape, output_shape: Shape) -> None:
    assert layer.output_shape(input_shape) == output_shape


def test_an_odd_row_or_column_of_the_padding_same_lies_below_or_to_the_right_as_in_tensorflow() -> None:
    windows = windows_of((4, 5), kernel_size=2, stride=2, padding="same")
    assert (windows.before, windows.after) == ((0, 0), (0, 1))


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("conv2d:16:3", "conv2d:16:3"),
        ("conv2d:16:3x3:1:valid", "conv2d:16:3"),
        ("conv2d:16:3:padding=0", "conv2d:16:3"),
        ("conv2d:16:3x5:2:same", "conv2d:16:3x5:stride=2:padding=same"),
        ("conv2d:8:3:groups=4:bias=false:initializer=he", "conv2d:8:3:groups=4:bias=false:initializer=he"),
        ("conv1d:4:5:padding=2", "conv1d:4:5:padding=2"),
    ],
)
def test_text(text: str, spec: str) -> None:
    assert parse_layers(text).spec() == spec


def test_initial_weights_are_those_of_he_before_a_relu_and_else_of_glorot() -> None:
    plain, before_relu = sequence(conv2d(64, 3)).layers[0], sequence(conv2d(64, 3), activation("relu")).layers[0]
    deviations = []
    for layer in (plain, before_relu):
        assert isinstance(layer, Conv2d)
        deviations.append(layer.initial_parameters((5, 5, 32), RandomKey(0), np.dtype("float64"))["weight"].std())
    assert deviations == pytest.approx([(2 / (9 * 32 + 9 * 64)) ** 0.5, (2 / (9 * 32)) ** 0.5], rel=0.02)


def test_an_input_of_a_group_reaches_its_filters_only() -> None:
    layer = conv2d(64, 3, groups=32, initializer="glorot")
    weight = layer.initial_parameters((5, 5, 32), RandomKey(0), np.dtype("float64"))["weight"]
    assert weight.shape == (3, 3, 1, 64)
    assert weight.std() == pytest.approx((2 / (9 * 1 + 9 * 2)) ** 0.5, rel=0.05)


def test_work_is_a_multiplication_for_each_weight_at_each_window() -> None:
    assert conv2d(16, 3).work((28, 28, 3)) == 26 * 26 * (27 + 1) * 16
    assert conv2d(6, 3, groups=3, bias=False).work((5, 5, 3)) == 9 * 9 * 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv2d:0:3", "expected `filters` to be an integer >= 1, got 0"),
        ("conv2d:4:0", "expected `kernel_size` to be an integer >= 1, got 0"),
        ("conv2d:4:3x3x3", r"expected `kernel_size` to be an integer or 2 of them, such as 3x5, got \(3, 3, 3\)"),
        ("conv1d:4:3x3", r"expected `kernel_size` to be an integer, got \(3, 3\)"),
        ("conv2d:4:3:0", "expected `stride` to be an integer >= 1, got 0"),
        ("conv2d:4:3:padding=-1", "expected `padding` to be an integer >= 0, got -1"),
        ("conv2d:4:3:padding=sames", "expected `padding` to be one of same, valid, a number, got 'sames'"),
        ("conv2d:4:3:dilation=0", "expected `dilation` to be an integer >= 1, got 0"),
        ("conv2d:4:3:groups=3", "expected `filters` to be a multiple of `groups`, 3, got 4; change either"),
        ("conv2d:4:3:bias=1", "expected `bias` to be true or false, got 1"),
        ("conv2d:4:3:kernels=numpy", "expected layer 0 as conv2d:filters:kernel_size"),
    ],
)
def test_bad_settings(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_layers(text)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (conv2d(4, 5), (4, 8, 1), "expected images at least as large as the kernel of 5x5, got 4x8; take a smaller"),
        (conv2d(4, 3, dilation=4), (8, 8, 1), "the kernel of 3x3, which spans 9x9 with its gaps, got 8x8; take"),
        (conv2d(4, 7, padding=1), (4, 4, 1), "the kernel of 7x7, got 4x4 with padding, 6x6; take a smaller"),
        (conv2d(4, 3), (28, 28), r"expected samples of shape \(height, width, channels\).*put reshape:28:28:1 before"),
        (conv2d(4, 3), (784,), "put reshape:28:28:1 before"),
        (conv1d(4, 3), (100,), r"expected samples of shape \(length, channels\).*put reshape:100:1 before"),
        (conv1d(4, 3), (28, 28, 1), "put reshape before"),
        (conv2d(4, 3, groups=2), (8, 8, 3), "channels are a multiple of `groups`, 2, got"),
    ],
)
def test_samples_that_do_not_fit(layer: Conv1d | Conv2d, shape: Shape, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        layer.output_shape(shape)
