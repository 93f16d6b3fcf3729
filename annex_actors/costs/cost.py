"""What a cost is: the number that training minimizes (elsewhere called the loss), and its gradient."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from annex_actors.base.types import Array, Floats, Shape


@runtime_checkable
class Cost(Protocol):
    """A mean over the samples of a batch; every microbatch computes its share of it.

    To write your own cost, make a frozen dataclass with these four members; `annex_actors.testing.check_cost` tests it.
    """

    @property
    def name(self) -> str:
        """The cost's name, such as ``softmax_cross_entropy``."""

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        """Return labels or targets in the form that `evaluate` takes: one row for each sample, never broadcast.

        Args:
            targets: the user's labels or targets, shape ``(samples,)`` or ``(samples, *output_shape)``.
            output_shape: the shape of one sample's outputs.

        Raises:
            DataError: targets of another shape, not finite, or out of range.
            ShapeError: outputs of a shape for which this cost is undefined.
        """

    def evaluate(self, outputs: Floats, targets: Array, samples: int) -> tuple[float, Floats]:
        """Return this microbatch's share of the cost, summed in float64, and dC/doutputs in the dtype of ``outputs``.

        Args:
            outputs: the network's outputs, shape ``(microbatch, *output_shape)``; read-only.
            targets: the same rows of what `encode` returned; read-only.
            samples: the size of the whole batch; the shares of its microbatches add up to the batch's mean.
        """

    def predictions(self, outputs: Floats) -> Floats:
        """Return what the outputs predict, in their shape: probabilities for logits, else ``outputs`` itself."""
