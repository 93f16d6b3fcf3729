"""Send samples through the network for their outputs, a few at a time, until every output is back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from annex_actors.base.types import Floats
from annex_actors.protocol.messages import Post, Predict, freeze
from annex_actors.protocol.routing import Routing

CHUNK = 256
"""Samples in one prediction message: fixed, since the shape of a matrix product decides its rounding."""


@dataclass(slots=True)
class PredictionFeed:
    """Predictions at one place of the stream.

    Args:
        run: the run's name.
        routing: the chain of stages.
        inputs: ``(samples, *input_shape)``.
        step: the version of the weights to predict with.
    """

    run: str
    routing: Routing
    inputs: Floats
    step: int
    _outputs: dict[int, Floats] = field(default_factory=dict)
    _asked: int = 0

    @property
    def chunks(self) -> int:
        """How many messages the samples make."""
        return -(-len(self.inputs) // CHUNK)

    @property
    def done(self) -> bool:
        """Whether every output is back."""
        return len(self._outputs) == self.chunks

    def more(self) -> list[Post]:
        """Return the next messages: as many in flight as keep every stage busy."""
        start, window = self._asked, self.routing.stages + 1
        self._asked = min(self.chunks, len(self._outputs) + window)
        return [self._ask(chunk) for chunk in range(start, self._asked)]

    def again(self) -> list[Post]:
        """Return the messages whose outputs are not back: after a stage was started anew they may be lost."""
        return [self._ask(chunk) for chunk in range(self._asked) if chunk not in self._outputs]

    def take(self, message: Predict) -> None:
        """Keep the outputs that came back; those of an earlier feed are not for this one."""
        if message.step == self.step and message.microbatch < self._asked:
            self._outputs[message.microbatch] = message.array

    def outputs(self) -> Floats:
        """Return all outputs in the samples' order: ``(samples, *output_shape)``."""
        return np.concatenate([self._outputs[chunk] for chunk in range(self.chunks)])

    def _ask(self, chunk: int) -> Post:
        samples = freeze(self.inputs[chunk * CHUNK : (chunk + 1) * CHUNK])
        message = Predict(self.run, self.step, chunk, self.routing.inputs, samples)
        return Post(self.routing.receiver(message), message)
