"""Values and gradients are those of torch, of random outputs and targets of random shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.types import Array, Floats
from annex_actors.costs import cost

torch = pytest.importorskip("torch")
F = torch.nn.functional


def amounts(numbers: np.random.Generator, samples: int, width: int) -> Array:
    return 3 * numbers.standard_normal((samples, width))


def counts(numbers: np.random.Generator, samples: int, width: int) -> Array:
    return numbers.integers(0, 5, (samples, width))


def labels(numbers: np.random.Generator, samples: int, width: int) -> Array:
    return numbers.integers(0, width, samples)


def answers(numbers: np.random.Generator, samples: int, width: int) -> Array:
    return numbers.integers(0, 2, (samples, width)).astype(np.float64)


def chances(numbers: np.random.Generator, samples: int, width: int) -> Array:
    return numbers.random((samples, width))


def distributions(numbers: np.random.Generator, samples: int, width: int) -> Array:
    return numbers.dirichlet(np.full(width, 0.5), samples)


def focal(outputs: Any, targets: Any, gamma: float, alpha: float) -> Any:
    """Return equation 5 of Lin et al. (2017), as it stands there."""
    p = torch.sigmoid(outputs)
    entropies = F.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
    right = p * targets + (1 - p) * (1 - targets)
    share = alpha * targets + (1 - alpha) * (1 - targets)
    return (share * (1 - right) ** gamma * entropies).mean()


def smoothed(outputs: Any, targets: Any, smoothing: float) -> Any:
    return F.binary_cross_entropy_with_logits(outputs, targets * (1 - smoothing) + smoothing / 2)


def divergence(outputs: Any, targets: Any) -> Any:
    return F.kl_div(F.log_softmax(outputs, -1), targets, reduction="batchmean")


@dataclass(frozen=True)
class Case:
    """A cost as text, targets for it, and what torch makes of outputs and targets."""

    text: str
    targets: Callable[[np.random.Generator, int, int], Array]
    torch: Callable[[Any, Any], Any]
    least: int = 1

    def __str__(self) -> str:
        return f"{self.text} of {self.targets.__name__}"


CASES = [
    Case("mean_squared_error", amounts, F.mse_loss),
    Case("mean_absolute_error", amounts, F.l1_loss),
    Case("huber", amounts, F.huber_loss),
    Case("huber:delta=2.5", amounts, lambda x, t: F.huber_loss(x, t, delta=2.5)),
    Case("softmax_cross_entropy", labels, F.cross_entropy, 2),
    Case("softmax_cross_entropy", distributions, F.cross_entropy, 2),
    Case("softmax_cross_entropy:0.1", labels, lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1), 2),
    Case("softmax_cross_entropy:0.3", distributions, lambda x, t: F.cross_entropy(x, t, label_smoothing=0.3), 2),
    Case("sigmoid_cross_entropy", chances, F.binary_cross_entropy_with_logits),
    Case("sigmoid_cross_entropy:0.1", answers, lambda x, t: smoothed(x, t, 0.1)),
    Case("focal", answers, lambda x, t: focal(x, t, 2.0, 0.25)),
    Case("focal:gamma=1.5:alpha=0.6", chances, lambda x, t: focal(x, t, 1.5, 0.6)),
    Case("focal:gamma=0", answers, lambda x, t: focal(x, t, 0.0, 0.25)),
    Case("hinge", labels, F.multi_margin_loss, 2),
    Case("hinge:margin=0.5:p=2", labels, lambda x, t: F.multi_margin_loss(x, t, p=2, margin=0.5), 2),
    Case("poisson", counts, F.poisson_nll_loss),
    Case("kl_divergence", distributions, divergence, 2),
    Case("cosine_similarity", amounts, lambda x, t: (1 - F.cosine_similarity(x, t)).mean(), 2),
]


def of_torch(case: Case, outputs: Floats, targets: Array) -> tuple[float, Floats]:
    leaf = torch.tensor(outputs, requires_grad=True)
    kind = torch.int64 if targets.ndim == 1 else leaf.dtype
    value = case.torch(leaf, torch.tensor(targets, dtype=kind))
    value.backward()
    return value.item(), leaf.grad.numpy()


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-5)])
@settings(deadline=None, print_blob=True, max_examples=20)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_value_and_gradient_are_those_of_torch(
    case: Case, dtype: type[Any], tolerance: float, samples: int, width: int, seed: int
) -> None:
    numbers, width = np.random.default_rng(seed), max(width, case.least)
    outputs = (2 * numbers.standard_normal((samples, width))).astype(dtype)
    targets = case.targets(numbers, samples, width)
    chosen = cost(case.text)
    value, gradient = chosen.evaluate(outputs, chosen.encode(targets, (width,)), samples)
    expected, slope = of_torch(case, outputs, targets)
    assert value == pytest.approx(expected, rel=tolerance, abs=tolerance)
    np.testing.assert_allclose(gradient, slope, rtol=tolerance, atol=tolerance)


@settings(deadline=None, print_blob=True, max_examples=20)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_class_weights_are_those_of_torch(samples: int, seed: int) -> None:
    numbers = np.random.default_rng(seed)
    outputs, targets, weights = numbers.standard_normal((samples, 4)), labels(numbers, samples, 4), numbers.random(4)
    by_class = weights[targets]
    chosen = cost("softmax_cross_entropy")
    value, gradient = chosen.evaluate(outputs, targets, samples, by_class / by_class.mean())
    case = Case("", labels, lambda x, t: F.cross_entropy(x, t, weight=torch.tensor(weights)))
    expected, slope = of_torch(case, outputs, targets)
    assert value == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(gradient, slope, rtol=1e-10, atol=1e-12)


def test_the_hinge_of_one_output_is_that_of_keras() -> None:
    outputs, targets = np.array([[0.3], [-2.0], [1.5]]), np.array([[-1.0], [-1.0], [1.0]])
    value, gradient = cost("hinge").evaluate(outputs, targets, 3)
    assert value == pytest.approx(np.maximum(1 - targets * outputs, 0).mean())
    assert gradient.tolist() == [[1 / 3], [0], [0]]
