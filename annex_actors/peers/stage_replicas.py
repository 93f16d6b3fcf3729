"""The other replicas of a stage: what it tells them, and what it knows of all microbatches of a step by what they tell.

Most stages have no others; then nothing here is sent, and a stage knows of a step what it has done itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from annex_actors.base.types import Floats
from annex_actors.peers.stage_division import Division
from annex_actors.peers.stage_state import LayerState
from annex_actors.peers.stage_work import MicrobatchWork, StepWork
from annex_actors.protocol.messages import WHOLE_STEP, Address, Backward, Message, Post, freeze
from annex_actors.protocol.norms import GlobalNorm
from annex_actors.protocol.replicas import GradientRows, Rows, Share, WeightRows
from annex_actors.protocol.routing import Routing, is_stage, replica_of


class Replicas:
    """What one replica of a stage tells the others.

    ``others`` are their addresses; ``is_first`` says whether this one speaks for the stage in what belongs to a step as
    a whole.

    Args:
        address: of this replica.
        routing: of the run.
        division: of weight gradients and updates among the replicas; None: there is none.
    """

    def __init__(self, address: Address, routing: Routing, division: Division | None) -> None:
        self._division = division
        self.others = routing.others(address)
        self.is_first = replica_of(address) == 0
        self._all = (address, *self.others)
        self._edges = edges = routing.edges(address)
        behind = routing.upstream(edges.inputs, WHOLE_STEP)
        self._behind = behind if is_stage(behind) else None

    def share(self, message: Backward, work: StepWork) -> list[Post]:
        """Return what to tell the others of a microbatch whose B is done.

        This replica computes with the same arrays as the others: the bits of a product may depend on their layout.
        """
        if not self.others:
            return []
        microbatch = work.microbatches[message.microbatch]
        microbatch.factors = {layer: tuple(map(freeze, each)) for layer, each in microbatch.factors.items()}
        cost = work.costs.get(message.microbatch, 0.0)
        share = Share.of(message, self._edges.replicas, work.part, cost, microbatch.factors)
        return [Post(other, share) for other in self.others]

    def gradient_rows(self, message: Message, work: StepWork) -> list[Post]:
        """Return this replica's rows of the step's weight gradients for all replicas; none where all need their own."""
        return self._told(GradientRows, message, work.gradients)

    def weight_rows(self, message: Message, work: StepWork, layers: tuple[LayerState, ...]) -> list[Post]:
        """Return this replica's rows of the weights after a step for all replicas; none where each has made them all.

        Args:
            message: about the step.
            work: the step; keeps what this replica has made.
            layers: with this replica's rows of what is divided.
        """
        work.updated = layers
        return self._told(WeightRows, message, {offset: each.parameters for offset, each in enumerate(layers)})

    def _told(self, kind: type[Rows], message: Message, arrays: Mapping[int, Mapping[str, Floats]]) -> list[Post]:
        """Return rows for all replicas: the own ones, too, come by a message, after which those of others are taken."""
        division = self._division
        if division is None or kind not in division.kinds:
            return []
        first, *rest = division.rows(arrays)
        edge = self._edges.replicas
        told = kind(message.run, message.step, WHOLE_STEP, edge, first, division.replica, tuple(rest))
        return [Post(each, told) for each in self._all]

    def add_rows(self, message: Rows, work: StepWork) -> bool:
        """Add a replica's rows to the step; return whether those of all are here, so that the whole is."""
        work.told.append(message)
        if self._division is None or len(work.told) < len(self._all):
            return False
        whole, names = self._division.whole(work.told), self._division.names
        work.told.clear()
        if isinstance(message, GradientRows):
            for offset, array in whole.items():
                work.gradients[offset][names[offset]] = array
            return True
        work.updated = tuple(
            replace(layer, parameters={**layer.parameters, names[offset]: freeze(whole[offset])})
            if offset in whole
            else layer
            for offset, layer in enumerate(work.updated)
        )
        return True

    def pass_on(self, message: Message, norm: float) -> list[Post]:
        """Return the norm of the step's gradients for the stage before, and for the others: the first tells all."""
        if not self.is_first:
            return []
        run, step = message.run, message.step
        posts = [Post(other, GlobalNorm(run, step, WHOLE_STEP, self._edges.replicas, norm)) for other in self.others]
        if self._behind is not None:
            posts.append(Post(self._behind, GlobalNorm(run, step, WHOLE_STEP, self._edges.inputs, norm)))
        return posts


def add_share(work: StepWork, share: Share) -> None:
    """Add to a step what another replica has made of a microbatch."""
    work.microbatches[share.microbatch] = MicrobatchWork((), factors=share.factors)
    work.costs[share.microbatch] = share.cost
    work.part = share.part
