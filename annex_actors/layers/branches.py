"""Networks that branch: every branch works on the same activation, and the results are added or laid side by side.

A branched network is still a chain. A fork puts the activation on the stack as often as there are branches. Each branch
in turn works on the top, and then a rotation moves its result to the bottom of these arrays, so that the next branch
finds its own copy on top. After the last rotation the results lie in the order of the branches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.described import ADDED
from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.types import Floats, Shape
from annex_actors.base.words import counted
from annex_actors.layers.layer import Saved
from annex_actors.layers.network import Network, sequence
from annex_actors.layers.stack import AnyLayer, Stack, StackLayer


def residual(*layers: AnyLayer | Network) -> Network:
    """Return ``y = x + layers(x)`` as a chain: a fork, the layers, and a join.

    As text: ``"residual( dense:64 relu )"``, which is short for ``"fork dense:64 relu join"``. If the layers change the
    shape, write ``add`` with a branch that changes it as well.

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


def add(*layers: AnyLayer | Network) -> Network:
    """Return the sum of branches, each a layer or a `sequence`, such as ``add( sequence( dense:8 relu ) dense:8 )``.

    Args:
        layers: the branches, at least two; a branch of several layers is a network. All give the same shape.

    Raises:
        ConfigError: fewer than two branches, or something is neither a layer nor a network.
    """
    return _branched("add", layers, Join)


def concat(*layers: AnyLayer | Network) -> Network:
    """Return branches side by side on the last axis, such as ``concat( linear sequence( dense:8 relu ) )``.

    Args:
        layers: the branches, at least two; a branch of several layers is a network. Their shapes agree in all axes but
            the last.

    Raises:
        ConfigError: fewer than two branches, or something is neither a layer nor a network.

    Source:
        Szegedy et al. (2015), Going deeper with convolutions; Huang, Liu, van der Maaten, Weinberger (2017), Densely
        connected convolutional networks.
    """
    return _branched("concat", layers, Concatenate)


def _branched(name: str, branches: tuple[AnyLayer | Network, ...], end: Callable[[int], StackLayer]) -> Network:
    count = len(branches)
    if count < 2:
        got = counted(count, "branch")
        raise ConfigError(f"expected `{name}` to have several branches, got {got}; `linear` is an empty branch")
    layers: list[AnyLayer | Network] = [Fork(count)]
    for branch in branches:
        layers += [branch, Rotate(count)]
    return sequence(*layers, end(count))


