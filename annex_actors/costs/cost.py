"""What a cost is: the number that training makes small (elsewhere called the loss), and its gradient."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from annex_actors.base.types import Array, Floats, Shape


@runtime_checkable
class Cost(Protocol):
    """A mean over the samples of a batch, of which every micro-batch computes its own share.

    A cost of your own is a frozen dataclass with these four members; `annex_actors.testing.check_cost` tests it.
    """

    @property
    def name(self) -> str:
        """The cost's name, such as ``softmax_cross_entropy``."""

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        """Return labels or targets as `evaluate` takes them, one row for each sample; nothing is ever broadcast.

        Args:
            targets: what the user has, shape ``(samples,)`` or ``(samples, *output_shape)``.
            output_shape: the shape of one sample's outputs.

        Raises:
            DataError: targets of another shape, not finite, or out of range.
            ShapeError: outputs for which this cost has no meaning.
        """

    def evaluate(self, outputs: Floats, targets: Array, samples: int) -> tuple[float, Floats]:
        """Return this micro-batch's share of the cost, summed in float64, and dC/doutputs in the dtype of ``outputs``.

        Args:
            outputs: the network's, shape ``(microbatch, *output_shape)``; read-only.
            targets: the same rows of what `encode` returned; read-only.
            samples: how many samples the whole batch has: shares of its micro-batches add up to the batch's mean.
        """

    def predictions(self, outputs: Floats) -> Floats:
        """Return what the network predicts: probabilities where the outputs are logits, else ``outputs`` itself."""
