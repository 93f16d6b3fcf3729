"""The other replicas of a stage: what it tells them, and what it knows of all microbatches of a step by what they tell.

Most stages have no others; then nothing here is sent, and a stage knows of a step what it has done itself.
"""

from __future__ import annotations

from annex_actors.peers.stage_work import MicrobatchWork, StepWork
from annex_actors.protocol.messages import WHOLE_STEP, Address, Backward, Post, freeze
from annex_actors.protocol.norms import GlobalNorm
from annex_actors.protocol.replicas import Share
from annex_actors.protocol.routing import Routing, replica_of


class Replicas:
    """What one replica of a stage tells the others.

    ``others`` are their addresses; ``is_first`` says whether this one speaks for the stage in what belongs to a step as
    a whole.

    Args:
        address: of this replica.
        routing: of the run.
    """

    def __init__(self, address: Address, routing: Routing) -> None:
        self.others = routing.others(address)
        self.is_first = replica_of(address) == 0
        self._edge = routing.edges(address).replicas

    def share(self, message: Backward, work: StepWork) -> list[Post]:
        """Return what to tell the others of a microbatch whose B is done.

        This replica computes with the same arrays as the others: the bits of a product may depend on their layout.
        """
        if not self.others:
            return []
        microbatch = work.microbatches[message.microbatch]
        microbatch.factors = {layer: tuple(map(freeze, each)) for layer, each in microbatch.factors.items()}
        cost = work.costs.get(message.microbatch, 0.0)
        share = Share.of(message, self._edge, work.part, cost, microbatch.factors)
        return [Post(other, share) for other in self.others]

    def pass_on(self, message: GlobalNorm) -> list[Post]:
        """Return the norm of a step's gradients for the others, which the first replica hears for all."""
        norm = GlobalNorm(message.run, message.step, WHOLE_STEP, self._edge, message.number)
        return [Post(other, norm) for other in self.others]


def add_share(work: StepWork, share: Share) -> None:
    """Add to a step what another replica has made of a microbatch."""
    work.microbatches[share.microbatch] = MicrobatchWork((), factors=share.factors)
    work.costs[share.microbatch] = share.cost
    work.part = share.part
