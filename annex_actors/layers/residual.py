"""Skip connections: a fork, the layers that are skipped, and a join that adds the two branches."""

from __future__ import annotations

from dataclasses import dataclass

from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.types import Shape
from annex_actors.layers.layer import Saved
from annex_actors.layers.network import Network, sequence
from annex_actors.layers.stack import AnyLayer, Stack


def residual(*layers: AnyLayer | Network) -> Network:
    """Return ``y = x + layers(x)`` as a chain: a fork, the layers, and a join.

    As text: ``"residual( dense:64 relu )"``, which is short for ``"fork dense:64 relu join"``.

    Args:
        layers: at least one; the last one's outputs have the shape of the first one's inputs.

    Raises:
        ConfigError: there are no layers, or something is not a layer.

    Source:
        He, Zhang, Ren, Sun (2016), Deep residual learning for image recognition.
    """
    if not layers:
        raise ConfigError("expected `residual` to have at least one layer, got none")
    return sequence(Fork(), *layers, Join())


@dataclass(frozen=True)
class Fork:
    """A layer that puts the activation on the stack a second time, without copying it."""

    takes = 1
    gives = 2

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "fork"

    def spec(self) -> str:
        """Return ``fork``."""
        return self.name

    def output_shapes(self, input_shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Return the shape twice."""
        return input_shapes * 2

    def forward_stack(self, inputs: Stack) -> tuple[Stack, Saved]:
        """Return the activation twice; save nothing."""
        return inputs * 2, None

    def backward_stack(self, saved: Saved, grad_outputs: Stack) -> Stack:
        """Return the sum of both gradients."""
        onward, skipped = grad_outputs
        return (onward + skipped,)


@dataclass(frozen=True)
class Join:
    """A layer that replaces the two topmost arrays by their sum."""

    takes = 2
    gives = 1

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "join"

    def spec(self) -> str:
        """Return ``join``."""
        return self.name

    def output_shapes(self, input_shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Return the shape that both arrays have.

        Raises:
            ShapeError: the two shapes differ.
        """
        onward, skipped = input_shapes
        if onward != skipped:
            raise ShapeError(
                f"expected what is skipped to keep the shape of its inputs, {skipped}, got {onward}; "
                "give its last layer as many outputs"
            )
        return (onward,)

    def forward_stack(self, inputs: Stack) -> tuple[Stack, Saved]:
        """Return the sum of both arrays; save nothing."""
        onward, skipped = inputs
        return (onward + skipped,), None

    def backward_stack(self, saved: Saved, grad_outputs: Stack) -> Stack:
        """Return the gradient twice, without copying it."""
        return grad_outputs * 2
