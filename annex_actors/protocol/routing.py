"""Which peers are at the ends of an edge, and which peer has which microbatches: pure functions.

A stage may have replicas, which divide the microbatches of each step: microbatch i belongs to replica i mod R, F and B
of it alike. The first replica of stage 3 has the address ``stage-3``, as a stage without others has; the others have a
role of their own, ``replica-1-of-stage-3`` and so on. So the number of an address is that of its stage, and all that
names, sorts or records peers by role and number takes replicas as they are. What belongs to a step as a whole, such as
its norm, travels between first replicas, which have microbatch 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import gcd

from annex_actors.base.shown import brief
from annex_actors.protocol.messages import WHOLE_STEP, Address, Edge, Message

TRAINER = Address("trainer")

READER = Address("reader")
"""What reads the inputs that stay in files, for the trainer."""


_STAGE, _REPLICA = "stage", "replica-{}-of-stage"


@cache
def stage_address(stage: int, replica: int = 0) -> Address:
    """Return the address of stage ``stage``, from 0, or of one of its replicas, the first of which is 0."""
    return Address(_REPLICA.format(replica) if replica else _STAGE, stage)


@cache
def replica_of(address: Address) -> int:
    """Return which replica of its stage has this address, from 0.

    Raises:
        ValueError: it is not the address of a stage.
    """
    replica = 0 if address.role == _STAGE else next((int(part) for part in address.role.split("-")[1:2]), -1)
    if address.number is None or address != stage_address(address.number, replica):
        raise ValueError(f"expected the address of a stage, got {address}")
    return replica


def is_stage(address: Address) -> bool:
    """Return whether an address is that of a stage, or of one of its replicas."""
    return address.role == _STAGE or address.role.endswith("-of-stage")


@dataclass(frozen=True, slots=True)
class Edges:
    """The edges of a stage. Activations travel along them, gradients against them.

    Args:
        inputs: the edge that ends at the stage.
        outputs: the edge that starts at it.
        targets: the edge from the trainer to the last stage.
        replicas: the edge on which the replicas of the stage tell each other what only one of them knows.
    """

    inputs: Edge
    outputs: Edge
    targets: Edge
    replicas: Edge


@dataclass(frozen=True, slots=True)
class Routing:
    """The chain trainer → stage 0 → … → stage S-1 → trainer, and the targets' edge from the trainer to the last stage.

    Edges are numbered along the chain: edge ``s`` ends at stage ``s``, edge ``S`` ends at the trainer, edge ``S + 1``
    carries the targets, edge ``S + 2`` the inputs from the reader to the trainer, and edge ``S + 3 + s`` what the
    replicas of stage ``s`` tell each other. Only this class computes with the numbers; to all others an edge is a name.

    Args:
        stages: S, >= 1.
        reader: whether a reader reads inputs for the trainer. They are neighbours, but keep nothing for each other.
        replicas: for each stage how many it has, >= 1; empty: one each.
    """

    stages: int
    reader: bool = False
    replicas: tuple[int, ...] = ()

    __repr__ = brief

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

    @property
    def workers(self) -> int:
        """The number of stages, all replicas of each counted."""
        return sum(self.replicas) or self.stages

    def edges(self, stage: Address) -> Edges:
        """Return the edges of a stage.

        Raises:
            ValueError: ``stage`` is not the address of a stage.
        """
        if stage.number is None:
            raise ValueError(f"expected the address of a stage, got {stage}")
        return Edges(stage.number, stage.number + 1, self.targets, self.stages + 3 + stage.number)

    def upstream(self, edge: Edge, microbatch: int) -> Address:
        """Return the peer that sends what travels forward on ``edge``."""
        if edge > self.stages:
            return READER if edge == self.rows else TRAINER
        if edge == 0:
            return TRAINER
        return self._replica(edge - 1, microbatch) if self.replicas else stage_address(edge - 1)

    def downstream(self, edge: Edge, microbatch: int) -> Address:
        """Return the peer that receives what travels forward on ``edge``."""
        if edge == self.stages:
            return TRAINER
        if edge < self.stages:
            return self._replica(edge, microbatch) if self.replicas else stage_address(edge)
        return TRAINER if edge == self.rows else self._replica(self.stages - 1, microbatch)

    def receiver(self, message: Message) -> Address:
        """Return the receiver of ``message``: gradients travel against their edge, all else along it."""
        end = self.upstream if message.goes_back else self.downstream
        return end(message.edge, message.microbatch)

    def share(self, address: Address, step: int, microbatches: int) -> range:
        """Return the microbatches of a step that belong to a stage, in order: all, or every R-th to each of R replicas.

        Args:
            address: of the stage or replica.
            step: from 0.
            microbatches: how many the step has; with fewer than R, some replicas have none.
        """
        if not self.replicas or address.number is None:
            return range(microbatches)
        return range(replica_of(address), microbatches, self.count(address.number))

    def count(self, stage: int) -> int:
        """Return how many replicas a stage has, >= 1."""
        return self.replicas[stage] if self.replicas else 1

    def others(self, address: Address) -> tuple[Address, ...]:
        """Return the other replicas of the stage at ``address``, in order."""
        if not self.replicas or address.number is None:
            return ()
        return tuple(each for each in self._all(address.number) if each != address)

    def senders(self, address: Address) -> frozenset[Address]:
        """Return the peers that send data to ``address``, and keep it until ``address`` has committed."""
        if address == TRAINER:
            return frozenset({stage_address(self.stages - 1)})
        if address == READER:
            return frozenset()
        # The peers ahead send gradients; where it is the trainer, targets.
        return frozenset({*self._behind(address), *self._ahead(address), *self.others(address)})

    def receivers(self, address: Address) -> frozenset[Address]:
        """Return the peers to which ``address`` sends data, and for which it keeps them."""
        if address == TRAINER:
            return frozenset({*self._all(0), *self._all(self.stages - 1)})
        if address == READER:
            return frozenset()
        ahead, behind = self._ahead(address), self._behind(address)
        if replica_of(address):  # the first one reports the cost of a step
            ahead -= {TRAINER}
        return frozenset({*ahead, *(behind - {TRAINER}), *self.others(address)})

    def acknowledged(self, address: Address) -> frozenset[Address]:
        """Return the senders that learn of a commit of ``address`` in no other way than by a message about it.

        The others learn of it from the next envelope. A replica that has no microbatch of a step sends nothing in it,
        so all replicas of a stage are told.
        """
        return (self.senders(address) - self.receivers(address)) | frozenset(self.others(address))

    def neighbours(self, address: Address) -> frozenset[Address]:
        """Return the peers that ``address`` asks when it is restarted.

        A stage asks those it exchanges data with, and the trainer; the reader the trainer; the trainer asks all peers.
        """
        if address == TRAINER:
            return frozenset(self.addresses) - {TRAINER}
        return self.senders(address) | self.receivers(address) | {TRAINER}

    @property
    def stage_addresses(self) -> tuple[Address, ...]:
        """All stages in order, the replicas of each in order."""
        return tuple(each for stage in range(self.stages) for each in self._all(stage))

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All peers: the stages in order, the reader if there is one, then the trainer."""
        readers = (READER,) if self.reader else ()
        return (*self.stage_addresses, *readers, TRAINER)

    def _replica(self, stage: int, microbatch: int) -> Address:
        """Return the replica of a stage that has a microbatch; the first one has what belongs to a step as a whole."""
        if not self.replicas or microbatch == WHOLE_STEP:
            return stage_address(stage)
        return stage_address(stage, microbatch % self.replicas[stage])

    def _all(self, stage: int) -> tuple[Address, ...]:
        return tuple(stage_address(stage, replica) for replica in range(self.count(stage)))

    def _behind(self, address: Address) -> frozenset[Address]:
        return self._beside(address, -1)

    def _ahead(self, address: Address) -> frozenset[Address]:
        return self._beside(address, 1)

    def _beside(self, address: Address, way: int) -> frozenset[Address]:
        """Return the replicas of the stage before or after that share microbatches with one, or the trainer."""
        stage = self.edges(address).inputs
        if not 0 <= stage + way < self.stages:
            return frozenset({TRAINER})
        replica, common = replica_of(address), gcd(self.count(stage), self.count(stage + way))
        return frozenset(each for each in self._all(stage + way) if (replica_of(each) - replica) % common == 0)
