"""Layers on a stack of arrays: how a chain forks and joins.

Layers pass a stack on to each other: the activation on top, and below it the arrays that skip the layers of a residual
block. A `Layer` works on the top and leaves the rest alone. A `StackLayer` takes several arrays from the top, or puts
several there. Gradients travel back as the same stack. So a network with skip connections is still a chain: every layer
of a residual block can have its own actor, and a placement may cut the chain anywhere.

At the bottom there may be a mask, which says what in a sequence is padding. A layer that `UsesMask` looks at it there.
"""

from __future__ import annotations

from typing import Protocol, Self, TypeAlias, runtime_checkable

from annex_actors.base.errors import ShapeError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.base.words import counted
from annex_actors.layers.layer import Factors, Layer, Saved

Stack: TypeAlias = tuple[Floats, ...]
"""Arrays of the same microbatch, the activation first."""


@runtime_checkable
class StackLayer(Protocol):
    """A layer without weights that changes how many arrays there are, such as a fork.

    The rules for arrays are those of `Layer`; a given array may also be returned several times.
    """

    @property
    def name(self) -> str:
        """Name used in layer specs, such as ``fork``."""

    @property
    def takes(self) -> int:
        """How many arrays it takes from the top of the stack, at least 1."""

    @property
    def gives(self) -> int:
        """How many arrays it puts in their place, at least 1."""

    def spec(self) -> str:
        """Return the text that `parse_layers` reads back: name and arguments, without spaces."""

    def output_shapes(self, input_shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Return the shape of one sample of each array that it gives, from the shapes of the arrays that it takes.

        Raises:
            ShapeError: samples of these shapes do not fit the layer.
        """

    def forward_stack(self, inputs: Stack) -> tuple[Stack, Saved]:
        """Return the arrays to put on the stack, and what `backward_stack` needs."""

    def backward_stack(self, saved: Saved, grad_outputs: Stack) -> Stack:
        """Return dC/dinputs for each array taken, from dC/doutputs of each array given, for the same microbatch."""


@runtime_checkable
class ChangesMask(Protocol):
    """A `StackLayer` that puts a mask under the activation, or takes it off; it stands outside of all branches."""

    @property
    def gives_mask(self) -> bool:
        """Whether there is a mask after the layer."""


@runtime_checkable
class UsesMask(Protocol):
    """A `Layer` that leaves out padding where there is a mask, such as attention."""

    @property
    def is_masked(self) -> bool:
        """Whether there is a mask."""

    def with_mask(self, is_masked: bool) -> Self:
        """Return the same layer for a place in a network where there is a mask, or none; `sequence` calls it."""

    def forward_masked(
        self, parameters: Parameters, inputs: Floats, mask: Floats, key: RandomKey | None
    ) -> tuple[Floats, Saved]:
        """Return what `Layer.forward` returns; a stage calls it instead where there is a mask.

        Args:
            parameters: as given to `Layer.forward`.
            inputs: likewise, shape ``(microbatch, sequence, ...)``.
            mask: 1 where a position counts and 0 where it is padding, shape ``(microbatch, sequence)``; read-only.
            key: as given to `Layer.forward`.
        """


AnyLayer: TypeAlias = Layer | StackLayer


class OnStack(Protocol):
    """A layer that works on a whole stack; made by `on_stack`."""

    def forward(self, parameters: Parameters, stack: Stack, key: RandomKey | None) -> tuple[Stack, Saved]:
        """Return the stack above the layer, and what `backward` needs."""

    def backward(
        self, parameters: Parameters, saved: Saved, gradients: Stack, input_wanted: bool
    ) -> tuple[Stack, Factors]:
        """Return the gradients of the stack below the layer, and the factors of the layer's weight gradient.

        Args:
            parameters: as given to `forward`.
            saved: what `forward` returned for the same microbatch.
            gradients: of the stack above the layer, the activation's first.
            input_wanted: False if nothing needs the gradients below; the stack returned is then empty.
        """


def on_stack(layer: AnyLayer) -> OnStack:
    """Return an adapter that applies a layer to a whole stack."""
    if isinstance(layer, StackLayer):
        return _OnSeveral(layer)
    return _OverMask(layer, layer) if isinstance(layer, UsesMask) and layer.is_masked else _OnTop(layer)


class _OnTop:
    """Applies a `Layer` to the top of the stack."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer

    def forward(self, parameters: Parameters, stack: Stack, key: RandomKey | None) -> tuple[Stack, Saved]:
        top, saved = self._layer.forward(parameters, stack[0], key)
        return (top, *stack[1:]) if len(stack) > 1 else (top,), saved

    def backward(
        self, parameters: Parameters, saved: Saved, gradients: Stack, input_wanted: bool
    ) -> tuple[Stack, Factors]:
        top, factors = self._layer.backward(parameters, saved, gradients[0], input_wanted)
        if top is None:
            return (), factors
        return (top, *gradients[1:]) if len(gradients) > 1 else (top,), factors


class _OverMask(_OnTop):
    """Applies a layer that uses the mask to the top of the stack and the mask at the bottom."""

    def __init__(self, layer: Layer, masked: UsesMask) -> None:
        super().__init__(layer)
        self._masked = masked

    def forward(self, parameters: Parameters, stack: Stack, key: RandomKey | None) -> tuple[Stack, Saved]:
        top, saved = self._masked.forward_masked(parameters, stack[0], stack[-1], key)
        return (top, *stack[1:]), saved


class _OnSeveral:
    """Applies a `StackLayer`, which takes several arrays from the stack or puts several there."""

    def __init__(self, layer: StackLayer) -> None:
        self._layer = layer
        self._takes, self._gives = layer.takes, layer.gives

    def forward(self, parameters: Parameters, stack: Stack, key: RandomKey | None) -> tuple[Stack, Saved]:
        given, saved = self._layer.forward_stack(stack[: self._takes])
        return (*given, *stack[self._takes :]), saved

    def backward(
        self, parameters: Parameters, saved: Saved, gradients: Stack, input_wanted: bool
    ) -> tuple[Stack, Factors]:
        if not input_wanted:
            return (), ()
        below = self._layer.backward_stack(saved, gradients[: self._gives])
        return (*below, *gradients[self._gives :]), ()


def shapes_after(layer: AnyLayer, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """Return the shapes of the stack after a layer, from the shapes of the stack before it.

    Raises:
        ShapeError: the shapes do not fit the layer, or there are too few arrays.
    """
    if not isinstance(layer, StackLayer):
        if isinstance(layer, UsesMask) and layer.is_masked:
            _check_mask(layer, shapes)
        return (layer.output_shape(shapes[0]), *shapes[1:])
    if isinstance(layer, ChangesMask) and len(shapes) != layer.takes:
        wanted = "no mask and no open fork" if layer.gives_mask else "a mask and no open fork"
        raise ShapeError(f"expected {wanted} before {layer.spec()}, got a stack of {counted(len(shapes), 'array')}")
    if len(shapes) < layer.takes:
        wanted = f"{counted(layer.takes, 'array')} to {layer.name}"
        raise ShapeError(f"expected {wanted}, got {len(shapes)}; put a fork before {layer.spec()}")
    return (*layer.output_shapes(shapes[: layer.takes]), *shapes[layer.takes :])


def _check_mask(layer: Layer, shapes: tuple[Shape, ...]) -> None:
    if len(shapes) < 2 or shapes[0][:1] != shapes[-1]:
        raise ShapeError(
            f"expected {layer.name} to meet a mask for each position of samples {shapes[0]}, got one of {shapes[-1]}; "
            "put unmask before what changes the positions"
        )
