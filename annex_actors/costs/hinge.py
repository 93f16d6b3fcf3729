"""The hinge cost of support vector machines: right answers cost nothing once they are right by a margin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.errors import DataError
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.costs import encoding
from annex_actors.costs.arithmetic import summed, weighted


@dataclass(frozen=True)
class Hinge:
    """``max(0, margin - x[class] + x[other])**p``, averaged over samples and classes.

    With one output it is ``max(0, margin - t x)**p``, for targets t of -1 and 1, or 0 and 1. The outputs are scores:
    the last layer needs no activation.

    Args:
        margin: by how much the right score has to exceed the others, >= 0.
        p: 1, or 2 for the squared hinge.

    Raises:
        ConfigError: a setting out of range.

    Source:
        Weston, Watkins (1999), Support vector machines for multi-class pattern recognition, divided by the number of
        classes, as torch does.
    """

    margin: float = 1.0
    p: int = 1

    def __post_init__(self) -> None:
        checks.keep(self, margin=checks.real_number("margin", self.margin, at_least=0))
        checks.keep(self, p=checks.whole_number("p", self.p, at_least=1, below=3))

    @property
    def name(self) -> str:
        """The cost's name."""
        return "hinge"

    def spec(self) -> str:
        """Return the cost's text."""
        return written(self.name, self)

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        """Return class labels, int64, shape ``(samples,)``; for one output -1 and 1, floats of shape ``(samples, 1)``.

        Raises:
            DataError: labels of another shape, or out of range.
            ShapeError: ``output_shape`` has more than one axis.
        """
        if output_shape != (1,):
            encoding.check_classes(output_shape, self.name, "or one output for two classes")
            return encoding.classes(targets, output_shape[0])
        encoded = encoding.numbers(targets, output_shape)
        if not any(np.isin(encoded, pair).all() for pair in ((0, 1), (-1, 1))):
            raise DataError(f"expected targets of 0 and 1, or of -1 and 1, for {self.name}, got others; convert them")
        return np.where(encoded > 0, 1, -1).astype(encoded.dtype)

    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        """Return the share of the cost, and its gradient; both are 0 where the margin is kept."""
        count = samples * outputs.shape[-1]
        costs, gradient = (self._of_classes if targets.ndim == 1 else self._of_signs)(outputs, targets)
        gradient /= count
        return summed(costs, sample_weight) / count, weighted(gradient, sample_weight)

    def predictions(self, outputs: Floats) -> Floats:
        """Return ``outputs`` itself; of one output, a score from 0 to 1 that exceeds 1/2 where the output exceeds 0."""
        return outputs if outputs.shape[-1] > 1 else np.clip((outputs + 1) / 2, 0, 1)

    def _of_classes(self, outputs: Floats, targets: Array) -> tuple[Floats, Floats]:
        rows = np.arange(len(outputs))
        missing = outputs - outputs[rows, targets][:, np.newaxis] + self.margin
        missing[rows, targets] = 0
        costs, gradient = self._powers(missing)
        gradient[rows, targets] = -gradient.sum(axis=-1)
        return costs, gradient

    def _of_signs(self, outputs: Floats, targets: Array) -> tuple[Floats, Floats]:
        signs = targets.astype(outputs.dtype, copy=False)
        costs, gradient = self._powers(self.margin - signs * outputs)
        gradient *= -signs
        return costs, gradient

    def _powers(self, missing: Floats) -> tuple[Floats, Floats]:
        """Return ``max(0, missing)**p`` and its slope, in new arrays."""
        kept = np.maximum(missing, 0)
        return (kept, (kept > 0).astype(kept.dtype)) if self.p == 1 else (kept**2, 2 * kept)
