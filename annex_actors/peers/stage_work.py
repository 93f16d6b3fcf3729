"""The work of a step under way at a stage: what F leaves for B, and B for W."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from annex_actors.base.types import Floats
from annex_actors.layers import Factors, Saved
from annex_actors.peers.stage_state import Weights


@dataclass(slots=True)
class MicrobatchWork:
    """What F of a microbatch leaves for its B, and B for its W.

    Args:
        weights: those that F met, for B.
        saved: what F of each layer saved, for B.
        factors: of the weight gradient or the next state, for W; by layer, where the layer has either.
    """

    weights: Weights
    saved: list[Saved] = field(default_factory=list)
    factors: dict[int, Factors] = field(default_factory=dict)

    def end_backward(self) -> None:
        """Free what only B needed."""
        self.weights, self.saved = (), []


@dataclass(slots=True)
class StepWork:
    """One step under way.

    Args:
        share: the microbatches of the step that belong to this stage, in order.
        rate_factor: what the learning rate of the step is multiplied by.
        microbatches: those whose F is done and whose W is not.
        costs: of the microbatches so far, if this is the last stage.
        penalty: what the weights of all layers cost, if this is the last stage.
        backwards: for how many microbatches B is done.
        gradients: of each layer's parameters so far, summed in the order of the microbatches.
        state_factors: the factors of each layer with state, in the order of the microbatches.
    """

    share: range
    rate_factor: float = 1.0
    microbatches: dict[int, MicrobatchWork] = field(default_factory=dict)
    costs: list[float] = field(default_factory=list)
    penalty: float = 0.0
    backwards: int = 0
    gradients: dict[int, dict[str, Floats]] = field(default_factory=dict)
    state_factors: defaultdict[int, list[Factors]] = field(default_factory=lambda: defaultdict(list))

    @property
    def cost(self) -> float:
        """The cost of the step: that of its microbatches, and the penalty."""
        return sum(self.costs) + self.penalty

    def take(self, microbatches: Iterable[int]) -> list[MicrobatchWork]:
        """Remove and return the work of these microbatches."""
        return [self.microbatches.pop(each) for each in microbatches]

    def add_gradients(self, layer: int, gradients: dict[str, Floats]) -> None:
        """Add a layer's gradients to those of the microbatches before."""
        if layer not in self.gradients:
            self.gradients[layer] = gradients
            return
        sums = self.gradients[layer]
        for name, gradient in gradients.items():
            sums[name] += gradient


def side_by_side(factors: list[Factors]) -> Factors:
    """Return the factors of several microbatches as one: the rows of each array one below the other."""
    return factors[0] if len(factors) == 1 else tuple(map(np.concatenate, zip(*factors, strict=True)))
