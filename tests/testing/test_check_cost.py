"""A checker is worth what it refuses: each cost here breaks one promise, and the message says which."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from annex_actors.base.types import Array, Floats, Shape
from annex_actors.costs import MeanSquaredError as Squares
from annex_actors.testing import check_cost


class WrongGradient(Squares):
    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        value, gradient = super().evaluate(outputs, targets, samples, sample_weight)
        return value, gradient * 2


class ForgetsTheBatch(Squares):
    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        return super().evaluate(outputs, targets, len(outputs), sample_weight)


class MixesRows(Squares):
    """The square of the total error, in which every row meets every other."""

    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        error = outputs - targets.astype(outputs.dtype)
        total = error.sum(axis=0)
        gradient = np.empty_like(outputs)
        gradient[:] = 2 * total / samples
        return float(np.vdot(total, total)) / samples, gradient


class ReturnsAnArray(Squares):
    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        value, gradient = super().evaluate(outputs, targets, samples, sample_weight)
        return np.float64(value), gradient


class WritesOutputs(Squares):
    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        outputs -= targets
        return super().evaluate(outputs, np.zeros_like(outputs), samples, sample_weight)


class Widens(Squares):
    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        return super().evaluate(outputs.astype(np.float64), targets, samples, sample_weight)


@dataclass(frozen=True)
class CountsItsCalls(Squares):
    calls: list[int] = field(default_factory=list)

    def evaluate(
        self, outputs: Floats, targets: Array, samples: int, sample_weight: Floats | None = None
    ) -> tuple[float, Floats]:
        self.calls.append(1)
        value, gradient = super().evaluate(outputs, targets, samples, sample_weight)
        return value * len(self.calls), gradient


class DropsARow(Squares):
    def encode(self, targets: Array, output_shape: Shape) -> Array:
        return super().encode(targets, output_shape)[1:]


class Broadcasts(Squares):
    def encode(self, targets: Array, output_shape: Shape) -> Array:
        return np.broadcast_to(targets.reshape(len(targets), -1), (len(targets), *output_shape))


class TakesNan(Squares):
    def encode(self, targets: Array, output_shape: Shape) -> Array:
        return super().encode(np.nan_to_num(targets).astype(int), output_shape)


class PredictsAClass(Squares):
    def predictions(self, outputs: Floats) -> Floats:
        best: Floats = outputs.max(axis=-1)
        return best


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (WrongGradient, "expected mean_squared_error.evaluate to be .*, as central differences are, got"),
        (ForgetsTheBatch, "shares of mean_squared_error add up to .*, expected"),
        (MixesRows, "shares of mean_squared_error add up to .*, expected"),
        (ReturnsAnArray, "expected mean_squared_error.evaluate to return a finite float"),
        (WritesOutputs, "mean_squared_error.evaluate writes to an array that it was given; make a new one"),
        (Widens, "expected mean_squared_error.evaluate, gradient of dtype float32, got float64"),
        (CountsItsCalls, "mean_squared_error.evaluate differs from call to call"),
        (DropsARow, "expected 5 rows of mean_squared_error.encode, got 4"),
        (Broadcasts, "mean_squared_error.encode takes targets with two more axes; raise DataError"),
        (TakesNan, "mean_squared_error.encode takes targets with NaN; raise DataError"),
        (PredictsAClass, r"expected mean_squared_error.predictions of shape \(5, 3\), got \(5,\)"),
    ],
)
def test_a_broken_promise_is_named(broken: type[Squares], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_cost(broken())


def test_what_lacks_a_member_is_refused() -> None:
    with pytest.raises(AssertionError, match="expected a Cost, got 'mse'"):
        check_cost("mse")  # type: ignore[arg-type]
