"""The other replicas of a stage: what it tells them, and what it knows of all microbatches of a step by what they tell.

Most stages have no others; then nothing here is sent, and a stage knows of a step what it has done itself.
"""

from __future__ import annotations

from annex_actors.peers.stage_division import Division
from annex_actors.peers.stage_work import MicrobatchWork, StepWork
from annex_actors.protocol.messages import WHOLE_STEP, Address, Backward, Message, Post, freeze
from annex_actors.protocol.norms import GlobalNorm
from annex_actors.protocol.replicas import GradientRows, Share
from annex_actors.protocol.routing import Routing, is_stage, replica_of


class Replicas:
    """What one replica of a stage tells the others.

    ``others`` are their addresses; ``is_first`` says whether this one speaks for the stage in what belongs to a step as
    a whole.

    Args:
        address: of this replica.
        routing: of the run.
        division: of the weight gradients among the replicas; None: there is none.
    """

    def __init__(self, address: Address, routing: Routing, division: Division | None) -> None:
        self._division = division
        self.others = routing.others(address)
        self._replica = replica_of(address)
        self.is_first = self._replica == 0
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

    def rows(self, message: Message, work: StepWork) -> list[Post]:
        """Return this replica's rows of the step's weight gradients for the others, whose rows are then needed too."""
        if self._division is None:
            return []
        rows = self._division.rows(work)
        told = GradientRows(
            message.run, message.step, WHOLE_STEP, self._edges.replicas, rows[0], self._replica, tuple(rows[1:])
        )
        return [Post(other, told) for other in self.others]

    def add_rows(self, message: GradientRows, work: StepWork) -> bool:
        """Add another replica's rows of the step's weight gradients; return whether the gradients are complete now."""
        work.told.append(message)
        if self._division is None or len(work.told) < len(self.others):
            return False
        self._division.complete(work)
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
