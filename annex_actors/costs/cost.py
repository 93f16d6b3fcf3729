"""What a cost is: the number that training minimizes (elsewhere called the loss), and its gradient."""

from __future__ import annotations

import inspect
from typing import Protocol, runtime_checkable

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Array, Floats, Shape


@runtime_checkable
class Cost(Protocol):
    """A mean over the samples of a batch; every microbatch computes its share of it.

    To write your own cost, make a frozen dataclass with these four members; `annex_actors.testing.check_cost` tests it.
    A cost with settings may also have `spec`, the text that `cost` reads back, such as ``huber:delta=2.0``.
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

    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        """Return this microbatch's share of the cost, summed in float64, and dC/doutputs in the dtype of ``outputs``.

        Args:
            outputs: the network's outputs, shape ``(microbatch, *output_shape)``; read-only.
            targets: the same rows of what `encode` returned; read-only.
            samples: the size of the whole batch; the shares of its microbatches add up to the batch's mean.
            sample_weight: what each sample counts, float64, shape ``(microbatch,)``, read-only: its row of the cost and
                of the gradient is multiplied by it. They are scaled so that their mean over the whole batch is 1, or
                all 0, and so ``samples`` stays what to divide by. None: 1 each. A cost without this argument works
                where samples have no weights.
        """

    def predictions(self, outputs: Floats) -> Floats:
        """Return what the outputs predict, in their shape: probabilities for logits, else ``outputs`` itself."""


def takes_weights(cost: Cost) -> bool:
    """Return whether a cost can be evaluated with sample weights."""
    try:
        inspect.signature(cost.evaluate).bind(*range(4))
    except TypeError:
        return False
    return True


def check_takes_weights(cost: Cost) -> None:
    """Refuse a cost without sample weights, which a user may have written.

    Raises:
        ConfigError: its `evaluate` does not take them.
    """
    if not takes_weights(cost):
        raise ConfigError(
            "expected a `cost` that takes weights, evaluate(outputs, targets, samples, sample_weight), "
            f"got {cost.name}, which takes none; add the argument, or leave sample_weight and class_weight out"
        )
