"""Positions: what tells a layer that treats all positions alike, such as attention, which one comes first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import DType, Floats, Parameters, Shape
from annex_actors.layers.layer import Factors, Saved
from annex_actors.layers.sequences.shapes import sequence_shape

_DEVIATION = 0.02


@dataclass(frozen=True)
class Positions:
    """A layer that adds a learned row of numbers to each position: ``y = x + weight``.

    Samples have shape ``(sequence, width)``, and keep it.
    Its parameter is ``weight``, shape ``(sequence, width)``, at first normal numbers with a standard deviation of 0.02.
    `SinusoidalPositions` learns nothing.

    Source:
        Devlin, Chang, Lee, Toutanova (2019), BERT: pre-training of deep bidirectional transformers.
    """

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "positions"

    def spec(self) -> str:
        """Return ``positions``."""
        return self.name

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``.

        Raises:
            ShapeError: samples that are no sequences.
        """
        return sequence_shape(input_shape)

    def work(self, input_shape: Shape) -> int:
        """Return 0: it multiplies nothing."""
        return 0

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return small normal numbers drawn for ``key``."""
        shape = sequence_shape(input_shape)
        weight = key.generator(Tag.INITIAL_WEIGHTS).normal(0.0, _DEVIATION, shape).astype(dtype)
        weight.flags.writeable = False
        return {"weight": weight}

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return ``inputs + weight``, shape ``(microbatch, sequence, width)``; save nothing."""
        return inputs + parameters["weight"], None

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return ``grad_output`` itself, which is the factor, too."""
        return grad_output, (grad_output,)

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return ``grad_output`` summed over the samples."""
        return {"weight": factors[0].sum(axis=0)}


@dataclass(frozen=True)
class SinusoidalPositions:
    """A layer that adds a sine and a cosine of each position for every two features: ``y = x + table``.

    Samples have shape ``(sequence, width)``, and keep it.
    ``table[t, 2i] = sin(t / 10000**(2i / width))`` and ``table[t, 2i + 1] = cos(t / 10000**(2i / width))``, for
    position ``t`` from 0. `Positions` learns its numbers.

    Source:
        Vaswani et al. (2017), Attention is all you need, section 3.5.
    """

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "sinusoidal_positions"

    def spec(self) -> str:
        """Return ``sinusoidal_positions``."""
        return self.name

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``.

        Raises:
            ShapeError: samples that are no sequences.
        """
        return sequence_shape(input_shape)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return ``inputs + table``, shape ``(microbatch, sequence, width)``; save nothing."""
        return inputs + _table(*inputs.shape[1:], inputs.dtype), None

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return ``grad_output`` itself."""
        return grad_output, ()


@lru_cache(maxsize=16)  # a function of its arguments, so that what is remembered changes no result
def _table(length: int, width: int, dtype: DType) -> Floats:
    angles = np.arange(length)[:, None] / 10000.0 ** (np.arange(0, width, 2) / width)
    table = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, -1)[:, :width].astype(dtype, order="C")
    table.flags.writeable = False
    return table


positions = Positions
"""The layer that adds a learned row of numbers to each position; see `Positions`."""

sinusoidal_positions = SinusoidalPositions
"""The layer that adds sines and cosines of each position; see `SinusoidalPositions`."""
