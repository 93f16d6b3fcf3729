"""How a layer learns: its learning rate beside that of the others, whether it learns, and what large weights cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from annex_actors.base import checks
from annex_actors.base.types import Floats, Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How a layer learns, where it differs from the other layers of a network.

    Penalties are for arrays of two axes or more, such as the weights of a dense layer, and leave biases and the gains
    of norms alone, as Keras' ``kernel_regularizer`` does. They belong to the cost: they are part of the cost that is
    reported, of training and of evaluations, as in Keras, and their gradients part of the gradients that are clipped.

    Args:
        learning_rate: the factor of the optimizer's learning rate, > 0.
        frozen: whether neither the layer's parameters nor its running statistics change.
        l1: what the sum of the absolute weights costs, >= 0.
        l2: what the sum of the squared weights costs, >= 0.

    Raises:
        ConfigError: a setting of another kind or out of range.
    """

    learning_rate: float = 1.0
    frozen: bool = False
    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        checks.keep(
            self,
            learning_rate=checks.real_number("learning_rate", self.learning_rate, above=0),
            frozen=checks.boolean("frozen", self.frozen),
            l1=checks.real_number("l1", self.l1, at_least=0),
            l2=checks.real_number("l2", self.l2, at_least=0),
        )

    @property
    def words(self) -> tuple[str, ...]:
        """The words that enclose such a layer in a network's text, the outermost first; none by default."""
        rate = [f"learning_rate:{self.learning_rate!r}"] if self.learning_rate != 1 else []
        penalties = [f"{name}:{each!r}" for name, each in (("l1", self.l1), ("l2", self.l2)) if each]
        return (*(["freeze"] if self.frozen else []), *rate, *penalties)

    @property
    def penalizes(self) -> bool:
        """Whether there is a penalty; a layer that does not learn pays none."""
        return not self.frozen and bool(self.l1 or self.l2)

    def within(self, outer: Tuning) -> Tuning:
        """Return the settings of a layer with these settings among layers with ``outer``.

        Factors multiply, penalties add, and what is frozen by either is frozen.
        """
        return Tuning(
            learning_rate=self.learning_rate * outer.learning_rate,
            frozen=self.frozen or outer.frozen,
            l1=self.l1 + outer.l1,
            l2=self.l2 + outer.l2,
        )

    def penalty(self, parameters: Parameters) -> float:
        """Return what a layer with these parameters costs: ``l1 sum(|w|) + l2 sum(w²)``, computed in float64."""
        total = 0.0
        for _, weight in _penalized(parameters):
            if self.l1:
                total += self.l1 * float(np.abs(weight).sum(dtype=np.float64))
            if self.l2:
                total += self.l2 * float(np.square(weight, dtype=np.float64).sum())
        return total

    def add_penalty_gradients(self, parameters: Parameters, gradients: dict[str, Floats]) -> None:
        """Add to the gradients, in place, those of the penalty: ``l1 sign(w) + 2 l2 w``."""
        for name, weight in _penalized(parameters):
            if self.l1:
                gradients[name] += np.sign(weight) * self.l1
            if self.l2:
                gradients[name] += weight * (2 * self.l2)


UNTUNED = Tuning()
"""The settings of a layer that learns like the others."""


def _penalized(parameters: Parameters) -> Iterator[tuple[str, Floats]]:
    return ((name, weight) for name, weight in parameters.items() if weight.ndim > 1)
