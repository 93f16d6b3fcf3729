"""The work of a step under way at a stage: what F leaves for B, and B for W."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from annex_actors.base.types import Floats
from annex_actors.layers import Factors, Saved, Stack
from annex_actors.peers.stage_state import LayerState, Weights
from annex_actors.protocol.messages import WHOLE_STEP, Part, freeze
from annex_actors.protocol.replicas import Rows


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
        part: what the step is; with the penalty of the layers up to this stage, once F of a microbatch is done.
        microbatches: those whose F is done, here or at another replica, and whose W is not.
        costs: of the microbatches so far, if this is the last stage.
        with_factors: the microbatches whose B is done, so that their factors are here.
        deferred: how many of them, in the order of the microbatches, have been deferred one by one.
        told: the rows that replicas have told, of what they tell now.
        updated: the layers after the step, where replicas have each updated some rows of them.
        gradients: of each layer's parameters so far, summed in the order of the microbatches.
        state_factors: the factors of each layer with state, in the order of the microbatches.
    """

    part: Part
    microbatches: dict[int, MicrobatchWork] = field(default_factory=dict)
    costs: dict[int, float] = field(default_factory=dict)
    with_factors: set[int] = field(default_factory=set)
    deferred: int = 0
    told: list[Rows] = field(default_factory=list)
    updated: tuple[LayerState, ...] = ()
    gradients: dict[int, dict[str, Floats]] = field(default_factory=dict)
    state_factors: defaultdict[int, list[Factors]] = field(default_factory=lambda: defaultdict(list))

    @property
    def cost(self) -> float:
        """The cost of the step: that of its microbatches, added up in their order, and the penalty."""
        return sum(self.costs[each] for each in sorted(self.costs)) + self.part.penalty

    def defer(self, microbatch: int, *, each: bool) -> list[int]:
        """Count a microbatch whose B is done, and return what W can be done now that could not before.

        Args:
            microbatch: which.
            each: whether each microbatch has a W of its own, in their order; else there is one of the whole step.
        """
        self.with_factors.add(microbatch)
        if not each:
            return [WHOLE_STEP] if len(self.with_factors) == self.part.microbatches else []
        first = self.deferred
        while self.deferred in self.with_factors:
            self.deferred += 1
        return list(range(first, self.deferred))

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


class StepsUnderWay(dict[int, StepWork]):
    """The steps under way, by number."""

    def on(self, step: int, part: Part) -> StepWork:
        """Return a step, which begins with the first message about it."""
        if step not in self:
            self[step] = StepWork(part)
        return self[step]


def side_by_side(factors: list[Factors]) -> Factors:
    """Return the factors of several microbatches as one: the rows of each array one below the other."""
    return factors[0] if len(factors) == 1 else tuple(map(np.concatenate, zip(*factors, strict=True)))


def frozen_stack(stack: Stack) -> tuple[Floats, Stack]:
    """Return the top of a stack and the skips below it, as the receiver may have them."""
    return freeze(stack[0]), tuple(map(freeze, stack[1:])) if len(stack) > 1 else ()
