"""Who is at the ends of an edge: a pure function, looked up for every message and never remembered.

Today every edge has one peer at each end. Replicas that share the microbatches among them, or a layer split over
several actors, change this file and no stage.
"""

from __future__ import annotations

from dataclasses import dataclass

from annex_actors.protocol.messages import Address, Message

TRAINER: Address = "trainer"


def stage_address(stage: int) -> Address:
    """Return the address of stage ``stage``, from 0."""
    return f"stage-{stage}"


@dataclass(frozen=True, slots=True)
class Routing:
    """The chain trainer → stage 0 → … → stage S-1 → trainer, and the targets' edge from the trainer to the last stage.

    Args:
        stages: S, >= 1.
    """

    stages: int

    @property
    def inputs(self) -> int:
        """The edge on which the trainer feeds samples."""
        return 0

    @property
    def outputs(self) -> int:
        """The edge on which the last stage sends reports and predictions."""
        return self.stages

    @property
    def targets(self) -> int:
        """The edge on which the trainer feeds targets."""
        return self.stages + 1

    def upstream(self, edge: int, microbatch: int) -> Address:
        """Return who produces what travels forward on ``edge``."""
        return TRAINER if edge in (self.inputs, self.targets) else stage_address(edge - 1)

    def downstream(self, edge: int, microbatch: int) -> Address:
        """Return who receives what travels forward on ``edge``."""
        if edge == self.outputs:
            return TRAINER
        return stage_address(self.stages - 1 if edge == self.targets else edge)

    def receiver(self, message: Message) -> Address:
        """Return to whom ``message`` goes: gradients travel against their edge, all else along it."""
        end = self.upstream if message.goes_back else self.downstream
        return end(message.edge, message.microbatch)

    def senders(self, address: Address) -> frozenset[Address]:
        """Return the peers that send data to ``address``, and so keep it until ``address`` has committed."""
        last = stage_address(self.stages - 1)
        if address == TRAINER:
            return frozenset({last})
        stage = int(address.rpartition("-")[2])
        behind = {self.upstream(stage, 0)}
        return frozenset(behind | {TRAINER} if address == last else behind | {stage_address(stage + 1)})

    def receivers(self, address: Address) -> frozenset[Address]:
        """Return the peers to which ``address`` sends data."""
        if address == TRAINER:
            return frozenset({stage_address(0), stage_address(self.stages - 1)})
        stage = int(address.rpartition("-")[2])
        ahead = self.downstream(stage + 1, 0)
        return frozenset({ahead, stage_address(stage - 1)} if stage else {ahead})

    def neighbours(self, address: Address) -> frozenset[Address]:
        """Return whom a restarted ``address`` asks: all it trades data with, and the trainer, who asks every stage."""
        if address == TRAINER:
            return frozenset(self.addresses) - {TRAINER}
        return self.senders(address) | self.receivers(address) | {TRAINER}

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All peers: the stages in order, then the trainer."""
        return (*map(stage_address, range(self.stages)), TRAINER)
