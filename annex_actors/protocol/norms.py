"""The messages of the global norm of a step's gradients: a sum that goes up the chain, and the norm that comes down.

A stage whose gradients of a step are complete adds the squares of its own, layer by layer, to the sum of the stages
before, and sends it on. So the sum is added up in the order of the layers, whatever the placement. The last stage has
the whole sum, and sends the norm back. A stage updates its layers, and commits, when the norm has passed it. A stage
that needs either again, after a restart, gets it again as it gets activations and gradients: both kinds are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

from annex_actors.base.types import made_often
from annex_actors.protocol.messages import Message


@dataclass(frozen=True, slots=True)
class _WithNumber(Message):
    """A message about a whole step with one number."""

    number: float

    def _payload(self) -> str:
        return f" {self.number:.6g}"


@made_often
@dataclass(frozen=True, slots=True)
class SquaredNorm(_WithNumber):
    """The sum of the squares of the step's gradients of all layers so far, in float64, on its way to the last stage."""

    kind = "squared norm"
    is_kept = True


@made_often
@dataclass(frozen=True, slots=True)
class GlobalNorm(_WithNumber):
    """The norm of the step's gradients of all layers, on its way back from the last stage to the first."""

    kind = "global norm"
    is_kept = True
    goes_back = True
