"""What is under way of a step at a stage: what forward leaves for backward, and backward for the weight gradients."""

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
    """What a microbatch leaves behind for its backward and weight gradient.

    ``weights`` and ``saved``, one entry for each layer, serve B and go with it; ``factors``, for each layer that keeps
    any its own, serve W.
    """

    weights: Weights
    saved: list[Saved] = field(default_factory=list)
    factors: dict[int, Factors] = field(default_factory=dict)

    def end_backward(self) -> None:
        """Drop what only B needed."""
        self.weights, self.saved = (), []


@dataclass(slots=True)
class StepWork:
    """What is under way of one step.

    Args:
        share: the microbatches of the step that are this stage's, in order.
        microbatches: those whose W is to come.
        costs: of the microbatches so far, at the cost's stage.
        backwards: how many microbatches are through B.
        gradients: of each layer so far, summed in the order of the microbatches.
        state_factors: the factors of each layer with state, in the order of the microbatches.
    """

    share: range
    microbatches: dict[int, MicrobatchWork] = field(default_factory=dict)
    costs: list[float] = field(default_factory=list)
    backwards: int = 0
    gradients: dict[int, dict[str, Floats]] = field(default_factory=dict)
    state_factors: defaultdict[int, list[Factors]] = field(default_factory=lambda: defaultdict(list))

    def take(self, microbatches: Iterable[int]) -> list[MicrobatchWork]:
        """Return what these microbatches left, which is kept no longer."""
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
    """Return the factors of several microbatches as one: each array's rows one below the other."""
    return factors[0] if len(factors) == 1 else tuple(map(np.concatenate, zip(*factors, strict=True)))
