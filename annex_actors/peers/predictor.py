"""The predictor: it takes the trainer's place, and feeds samples for their outputs instead of steps."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from annex_actors.base.types import Floats
from annex_actors.peers.prediction_feed import PredictionFeed
from annex_actors.protocol.effects import Commit, Emit, Request
from annex_actors.protocol.events import Finished
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument
from annex_actors.protocol.mailbox import MOST_URGENT, Urgency
from annex_actors.protocol.messages import Address, Control, Message, Predict, Resume
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.routing import TRAINER, Routing
from annex_actors.protocol.snapshot import Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class PredictorSpec:
    """A predictor as plain data.

    Args:
        run: the run's name.
        routing: the chain of stages.
        inputs: the samples, ``(samples, *input_shape)``.
        step: the version of the stages' weights.
    """

    run: str
    routing: Routing
    inputs: Floats
    step: int

    address = TRAINER
    label = "predictor"

    def node(
        self,
        snapshot: Snapshot | None,
        incarnation: int,
        instrument: Instrument = NO_INSTRUMENT,
        is_due: Callable[[int], bool] = every_step,
    ) -> Node:
        """Return the predictor as a peer; every incarnation begins with the first sample."""
        predictor = Predictor(self)
        return Node(
            TRAINER,
            incarnation,
            run=self.run,
            routing=self.routing,
            behaviour=predictor,
            mailbox=PredictorMailbox(),
            snapshot=Snapshot(TRAINER, self.step, None),
            instrument=instrument,
            waits_for=predictor.waits_for,
        )


class PredictorMailbox:
    """The mailbox of the predictor: outputs in the order of their arrival."""

    def __init__(self) -> None:
        self._outputs: deque[Message] = deque()

    def put(self, message: Message) -> None:
        """Store a message."""
        self._outputs.append(message)

    def next(self) -> Message | None:
        """Return the next message to handle."""
        return self._outputs.popleft() if self._outputs else None

    def urgency(self) -> Urgency | None:
        """Return `MOST_URGENT` where there are outputs, since the next samples wait for them."""
        return MOST_URGENT if self._outputs else None

    def commit(self, step: int) -> None:
        """Do nothing: predictions are not ordered by steps."""


class Predictor:
    """The behaviour of the predictor. Its one commit holds all outputs."""

    def __init__(self, spec: PredictorSpec) -> None:
        self._feed = PredictionFeed(spec.run, spec.routing, spec.inputs, spec.step)

    def start(self) -> list[Request]:
        """Send the first samples."""
        return list(self._feed.send_next())

    def handle(self, message: Message) -> list[Request]:
        """Store outputs; send the next samples, or finish."""
        if not isinstance(message, Predict) or self._feed.done:
            return []
        feed = self._feed
        feed.receive(message)
        return self._finish() if feed.done else list(feed.send_next())

    def waits_for(self) -> str | None:
        """Return for what it waits; None when it has finished."""
        return None if self._feed.done else "the outputs of a prediction"

    def _finish(self) -> list[Request]:
        feed = self._feed
        return [Commit(Snapshot(TRAINER, feed.step, feed.outputs())), Emit(Finished(feed.step))]

    def on_control(self, peer: Address, control: Control) -> list[Request]:
        """Send again what a restarted stage may have lost."""
        return list(self._feed.send_again()) if isinstance(control, Resume) else []
