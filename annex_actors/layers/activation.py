"""The activation layer: it applies a function to every sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.shown import shown
from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.layers.functions import Function, Linear, Relu, Sigmoid, Softmax, Tanh
from annex_actors.layers.layer import Factors, Saved

FUNCTIONS: Mapping[str, Callable[..., Function]] = MappingProxyType(
    {"relu": Relu, "sigmoid": Sigmoid, "tanh": Tanh, "softmax": Softmax, "linear": Linear}
)


def activation(name: str | tuple[str, float]) -> Activation:
    """Return the layer that applies this function: relu, sigmoid, tanh, softmax or linear.

    Args:
        name: the function's name, or ``("relu", threshold)`` for ``max(x, threshold)``.

    Raises:
        ConfigError: there is no such function, or the threshold is not a finite number.
    """
    if isinstance(name, str):
        return Activation(FUNCTIONS[name]() if name in FUNCTIONS else checks.unknown("activation", name, FUNCTIONS))
    if isinstance(name, tuple) and len(name) == 2 and name[0] == "relu":
        return Activation(Relu(name[1]))
    raise ConfigError(f'expected `activation` to be a name or ("relu", threshold), got {shown(name)}')


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
        """Return the function's outputs, which it also saves."""
        outputs = self.function(inputs)
        return outputs, outputs

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return the function's pull-back of ``grad_output``, and no factors."""
        return self.function.pull_back(saved, grad_output), ()
