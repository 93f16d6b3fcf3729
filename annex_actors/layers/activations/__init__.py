"""Activation functions, and the layers that apply them to every number of a sample.

1. `function`: the protocol `Function`, which has four members, and what a function may add to it;
2. `functions`: sigmoid, tanh, softmax, log_softmax, linear, step;
3. `rectifiers`: relu, leaky_relu, elu, which pull back from their outputs;
4. `smooth`, with `normal`: gelu, silu, softplus, which need their inputs as well;
5. `activation`: the layer that applies a function, and the functions by name;
6. `prelu`: the rectifier that learns its slope, a layer of its own.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from annex_actors.layers.activations.activation import FUNCTIONS, Activation, activation, applying
from annex_actors.layers.activations.function import Function, SavesMore
from annex_actors.layers.activations.functions import Linear, LogSoftmax, Sigmoid, Softmax, Step, Tanh
from annex_actors.layers.activations.prelu import Prelu, prelu
from annex_actors.layers.activations.rectifiers import Elu, LeakyRelu, Relu
from annex_actors.layers.activations.smooth import Gelu, Silu, Softplus
from annex_actors.layers.layer import Layer

ACTIVATION_LAYERS: Mapping[str, Callable[..., Layer]] = MappingProxyType(
    {**{name: applying(function) for name, function in FUNCTIONS.items()}, "prelu": prelu}
)
"""The constructors of the layers by name."""

__all__ = [
    "ACTIVATION_LAYERS",
    "Activation",
    "Elu",
    "Function",
    "Gelu",
    "LeakyRelu",
    "Linear",
    "LogSoftmax",
    "Prelu",
    "Relu",
    "SavesMore",
    "Sigmoid",
    "Silu",
    "Softmax",
    "Softplus",
    "Step",
    "Tanh",
    "activation",
    "prelu",
]
