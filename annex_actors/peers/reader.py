"""The reader: it reads inputs that stay in files, a few steps ahead of the trainer, which cuts and sends them.

What it reads is a function of the place that the trainer names, and of files that do not change. So it commits nothing,
and a restarted trainer or reader makes no difference: the trainer asks again for what it lacks. The reader's state is a
recipe, a few paths and numbers, and never an array of inputs. Its rows come from a `Source`, the only thing of the core
that may wait for a disk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from annex_actors.base.errors import DataError
from annex_actors.base.shown import brief
from annex_actors.base.types import Floats
from annex_actors.data import Batches
from annex_actors.data.sources.stored import StoredInputs, converted, stored
from annex_actors.peers.prediction_feed import chunk_of
from annex_actors.peers.trainer import TrainerSpec
from annex_actors.protocol.effects import Request
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument
from annex_actors.protocol.mailbox import MOST_URGENT, Urgency
from annex_actors.protocol.messages import WHOLE_STEP, Address, Control, Message, Post, freeze
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.reading import Read, Rows
from annex_actors.protocol.routing import READER, Routing
from annex_actors.protocol.snapshot import Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class ReaderSpec:
    """A reader as plain data.

    Args:
        run: the run's name.
        routing: the chain of stages.
        batches: which samples belong to which step.
        train: the inputs to train on; None where they are in memory.
        test: the inputs to evaluate with; None likewise.
    """

    run: str
    routing: Routing
    batches: Batches
    train: StoredInputs | None
    test: StoredInputs | None

    __repr__ = brief

    address = READER
    label = str(READER)

    @classmethod
    def of(cls, trainer: TrainerSpec) -> Self | None:
        """Return what reads for a trainer; None where all of its inputs are in memory."""
        train, test = stored(trainer.inputs), None
        if trainer.test is not None:
            test = stored(converted(trainer.test.inputs, trainer.inputs.dtype))
        if train is None and test is None:
            return None
        # It computes the order of the samples for itself, since it may be an epoch ahead of the trainer.
        return cls(trainer.run, trainer.routing, replace(trainer.batches), train, test)

    def node(
        self,
        snapshot: Snapshot | None,
        incarnation: int,
        instrument: Instrument = NO_INSTRUMENT,
        is_due: Callable[[int], bool] = every_step,
    ) -> Node:
        """Return the reader as a peer; every incarnation waits to be asked."""
        return Node(
            READER,
            incarnation,
            run=self.run,
            routing=self.routing,
            behaviour=Reader(self),
            mailbox=ReaderMailbox(),
            snapshot=Snapshot(READER, 0, None),
            instrument=instrument,
        )


class ReaderMailbox:
    """The mailbox of the reader: what it is asked for in the order of arrival, each place once."""

    def __init__(self) -> None:
        self._messages: dict[tuple[int, int], Message] = {}

    @property
    def waiting(self) -> int:
        """The number of messages that are here and not handled."""
        return len(self._messages)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that are here and not handled."""
        return tuple(self._messages.values())

    def put(self, message: Message) -> None:
        """Store a message."""
        self._messages.setdefault((message.step, message.microbatch), message)

    def next(self) -> Message | None:
        """Return the next message to handle."""
        return self._messages.pop(next(iter(self._messages))) if self._messages else None

    def peek(self) -> Message | None:
        """Return the message that `next` would return, and leave it here."""
        return next(iter(self._messages.values()), None)

    def urgency(self) -> Urgency | None:
        """Return `MOST_URGENT` where there are messages: they are few, and the trainer will wait for them."""
        return MOST_URGENT if self._messages else None

    def commit(self, step: int) -> None:
        """Do nothing: the reader commits nothing."""


class Reader:
    """The behaviour of the reader.

    Args:
        spec: the reader as plain data.
    """

    def __init__(self, spec: ReaderSpec) -> None:
        self._spec = spec

    def start(self) -> tuple[Request, ...]:
        """Return no request: the trainer asks when it learns that the reader is up."""
        return ()

    def handle(self, message: Message) -> list[Request]:
        """Read, and send the rows to the trainer.

        Raises:
            DataError: the files have changed or cannot be read, which no restart can heal; the message names the file.
        """
        if not isinstance(message, Read):
            raise TypeError(f"expected a reader's message, got {message}")
        try:
            array = self._read(message)
        except DataError as error:
            raise DataError(f"{self._spec.label}: {message.place}: {error}") from error
        routing = self._spec.routing
        rows = Rows(message.run, message.step, message.microbatch, routing.rows, freeze(array))
        return [Post(routing.receiver(rows), rows)]

    def on_control(self, peer: Address, control: Control) -> list[Request]:
        """Return no request: a restarted trainer asks again."""
        return []

    def _read(self, message: Read) -> Floats:
        spec, is_step = self._spec, message.microbatch == WHOLE_STEP
        inputs = spec.train if is_step else spec.test
        if inputs is None:
            raise TypeError(f"expected to be asked for inputs that stay in files, got {message}")
        return inputs[spec.batches.indices(message.step) if is_step else chunk_of(message.microbatch)]
