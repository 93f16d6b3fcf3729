"""Send samples through the network, a few at a time, until all their outputs are back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from annex_actors.base.types import Floats
from annex_actors.data.sources.stored import stored
from annex_actors.protocol.messages import Post, Predict, freeze
from annex_actors.protocol.reading import Read, Rows
from annex_actors.protocol.routing import Routing

CHUNK = 256
"""Samples in one prediction message. It is fixed, since the shape of a matrix product decides its rounding."""


def chunks_of(samples: int) -> int:
    """Return how many messages so many samples fill."""
    return -(-samples // CHUNK)


def chunk_of(number: int) -> slice:
    """Return which samples a message has, given its number among those of all samples."""
    return slice(number * CHUNK, (number + 1) * CHUNK)


@dataclass(slots=True)
class PredictionFeed:
    """The predictions for an array of samples at one version of the weights.

    Args:
        run: the run's name.
        routing: the chain of stages.
        inputs: the samples, ``(samples, *input_shape)``. Of those that stay in files none is kept here: each message
            is read when it is to be sent, and again if it is lost.
        step: the version of the weights.
        first: the number of the first chunk; chunks are numbered by ``microbatch``.
        penalty: what the weights cost, as the outputs say.
    """

    run: str
    routing: Routing
    inputs: Floats
    step: int
    first: int = 0
    penalty: float = 0.0
    _outputs: dict[int, Floats] = field(default_factory=dict)
    _sent: int = 0

    @property
    def chunks(self) -> int:
        """The number of messages that the samples fill."""
        return chunks_of(len(self.inputs))

    @property
    def numbers(self) -> range:
        """The numbers of these messages."""
        return range(self.first, self.first + self.chunks)

    @property
    def done(self) -> bool:
        """Whether every output is back."""
        return len(self._outputs) == self.chunks

    def send_next(self) -> list[Post]:
        """Return the next messages, so that enough are in flight to keep every stage busy."""
        start, window = self._sent, self.routing.workers + 1
        self._sent = min(self.chunks, len(self._outputs) + window)
        return [self._post(chunk) for chunk in range(start, self._sent)]

    def send_again(self) -> list[Post]:
        """Return the messages whose outputs are not back; the restart of a stage may have lost them."""
        return [self._post(chunk) for chunk in range(self._sent) if chunk not in self._outputs]

    def receive(self, message: Predict) -> None:
        """Store the outputs that came back; ignore those of an earlier feed."""
        chunk = message.microbatch - self.first
        if message.step == self.step and 0 <= chunk < self._sent:
            self._outputs[chunk] = message.array
            self.penalty = message.penalty

    def send(self, rows: Rows) -> list[Post]:
        """Return the message with inputs that were read for it; none where its outputs are back."""
        chunk = rows.microbatch - self.first
        if rows.step != self.step or not 0 <= chunk < self._sent or chunk in self._outputs:
            return []
        return [self._predict(chunk, rows.array)]

    def outputs(self) -> Floats:
        """Return all outputs in the order of the samples, ``(samples, *output_shape)``."""
        return np.concatenate([self._outputs[chunk] for chunk in range(self.chunks)])

    def _post(self, chunk: int) -> Post:
        if stored(self.inputs) is None:
            return self._predict(chunk, freeze(self.inputs[chunk_of(chunk)]))
        read = Read(self.run, self.step, self.first + chunk, self.routing.rows)
        return Post(self.routing.receiver(read), read)

    def _predict(self, chunk: int, samples: Floats) -> Post:
        message = Predict(self.run, self.step, self.first + chunk, self.routing.inputs, samples)
        return Post(self.routing.receiver(message), message)
