"""The predictor: it takes the trainer's place, and answers the owner of the run instead of feeding steps.

It stays up until the owner halts or closes the run. It commits nothing: the owner keeps what it has asked until that is
answered, and asks each new incarnation again. Chunks keep their numbers then, so that outputs of what an earlier
incarnation sent are as good as any, and what is answered twice has the same bits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from annex_actors.base.types import Floats
from annex_actors.peers.prediction_feed import PredictionFeed
from annex_actors.protocol.effects import Emit, Request
from annex_actors.protocol.events import Finished
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument
from annex_actors.protocol.mailbox import MOST_URGENT, Urgency
from annex_actors.protocol.messages import (
    OWNER,
    Address,
    Answer,
    Ask,
    Control,
    Halt,
    Message,
    Post,
    Predict,
    Resume,
    freeze,
)
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.routing import TRAINER, Routing
from annex_actors.protocol.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class PredictorSpec:
    """A predictor as plain data.

    Args:
        run: the run's name.
        routing: the chain of stages.
        step: the version of the stages' weights.
    """

    run: str
    routing: Routing
    step: int

    address = TRAINER
    label = "predictor"

    def ask(self, samples: Floats, first: int = 0) -> Ask:
        """Return the question what the network makes of these samples.

        Args:
            samples: shape ``(samples, *input_shape)``, read-only.
            first: the number of their first chunk. The next question's is larger by `chunks_of` these samples.
        """
        return Ask(self.run, self.step, first, self.routing.inputs, samples)

    def node(
        self,
        snapshot: Snapshot | None,
        incarnation: int,
        instrument: Instrument = NO_INSTRUMENT,
        is_due: Callable[[int], bool] = every_step,
    ) -> Node:
        """Return the predictor as a peer; every incarnation waits to be asked."""
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
    """The mailbox of the predictor: messages in the order of their arrival."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()

    @property
    def waiting(self) -> int:
        """The number of messages that are here and not handled."""
        return len(self._messages)

    def put(self, message: Message) -> None:
        """Store a message."""
        self._messages.append(message)

    def next(self) -> Message | None:
        """Return the next message to handle."""
        return self._messages.popleft() if self._messages else None

    def urgency(self) -> Urgency | None:
        """Return `MOST_URGENT` where there are messages, since the first stage waits for samples."""
        return MOST_URGENT if self._messages else None

    def commit(self, step: int) -> None:
        """Do nothing: predictions are not ordered by steps."""


class Predictor:
    """The behaviour of the predictor.

    Args:
        spec: the predictor as plain data.
    """

    def __init__(self, spec: PredictorSpec) -> None:
        self._spec = spec
        self._feeds: dict[int, PredictionFeed] = {}
        """What is asked and not answered, by the number of its first chunk; empty: the predictor waits for nothing."""
        self._halting = False

    def start(self) -> tuple[Request, ...]:
        """Return no request: a predictor waits to be asked."""
        return ()

    def handle(self, message: Message) -> list[Request]:
        """Begin to predict, or store outputs; then send the next samples, or answer."""
        match message:
            case Ask():
                return self._begin(message)
            case Predict():
                return self._store(message)
            case _:
                raise TypeError(f"expected a predictor's message, got {message}")

    def on_control(self, peer: Address, control: Control) -> list[Request]:
        """Halt once all is answered, or send again what a restarted stage may have lost."""
        match control:
            case Halt():
                self._halting = True
                return self._finish()
            case Resume():
                return [post for feed in self._feeds.values() for post in feed.send_again()]
        return []

    def waits_for(self) -> str | None:
        """Return for what it waits; None where nothing is asked."""
        return "the outputs of a prediction" if self._feeds else None

    def _begin(self, ask: Ask) -> list[Request]:
        if self._halting or ask.microbatch in self._feeds:
            return []
        spec, first = self._spec, ask.microbatch
        feed = self._feeds[first] = PredictionFeed(spec.run, spec.routing, ask.array, spec.step, first)
        return list(feed.send_next())

    def _store(self, message: Predict) -> list[Request]:
        feed = next((each for each in self._feeds.values() if message.microbatch in each.numbers), None)
        if feed is None:  # answered already, or not asked again yet after a restart
            return []
        feed.receive(message)
        if not feed.done:
            return list(feed.send_next())
        del self._feeds[feed.first]
        spec = self._spec
        answer = Answer(spec.run, spec.step, feed.first, spec.routing.outputs, freeze(feed.outputs()))
        return [Post(OWNER, answer), *self._finish()]

    def _finish(self) -> list[Request]:
        return [Emit(Finished(self._spec.step))] if self._halting and not self._feeds else []
