"""The units of amounts: networks learn and predict standardised numbers, and people want them as they were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annex_actors.base.shown import brief


@dataclass(frozen=True, eq=False)
class Units:
    """What standardises amounts, and undoes it.

    Args:
        mean: of the amounts of the training rows, float64, shape ``(outputs,)``.
        scale: their standard deviation; 1 where all are the same.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    __repr__ = brief

    def standardised(self, amounts: ArrayLike) -> NDArray[np.float32]:
        """Return amounts of shape ``(samples, outputs)``, or ``(samples,)`` of one output, as networks learn them."""
        return ((np.asarray(amounts, np.float64) - self.mean) / self.scale).astype(np.float32)

    def restored(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return what `standardised` returned, or a network predicted, as amounts."""
        return np.asarray(values, np.float64) * self.scale + self.mean
