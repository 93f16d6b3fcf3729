"""The cosine similarity as a cost, for targets of which only the direction counts, such as embeddings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from annex_actors.base.errors import DataError, ShapeError
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.costs import encoding
from annex_actors.costs.arithmetic import summed, weighted


@dataclass(frozen=True)
class CosineSimilarity:
    """``1 - cos(outputs, targets)``, the angle over the last axis, averaged over samples and the other axes.

    It is 0 for equal directions and 2 for opposite ones. Outputs that are all 0 have no direction: they cost 1, with a
    gradient of 0.

    Source:
        Manning, Raghavan, Schütze (2008), Introduction to information retrieval, section 6.3.
    """

    @property
    def name(self) -> str:
        """The cost's name."""
        return "cosine_similarity"

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        """Return floats, shape ``(samples, *output_shape)``, with labels as one-hot rows.

        Raises:
            DataError: targets of another shape, NaN or infinity, or all 0.
            ShapeError: fewer than two outputs, which have no angle.
        """
        if not output_shape or output_shape[-1] < 2:
            raise ShapeError(
                f"expected at least 2 outputs on the last axis for {self.name}, got shape {output_shape}; "
                "give the last layer more outputs"
            )
        encoded = encoding.numbers(targets, output_shape)
        is_zero = ~encoded.any(axis=-1)
        if is_zero.any():
            row = int(np.argwhere(is_zero)[0][0])
            raise DataError(f"expected targets with a direction for {self.name}, got only zeros in row {row}")
        return encoded

    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        """Return the share of the cost, and ``(cos u - v) / |outputs| / count``, u and v the unit vectors."""
        count = samples * math.prod(outputs.shape[1:-1])
        unit, length = _unit(outputs)
        wanted, _ = _unit(targets.astype(outputs.dtype, copy=False))
        cosines = (unit * wanted).sum(axis=-1, keepdims=True)
        gradient = cosines * unit - wanted
        np.divide(gradient, length, out=gradient, where=length > 0)
        gradient *= (length > 0) / outputs.dtype.type(count)
        return summed(1 - cosines, sample_weight) / count, weighted(gradient, sample_weight)

    def predictions(self, outputs: Floats) -> Floats:
        """Return ``outputs`` itself."""
        return outputs


def _unit(vectors: Floats) -> tuple[Floats, Floats]:
    """Return vectors of length 1, and the lengths; zeros stay zeros, and no square overflows."""
    largest = np.abs(vectors).max(axis=-1, keepdims=True)
    unit = np.divide(vectors, largest, out=np.zeros_like(vectors), where=largest > 0)
    length = np.sqrt(np.square(unit).sum(axis=-1, keepdims=True))
    np.divide(unit, length, out=unit, where=length > 0)
    return unit, largest * length
