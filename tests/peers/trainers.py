"""A trainer by itself, with a test in place of the stages."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from annex_actors.peers.trainer import TrainerSpec
from annex_actors.peers.trainer_state import TrainerState
from annex_actors.protocol.effects import Commit, Effect, Emit, Send
from annex_actors.protocol.events import Event
from annex_actors.protocol.messages import Address, Envelope, Forward, Message, Predict
from annex_actors.protocol.routing import stage_address
from annex_actors.protocol.snapshot import Snapshot
from tests.protocol.messages import committed, halt, report
from tests.trainings import CLASSES, Training

_Message = TypeVar("_Message", bound=Message)
TRAINING = Training(microbatches=3, size=13, batch_size=5, epochs=2)
"""Three steps an epoch: of 5, 5 and 3 samples."""

STAGES = [stage_address(stage) for stage in range(5)]
LAST = STAGES[-1]


class Hosted:
    """A trainer, what it did, and what the stages tell it."""

    def __init__(self, spec: TrainerSpec | None = None, snapshot: Snapshot | None = None, incarnation: int = 1) -> None:
        self.node = (spec or TRAINING.trainer_spec()).node(snapshot, incarnation)
        self.commits: list[Snapshot] = []
        self.events: list[Event] = []
        self.sent: list[tuple[Address, Message]] = []
        self._take(self.node.start())

    def tell(self, message: Message, sender: Address = LAST, incarnation: int = 1) -> None:
        self.node.receive(Envelope(sender, incarnation, 0, message))
        while (effects := self.node.work()) is not None:
            self._take(effects)

    def report(self, *steps: int, cost: float = 0.5) -> None:
        for step in steps:
            self.tell(report(step, edge=5, cost=cost, samples=(5, 5, 3)[step % 3]))

    def answer(self) -> None:
        """Answer the last question for predictions."""
        asked = self.messages(Predict)[-1]
        outputs = np.zeros((len(asked.array), CLASSES), np.float32)
        self.tell(replace(asked, edge=5, array=outputs))

    def committed(self, step: int, *senders: Address) -> None:
        for sender in senders or STAGES:
            self.tell(committed(step), sender)

    def messages(self, kind: type[_Message]) -> list[_Message]:
        return [message for _, message in self.sent if isinstance(message, kind)]

    @property
    def fed(self) -> list[int]:
        """The steps whose forwards were sent, in order."""
        return sorted({message.step for message in self.messages(Forward)})

    @property
    def state(self) -> TrainerState:
        """What was committed last."""
        state: TrainerState = self.commits[-1].state
        return state

    def _take(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(to, envelope):
                    self.sent.append((to, envelope.message))
                case Commit(snapshot):
                    self.commits.append(snapshot)
                case Emit(event):
                    self.events.append(event)


HALT = halt()


def trained(hosted: Hosted) -> Hosted:
    """Report the current epoch."""
    first = hosted.state.reported if hosted.commits else 0
    hosted.report(*range(first, first + 3))
    return hosted


def at_the_end(hosted: Hosted) -> Hosted:
    """Let both epochs be trained and evaluated."""
    trained(hosted).answer()
    trained(hosted).answer()
    return hosted
