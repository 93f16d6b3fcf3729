"""A cost times a factor, so that the costs have the size of those of scikit-learn's MLPs."""

from __future__ import annotations

from dataclasses import dataclass

from annex_actors.base.types import Array, Floats, Shape
from annex_actors.costs import Cost, cost


@dataclass(frozen=True)
class Times:
    """A named cost times a factor: of a mean over the outputs their sum, or half of it.

    Learning rate, ``alpha`` and ``tol`` then mean what they mean in scikit-learn.

    Args:
        cost: the cost's name.
        factor: > 0.
    """

    cost: str
    factor: float

    @property
    def name(self) -> str:
        """The name of the cost that is multiplied."""
        return self.cost

    @property
    def _cost(self) -> Cost:
        return cost(self.cost)

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        """Return the targets as the cost encodes them."""
        return self._cost.encode(targets, output_shape)

    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        """Return the cost and the gradient, times the factor."""
        share, gradient = self._cost.evaluate(outputs, targets, samples, sample_weight)
        return share * self.factor, gradient * self.factor

    def predictions(self, outputs: Floats) -> Floats:
        """Return what the outputs predict."""
        return self._cost.predictions(outputs)
