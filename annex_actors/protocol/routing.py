"""Which peers are at the ends of an edge, and which peer has which microbatches: pure functions.

Today every edge has one peer at each end, and every peer has all microbatches. With replicas of a stage, which would
divide the microbatches among them, `Routing.share` and the ends of an edge would answer differently; stages and
mailboxes ask both each time. What else replicas need, such as the reduction of their weight gradients, is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from annex_actors.protocol.messages import Address, Edge, Message

TRAINER = Address("trainer")

READER = Address("reader")
"""What reads the inputs that stay in files, for the trainer."""


@cache
def stage_address(stage: int) -> Address:
    """Return the address of stage ``stage``, from 0."""
    return Address("stage", stage)


@dataclass(frozen=True, slots=True)
class Edges:
    """The edges of a stage. Activations travel along them, gradients against them.

    Args:
        inputs: the edge that ends at the stage.
        outputs: the edge that starts at it.
        targets: the edge from the trainer to the last stage.
    """

    inputs: Edge
    outputs: Edge
    targets: Edge


@dataclass(frozen=True, slots=True)
class Routing:
    """The chain trainer → stage 0 → … → stage S-1 → trainer, and the targets' edge from the trainer to the last stage.

    Edges are numbered along the chain: edge ``s`` ends at stage ``s``, edge ``S`` ends at the trainer, edge ``S + 1``
    carries the targets, and edge ``S + 2`` the inputs from the reader to the trainer. Only this class computes with the
    numbers; to all others an edge is a name.

    Args:
        stages: S, >= 1.
        reader: whether a reader reads inputs for the trainer. They are neighbours, but keep nothing for each other.
    """

    stages: int
    reader: bool = False

    @property
    def inputs(self) -> Edge:
        """The edge on which the trainer feeds samples."""
        return 0

    @property
    def outputs(self) -> Edge:
        """The edge on which the last stage sends reports and predictions."""
        return self.stages

    @property
    def targets(self) -> Edge:
        """The edge on which the trainer feeds targets."""
        return self.stages + 1

    @property
    def rows(self) -> Edge:
        """The edge on which the reader sends inputs, and against which the trainer asks for them."""
        return self.stages + 2

    def edges(self, stage: Address) -> Edges:
        """Return the edges of a stage.

        Raises:
            ValueError: ``stage`` is not the address of a stage.
        """
        if stage.number is None:
            raise ValueError(f"expected the address of a stage, got {stage}")
        return Edges(stage.number, stage.number + 1, self.targets)

    def upstream(self, edge: Edge, microbatch: int) -> Address:
        """Return the peer that sends what travels forward on ``edge``."""
        if edge > self.stages:
            return READER if edge == self.rows else TRAINER
        return TRAINER if edge == 0 else stage_address(edge - 1)

    def downstream(self, edge: Edge, microbatch: int) -> Address:
        """Return the peer that receives what travels forward on ``edge``."""
        if edge == self.stages:
            return TRAINER
        if edge < self.stages:
            return stage_address(edge)
        return TRAINER if edge == self.rows else stage_address(self.stages - 1)

    def receiver(self, message: Message) -> Address:
        """Return the receiver of ``message``: gradients travel against their edge, all else along it."""
        end = self.upstream if message.goes_back else self.downstream
        return end(message.edge, message.microbatch)

    def share(self, address: Address, step: int, microbatches: int) -> range:
        """Return the microbatches of a step that belong to a stage, in order; today all do.

        Args:
            address: of the stage.
            step: from 0.
            microbatches: how many the step has.
        """
        return range(microbatches)

    def senders(self, address: Address) -> frozenset[Address]:
        """Return the peers that send data to ``address``, and keep it until ``address`` has committed."""
        if address == TRAINER:
            return frozenset({stage_address(self.stages - 1)})
        if address == READER:
            return frozenset()
        # The peer ahead sends gradients; where it is the trainer, targets.
        return frozenset({self._behind(address), self._ahead(address)})

    def receivers(self, address: Address) -> frozenset[Address]:
        """Return the peers to which ``address`` sends data, and for which it keeps them."""
        if address == TRAINER:
            return frozenset({stage_address(0), stage_address(self.stages - 1)})
        if address == READER:
            return frozenset()
        ahead, behind = self._ahead(address), self._behind(address)
        return frozenset({ahead} if behind == TRAINER else {ahead, behind})

    def neighbours(self, address: Address) -> frozenset[Address]:
        """Return the peers that ``address`` asks when it is restarted.

        A stage asks those it exchanges data with, and the trainer; the reader the trainer; the trainer asks all peers.
        """
        if address == TRAINER:
            return frozenset(self.addresses) - {TRAINER}
        return self.senders(address) | self.receivers(address) | {TRAINER}

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All peers: the stages in order, the reader if there is one, then the trainer."""
        readers = (READER,) if self.reader else ()
        return (*map(stage_address, range(self.stages)), *readers, TRAINER)

    def _behind(self, stage: Address) -> Address:
        return self.upstream(self.edges(stage).inputs, 0)

    def _ahead(self, stage: Address) -> Address:
        return self.downstream(self.edges(stage).outputs, 0)
