"""Masks: which positions of a sequence are padding, for layers that leave it out.

Sequences of several lengths are filled up to one length. ``mask`` remembers which positions are padding. It puts an
array of ones and zeros at the bottom of the stack (`annex_actors.layers.stack`), where it passes by all layers but
those that look at it: attention, lstm and gru. ``masked_avg_pool`` or ``unmask`` takes it off. So a network with a mask
is still a chain:

    mask embedding:100:32 positions residual( layer_norm self_attention:4 ) masked_avg_pool dense:2
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.errors import ShapeError
from annex_actors.base.types import Floats, Shape
from annex_actors.layers.layer import Saved
from annex_actors.layers.stack import Stack


@dataclass(frozen=True)
class Mask:
    """A layer on the stack that marks which positions are padding: those that hold ``padding`` and nothing else.

    Its inputs have shape ``(sequence,)`` or ``(sequence, width)`` and stay as they are. The mask, shape
    ``(sequence,)``, is 1 where a position counts and 0 where it is padding.

    Args:
        padding: what sequences are filled up with.

    Raises:
        ConfigError: ``padding`` is not a finite number.

    Source:
        As keras.layers.Masking.
    """

    padding: float = 0.0

    takes = 1
    gives = 2
    gives_mask = True

    def __post_init__(self) -> None:
        checks.keep(self, padding=checks.real_number("padding", self.padding))

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "mask"

    def spec(self) -> str:
        """Return ``mask``, and the padding unless it is 0."""
        return written(self.name, self)

    def output_shapes(self, input_shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Return the shapes of the inputs and of the mask.

        Raises:
            ShapeError: samples that are no sequences.
        """
        if len(input_shapes[0]) not in (1, 2):
            raise ShapeError(f"expected samples of shape (sequence,) or (sequence, width), got {input_shapes[0]}")
        return input_shapes[0], input_shapes[0][:1]

    def forward_stack(self, inputs: Stack) -> tuple[Stack, Saved]:
        """Return the inputs and their mask; save nothing."""
        counts = inputs[0] != self.padding
        counts = counts if counts.ndim == 2 else counts.any(axis=2)
        return (inputs[0], counts.astype(inputs[0].dtype)), None

    def backward_stack(self, saved: Saved, grad_outputs: Stack) -> Stack:
        """Return the gradient of the inputs; a mask has no slope."""
        return (grad_outputs[0],)


@dataclass(frozen=True)
class Unmask:
    """A layer on the stack that takes the mask off, and changes nothing else: samples keep any shape they have."""

    takes = 2
    gives = 1
    gives_mask = False

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "unmask"

    def spec(self) -> str:
        """Return ``unmask``."""
        return self.name

    def output_shapes(self, input_shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Return the shape of the activation."""
        return input_shapes[:1]

    def forward_stack(self, inputs: Stack) -> tuple[Stack, Saved]:
        """Return the activation; save the mask, for its shape."""
        return inputs[:1], inputs[1]

    def backward_stack(self, saved: Saved, grad_outputs: Stack) -> Stack:
        """Return the gradient, and zeros for the mask."""
        return grad_outputs[0], np.zeros_like(saved)


@dataclass(frozen=True)
class MaskedAvgPool:
    """A layer on the stack that averages a sequence over the positions that the mask does not leave out.

    ``y = sum over t of mask[t] * x[t] / sum over t of mask[t]``, from shape ``(sequence, width)`` to ``(width,)``;
    zeros for a sequence that is all padding. It takes the mask off.

    Source:
        As keras.layers.GlobalAveragePooling1D.
    """

    takes = 2
    gives = 1
    gives_mask = False

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "masked_avg_pool"

    def spec(self) -> str:
        """Return ``masked_avg_pool``."""
        return self.name

    def output_shapes(self, input_shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Return ``(width,)``.

        Raises:
            ShapeError: samples that are no sequences, or of another length than the mask.
        """
        inputs, mask = input_shapes
        if len(inputs) != 2 or inputs[:1] != mask:
            length = mask[0] if len(mask) == 1 else "sequence"
            raise ShapeError(f"expected samples of shape ({length}, width), one row for each of the mask, got {inputs}")
        return (inputs[1:],)

    def forward_stack(self, inputs: Stack) -> tuple[Stack, Saved]:
        """Return the averages; save the share of each position in its average, and the mask's shape and dtype."""
        shares = _shares(inputs[1])
        return (np.matmul(shares[:, None, :], inputs[0])[:, 0],), shares

    def backward_stack(self, saved: Saved, grad_outputs: Stack) -> Stack:
        """Return the gradient times the share of each position, and zeros for the mask."""
        return saved[:, :, None] * grad_outputs[0][:, None, :], np.zeros_like(saved)


def _shares(mask: Floats) -> Floats:
    counts: Floats = (mask != 0).astype(mask.dtype)
    counts /= np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return counts


mask = Mask
"""The layer on the stack that marks which positions are padding; see `Mask`."""

unmask = Unmask
"""The layer on the stack that takes the mask off; see `Unmask`."""

masked_avg_pool = MaskedAvgPool
"""The layer on the stack that averages the positions that count; see `MaskedAvgPool`."""
