"""The dropout layer: it sets random inputs to zero while training, so that no unit relies on a single other unit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.described import ADDED
from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import Array, Floats, Parameters, Shape
from annex_actors.layers.layer import Factors, Saved

_STEPS = 2**16


def dropout(rate: float, *, spatial: bool = False) -> Dropout:
    """Return the layer that sets a fraction ``rate`` of its inputs to 0 while training.

    ``y = x * kept / (1 - rate)``, where ``kept`` is 0 or 1 for each number. Samples have any shape, and keep it.

    Args:
        rate: the probability that a number is dropped, 0 <= rate < 1, rounded to a multiple of 2**-16.
        spatial: whether a sample's channels, its last axis, are dropped as a whole, at all positions: the numbers of a
            channel depend on each other, and would tell what was dropped.

    Raises:
        ConfigError: a setting out of range.

    Source:
        Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), Dropout: a simple way to prevent neural
        networks from overfitting. Spatial: Tompson, Goroshin, Jain, LeCun, Bregler (2015), Efficient object
        localization using convolutional networks.
    """
    return Dropout(rate, spatial)


@dataclass(frozen=True)
class Dropout:
    """Inverted dropout: kept inputs are divided by the fraction kept, so the mean stays and predicting costs nothing.

    What is dropped depends on the key (seed, layer, step, microbatch) alone: not on where the layer lives, nor on
    how often a crash made it start again.

    Source:
        Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), Dropout: a simple way to prevent neural
        networks from overfitting. Tompson, Goroshin, Jain, LeCun, Bregler (2015), Efficient object localization using
        convolutional networks (spatial).
    """

    rate: float
    spatial: bool = field(default=False, metadata=ADDED)

    def __post_init__(self) -> None:
        checks.keep(
            self,
            rate=checks.real_number("rate", self.rate, at_least=0, below=1),
            spatial=checks.boolean("spatial", self.spatial),
        )

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "dropout"

    def spec(self) -> str:
        """Return ``dropout:rate``, and ``spatial=true`` if it is."""
        return written(self.name, self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``."""
        return input_shape

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the kept inputs, scaled, and zeros; save the mask. When predicting or at rate 0 return ``inputs``."""
        if key is None or self._dropped_steps() == 0:
            return inputs, None
        shape = inputs.shape
        if self.spatial and len(shape) > 2:
            shape = (shape[0], *[1] * (len(shape) - 2), shape[-1])
        kept = self._kept(shape, key)
        return self._keep(inputs, kept), kept

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return ``grad_output`` with the mask and scale that `forward` used."""
        return grad_output if saved is None else self._keep(grad_output, saved), ()

    def _dropped_steps(self) -> int:
        return min(round(self.rate * _STEPS), _STEPS - 1)

    def _kept(self, shape: Shape, key: RandomKey) -> Array:
        # 16 random bits decide about each number, four numbers to a word: 260 µs at 256 × 1024, uniform floats 900.
        size = int(np.prod(shape))
        words = key.generator(Tag.DROPOUT).bit_generator.random_raw(-(-size // 4))
        bits = words.view(np.uint16)[:size].reshape(shape)
        return bits >= self._dropped_steps()

    def _keep(self, array: Floats, kept: Array) -> Floats:
        result: Floats = array * kept
        result *= _STEPS / (_STEPS - self._dropped_steps())
        return result