@dataclass(frozen=True)
class Fork:
    """A layer that puts the activation on the stack several times, without copying it.

    Args:
        copies: how often, >= 2. Samples have any shape, and so have the copies.

    Raises:
        ConfigError: ``copies`` is not an integer >= 2.
    """

    copies: int = field(default=2, metadata=ADDED)

    takes = 1

    def __post_init__(self) -> None:
        checks.keep(self, copies=checks.whole_number("copies", self.copies, at_least=2, limit=_MOST))

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "fork"

    @property
    def gives(self) -> int:
        """How many arrays it puts on the stack."""
        return self.copies

    def spec(self) -> str:
        """Return ``fork``, and the number of copies unless it is 2."""
        return written(self.name, self)

    def output_shapes(self, input_shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Return the shape of each copy."""
        return input_shapes * self.copies

    def forward_stack(self, inputs: Stack) -> tuple[Stack, Saved]:
        """Return the activation several times; save nothing."""
        return inputs * self.copies, None

    def backward_stack(self, saved: Saved, grad_outputs: Stack) -> Stack:
        """Return the sum of the gradients, added from the top down."""
        return (_sum(grad_outputs),)


@dataclass(frozen=True)
class _OfSeveral:
    """What the layers share that take several arrays from the stack.

    Args:
        count: how many arrays, >= 2.

    Raises:
        ConfigError: ``count`` is not an integer >= 2.
    """

    count: int = field(default=2, metadata=ADDED)

    name = ""

    def __post_init__(self) -> None:
        checks.keep(self, count=checks.whole_number("count", self.count, at_least=2, limit=_MOST))

    @property
    def takes(self) -> int:
        """How many arrays it takes."""
        return self.count

    def spec(self) -> str:
        """Return the name, and the number of arrays unless it is 2."""
        return written(self.name, self)


class Rotate(_OfSeveral):
    """A layer that moves the topmost of several arrays below the others: ``a b c`` becomes ``b c a``.

    Args:
        count: how many arrays, >= 2. They have any shapes, and keep them.

    Raises:
        ConfigError: ``count`` is not an integer >= 2.
    """

    name = "rotate"

    @property
    def gives(self) -> int:
        """How many arrays it gives: as many as it takes."""
        return self.count

    def output_shapes(self, input_shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Return the shapes, the first one last."""
        return (*input_shapes[1:], input_shapes[0])

    def forward_stack(self, inputs: Stack) -> tuple[Stack, Saved]:
        """Return the arrays, the first one last; save nothing."""
        return (*inputs[1:], inputs[0]), None

    def backward_stack(self, saved: Saved, grad_outputs: Stack) -> Stack:
        """Return the gradients, the last one first."""
        return (grad_outputs[-1], *grad_outputs[:-1])


class Join(_OfSeveral):
    """A layer that replaces the topmost arrays by their sum, ``a + b + ...``.

    Args:
        count: how many arrays, >= 2. All have the same shape, and so has the sum.

    Raises:
        ConfigError: ``count`` is not an integer >= 2.
    """

    name = "join"
    gives = 1

    def output_shapes(self, input_shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Return the shape that all arrays have.

        Raises:
            ShapeError: the shapes differ.
        """
        if len(set(input_shapes)) != 1:
            raise ShapeError(
                f"expected arrays of one shape to add, got {_listed(input_shapes)}; the last layer of a branch decides "
                "its shape, and in `residual` it must be that of the inputs"
            )
        return input_shapes[:1]

    def forward_stack(self, inputs: Stack) -> tuple[Stack, Saved]:
        """Return the sum of the arrays, added from the top down; save nothing."""
        return (_sum(inputs),), None

    def backward_stack(self, saved: Saved, grad_outputs: Stack) -> Stack:
        """Return the gradient for each array, without copying it."""
        return grad_outputs * self.count


class Concatenate(_OfSeveral):
    """A layer that lays the topmost arrays side by side, on their last axis.

    Args:
        count: how many arrays, >= 2. Their shapes agree in all axes but the last, of which the result has the sum.

    Raises:
        ConfigError: ``count`` is not an integer >= 2.
    """

    name = "concatenate"
    gives = 1

    def output_shapes(self, input_shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Return the shape of the result: the last axes added up.

        Raises:
            ShapeError: the shapes differ in another axis, or have none.
        """
        if len({shape[:-1] for shape in input_shapes}) != 1 or not all(input_shapes):
            raise ShapeError(f"expected branches that differ in the last axis only, got {_listed(input_shapes)}")
        return ((*input_shapes[0][:-1], sum(shape[-1] for shape in input_shapes)),)

    def forward_stack(self, inputs: Stack) -> tuple[Stack, Saved]:
        """Return the arrays side by side; save where each of them ends."""
        ends = np.cumsum([each.shape[-1] for each in inputs])[:-1].tolist()
        return (np.concatenate(inputs, axis=-1),), ends

    def backward_stack(self, saved: Saved, grad_outputs: Stack) -> Stack:
        """Return the part of the gradient that belongs to each array."""
        return tuple(map(np.ascontiguousarray, np.split(grad_outputs[0], saved, axis=-1)))


_MOST = 2**10
"""Branches of one fork: far above what any network has, and low enough to keep a stack small."""


def _sum(arrays: Stack) -> Floats:
    total: Floats = arrays[0] + arrays[1]
    for array in arrays[2:]:
        total += array
    return total


def _listed(shapes: tuple[Shape, ...]) -> str:
    return ", ".join(map(str, shapes))
