"""The activation layer: it applies a function to every sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from types import MappingProxyType
from typing import Any

from annex_actors.base import checks
from annex_actors.base.calls import parse_call, usage_of
from annex_actors.base.errors import ConfigError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.shown import shown
from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.layers.activations.function import Function
from annex_actors.layers.activations.functions import Linear, LogSoftmax, Sigmoid, Softmax, Step, Tanh
from annex_actors.layers.activations.rectifiers import Elu, LeakyRelu, Relu
from annex_actors.layers.activations.smooth import Gelu, Silu, Softplus
from annex_actors.layers.layer import Factors, Saved

FUNCTIONS: Mapping[str, Callable[..., Function]] = MappingProxyType(
    {
        "relu": Relu,
        "leaky_relu": LeakyRelu,
        "elu": Elu,
        "gelu": Gelu,
        "silu": Silu,
        "softplus": Softplus,
        "sigmoid": Sigmoid,
        "tanh": Tanh,
        "softmax": Softmax,
        "log_softmax": LogSoftmax,
        "linear": Linear,
        "step": Step,
    }
)
"""The activation functions by name."""


def activation(name: str | tuple[str, float]) -> Activation:
    """Return the layer that applies this function, such as relu, gelu or softmax.

    Args:
        name: the function's name, with its arguments as in a network's text: "leaky_relu:0.2", "gelu:tanh". Or
            ``("relu", threshold)`` for ``max(x, threshold)``.

    Raises:
        ConfigError: there is no such function, or it does not have such arguments.
    """
    if isinstance(name, str):
        return _parsed(name)
    if isinstance(name, tuple) and len(name) == 2 and name[0] == "relu":
        return Activation(Relu(name[1]))
    raise ConfigError(f'expected `activation` to be a name or ("relu", threshold), got {shown(name)}')


def applying(function: Callable[..., Function]) -> Callable[..., Activation]:
    """Return the constructor of the layer that applies a function: it takes the function's settings."""

    @wraps(function, updated=())
    def constructor(*arguments: Any, **settings: Any) -> Activation:
        return Activation(function(*arguments, **settings))

    return constructor


def _parsed(text: str) -> Activation:
    name = text.partition(":")[0]
    function = FUNCTIONS[name] if name in FUNCTIONS else checks.unknown("activation", text, FUNCTIONS)
    usage = f"`activation` as {usage_of(name, function)}"
    call = parse_call(text, usage=usage)
    return Activation(call.make(function, usage=usage, text=text, place="activation"))


@dataclass(frozen=True)
class Activation:
    """A layer without parameters that applies ``function`` to every sample."""

    function: Function

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.spec().partition(":")[0]

    @property
    def rectifies(self) -> bool:
        """Whether the function passes on about half of its inputs, as relu does."""
        return self.function.rectifies

    def spec(self) -> str:
        """Return the function's text, such as ``tanh`` or ``relu:0.5``."""
        return self.function.spec()

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``."""
        return input_shape

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the function's outputs, which it also saves, unless the function saves more (`SavesMore`)."""
        # Not by isinstance, which takes a microsecond for a protocol.
        forward = getattr(self.function, "forward", None)
        if forward is not None:
            outputs, saved = forward(inputs)
            return outputs, saved
        outputs = self.function(inputs)
        return outputs, outputs

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return the function's pull-back of ``grad_output``, and no factors."""
        return self.function.pull_back(saved, grad_output), ()
