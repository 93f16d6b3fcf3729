from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.layers import activation, prelu
from tests.layers.torch_layers import agree, channels_first, channels_last

nn = pytest.importorskip("torch").nn

shapes = st.lists(st.integers(1, 9), min_size=2, max_size=4).map(tuple)
dtypes = st.sampled_from(["float32", "float64"])
seeds = st.integers(0, 2**32 - 1)
numbers = st.floats(0, 4, exclude_min=True).map(lambda number: round(number, 3) or 0.5)

functions: st.SearchStrategy[tuple[str, Any]] = st.one_of(
    st.sampled_from(
        [
            ("relu", nn.ReLU()),
            ("leaky_relu", nn.LeakyReLU()),
            ("elu", nn.ELU()),
            ("gelu", nn.GELU()),
            ("gelu:tanh", nn.GELU("tanh")),
            ("silu", nn.SiLU()),
            ("softplus", nn.Softplus()),
            ("sigmoid", nn.Sigmoid()),
            ("tanh", nn.Tanh()),
            ("softmax", nn.Softmax(-1)),
            ("log_softmax", nn.LogSoftmax(-1)),
            ("linear", nn.Identity()),
        ]
    ),
    numbers.map(lambda slope: (f"leaky_relu:{slope / 5}", nn.LeakyReLU(slope / 5))),
    numbers.map(lambda alpha: (f"elu:{alpha}", nn.ELU(alpha))),
    st.tuples(numbers, numbers).map(lambda both: (f"softplus:{both[0]}:{both[1]}", nn.Softplus(*both))),
    numbers.map(lambda threshold: (f"relu:{threshold}", nn.Threshold(threshold, threshold))),
)


@settings(deadline=None, print_blob=True)
@given(functions, shapes, dtypes, seeds)
def test_each_function_is_that_of_torch(
    function: tuple[str, Any], shape: tuple[int, ...], dtype: str, seed: int
) -> None:
    text, module = function
    agree(activation(text), module, shape, dtype=dtype, seed=seed)


@settings(deadline=None, print_blob=True)
@given(shapes, st.booleans(), dtypes, seeds)
def test_prelu_is_that_of_torch(shape: tuple[int, ...], for_each_channel: bool, dtype: str, seed: int) -> None:
    count = shape[-1] if for_each_channel else 1
    agree(prelu(count), nn.PReLU(count), shape, dtype=dtype, seed=seed, there=channels_first, back=channels_last)
