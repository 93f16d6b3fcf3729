"""What the replicas of a stage tell each other, so that all of them make the same next version of its weights.

A replica does F and B of its own microbatches. What the step as a whole needs of each, its replica sends to the others
when B is done: the factors of the weight gradients, and at the last stage the cost. So each replica has the factors of
all microbatches, computes the products of the whole step in the order of the microbatches, and updates the weights, as
the only stage would: the same bits, for every kind of layer, optimizer and clipping. F and B are divided by R. So are
W, the update and the optimizer's slots of layers that can be divided by rows, which they then tell each other
(`annex_actors.peers.stage_division`); all else is computed by each replica. So a replica commits the weights of the
stage, and the slots of its rows: a checkpoint puts those of all replicas together.

A dead replica is not stood in for by the others: they finish F and B of their own share, and wait. Any of them could do
F and B of its microbatches; but the step ends with its rows of the weights, for which it takes its slots, and these are
in its last commit alone. To start from that commit is what its next incarnation does. So a microbatch is taken over by
starting that incarnation at once, wherever there is room: see the README of `annex_actors.runtimes`.

Each replica is sent (m - m/R) / m of the step's factors: of a dense layer (B - B/R)(n + k) numbers, for batch size B, n
inputs and k outputs; and nk - nk/R numbers of its next weights, if they are divided. To add up each replica's own
weight gradient instead would need no factors, but round differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from annex_actors.base.types import Array, Floats, made_often
from annex_actors.protocol.messages import Message, Part, WithArray, freeze

BLOCK = 48
"""Rows are cut at multiples of this; `annex_actors.peers.stage_division` says why."""

_NONE = freeze(np.empty(0, np.uint8))


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class Share(WithArray):
    """What one replica has made of a microbatch, for the others.

    Args:
        array: the first of all arrays; an empty one where there is none.
        part: the step of the microbatch; its penalty is that of the layers up to this stage.
        cost: of the microbatch, at the last stage; else 0.
        rest: the other arrays.
        counts: for each layer of the stage that has factors, its place in the stage and how many arrays it has.
    """

    kind = "share"
    is_kept = True

    array: Array
    part: Part
    cost: float
    rest: tuple[Floats, ...] = ()
    counts: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(
        cls, message: Message, edge: int, part: Part, cost: float, factors: Mapping[int, tuple[Floats, ...]]
    ) -> Self:
        """Return what to tell of the microbatch of ``message``.

        Args:
            message: about the microbatch.
            edge: of the replicas.
            part: see the class.
            cost: see the class.
            factors: by the layer's place in the stage, as they may be sent.
        """
        first, *rest = [array for arrays in factors.values() for array in arrays] or [_NONE]
        counts = tuple((layer, len(arrays)) for layer, arrays in factors.items())
        return cls(message.run, message.step, message.microbatch, edge, first, part, cost, tuple(rest), counts)

    @property
    def stack(self) -> tuple[Array, ...]:
        """All arrays."""
        return (self.array, *self.rest)

    @property
    def nbytes(self) -> int:
        """The size of all arrays."""
        return sum(array.nbytes for array in self.stack)

    @property
    def factors(self) -> dict[int, tuple[Floats, ...]]:
        """The factors of the weight gradients, by the layer's place in the stage."""
        arrays = iter(self.stack)
        return {layer: tuple(next(arrays) for _ in range(count)) for layer, count in self.counts}


@dataclass(frozen=True, slots=True, eq=False)
class Rows(WithArray):
    """The rows that one replica has computed in a step of what is divided, for all of them.

    Args:
        array: those of the first layer that is divided.
        replica: which replica has computed them, from 0.
        rest: those of the other layers, in order.
    """

    is_kept = True

    array: Floats
    replica: int
    rest: tuple[Floats, ...] = ()

    @property
    def stack(self) -> tuple[Floats, ...]:
        """All arrays."""
        return (self.array, *self.rest)

    @property
    def nbytes(self) -> int:
        """The size of all arrays."""
        return sum(array.nbytes for array in self.stack)

    def _payload(self) -> str:
        return f" of replica {self.replica}{WithArray._payload(self)}"


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class GradientRows(Rows):
    """Rows of the weight gradients of a step, before they are clipped."""

    kind = "gradient rows"


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class WeightRows(Rows):
    """Rows of the weights after a step."""

    kind = "weight rows"


def cuts(rows: int, replicas: int) -> tuple[slice, ...]:
    """Return the rows of each replica, the last ones with the rest; none if there are fewer than a block for each."""
    blocks = rows // BLOCK
    if blocks < replicas:
        return ()
    starts = [BLOCK * (blocks * replica // replicas) for replica in range(replicas)]
    return tuple(slice(start, stop) for start, stop in pairwise([*starts, rows]))
