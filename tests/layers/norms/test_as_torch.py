from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.types import Floats
from annex_actors.layers import batch_norm, group_norm, layer_norm, rms_norm
from tests.layers.torch_layers import agree, channels_first, channels_last, close

torch = pytest.importorskip("torch")
nn = torch.nn

sizes = st.integers(1, 9)
# Statistics are over at least four numbers: of fewer, dC/dinputs is little but what rounding leaves of a difference.
several = st.integers(4, 9)
shapes = st.tuples(st.lists(sizes, min_size=1, max_size=3), several).map(lambda both: (*both[0], both[1]))
dtypes = st.sampled_from(["float32", "float64"])
seeds = st.integers(0, 2**32 - 1)
epsilons = st.sampled_from([1e-5, 1e-3, 0.1])
truths = st.booleans()


def batch_norm_of_torch(axes: int) -> Any:
    return {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[axes]


@settings(deadline=None, print_blob=True)
@given(
    st.lists(sizes, min_size=1, max_size=4),
    several,
    st.floats(0, 0.9),
    epsilons,
    truths,
    dtypes,
    seeds,
)
def test_batch_norm_is_that_of_torch(
    shape: list[int], samples: int, momentum: float, epsilon: float, affine: bool, dtype: str, seed: int
) -> None:
    layer = batch_norm(momentum, epsilon, scale=affine, center=affine)
    kind = batch_norm_of_torch(len(shape) + 1)
    module = kind(shape[-1], eps=epsilon, momentum=momentum, affine=affine)
    state = layer.initial_state(tuple(shape), np.dtype(dtype))
    agree(
        layer,
        module,
        (samples, *shape),
        dtype=dtype,
        seed=seed,
        there=channels_first,
        back=channels_last,
        parameters=state,
    )


@settings(deadline=None, print_blob=True, max_examples=30)
@given(st.lists(sizes, min_size=1, max_size=3), dtypes, seeds)
def test_batch_norm_predicts_as_torch_does(shape: list[int], dtype: str, seed: int) -> None:
    generator, layer = np.random.default_rng(seed), batch_norm()
    module = batch_norm_of_torch(len(shape) + 1)(shape[-1]).to(getattr(torch, dtype)).eval()
    arrays: dict[str, Floats] = {}
    for name in ("weight", "bias", "running_mean", "running_var"):
        arrays[name] = np.abs(generator.normal(size=shape[-1])).astype(dtype)
        getattr(module, name).data = torch.from_numpy(arrays[name])
    inputs = generator.normal(size=(3, *shape)).astype(dtype)
    outputs, _ = layer.forward(arrays, inputs, None)
    close(outputs, channels_last(module(channels_first(torch.from_numpy(inputs)))).detach().numpy(), dtype)


@settings(deadline=None, print_blob=True)
@given(shapes, st.integers(1, 3), epsilons, truths, truths, dtypes, seeds)
def test_layer_norm_is_that_of_torch(
    shape: tuple[int, ...], axes: int, epsilon: float, scale: bool, center: bool, dtype: str, seed: int
) -> None:
    axes, center = min(axes, len(shape) - 1), center and scale  # torch has no bias without a weight
    layer = layer_norm(axes, epsilon, scale, center)
    module = nn.LayerNorm(shape[-axes:], eps=epsilon, elementwise_affine=scale, bias=center)
    agree(layer, module, shape, dtype=dtype, seed=seed)


@settings(deadline=None, print_blob=True)
@given(st.lists(sizes, min_size=1, max_size=3), st.integers(1, 4), several, epsilons, truths, dtypes, seeds)
def test_group_norm_is_that_of_torch(
    shape: list[int], groups: int, each: int, epsilon: float, affine: bool, dtype: str, seed: int
) -> None:
    channels = groups * each
    layer = group_norm(groups, epsilon, scale=affine, center=affine)
    module = nn.GroupNorm(groups, channels, eps=epsilon, affine=affine)
    agree(layer, module, (*shape, channels), dtype=dtype, seed=seed, there=channels_first, back=channels_last)


@settings(deadline=None, print_blob=True)
@given(shapes, epsilons, truths, dtypes, seeds)
def test_rms_norm_is_that_of_torch(shape: tuple[int, ...], epsilon: float, scale: bool, dtype: str, seed: int) -> None:
    module = nn.RMSNorm(shape[-1], eps=epsilon, elementwise_affine=scale)
    agree(rms_norm(epsilon, scale), module, shape, dtype=dtype, seed=seed)


@pytest.mark.parametrize(("shape", "channels"), [((64, 14, 14), 16), ((50, 97), 3), ((4096,), 128), ((31,), 2048)])
def test_many_rows_sum_up_as_exactly_as_in_torch(shape: tuple[int, ...], channels: int) -> None:
    agree(
        batch_norm(),
        batch_norm_of_torch(len(shape) + 1)(channels),
        (*shape, channels),
        dtype="float32",
        seed=1,
        there=channels_first,
        back=channels_last,
        parameters=batch_norm().initial_state((channels,), np.dtype("float32")),
    )
    agree(layer_norm(), nn.LayerNorm(channels), (*shape, channels), dtype="float32", seed=1)
