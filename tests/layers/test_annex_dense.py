"""AnnexRule: the golden numbers of Annex, and its rule, written a second time number by number."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors import ConfigError, Dataset, Learner, Sgd, annex_dense, parse_layers, sequence
from annex_actors.layers import activation, dense
from annex_actors.testing import check_layer

WEIGHTS = np.array([[0.1, 0.15, 0.17], [0.2, 0.24, 0.28]])
"""Annex's golden network: a row for each output."""

trained = partial(Learner, cost="mean_squared_error", optimizer=Sgd(learning_rate=0.05), runtime="inline")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("runtime", ["inline", "threads", "schedulers"])
def test_the_golden_numbers_of_annex(dtype: str, runtime: str) -> None:
    data = Dataset.from_arrays([[1, 0.4, 1.4]], [[1.0, 0.0]], test_fraction=0)
    network = annex_dense(2, "relu", weights=WEIGHTS.T, biases=[0.1, 0.1])
    learner = trained(network, dtype=dtype, runtime=runtime)
    weights = learner.train(data, epochs=1, batch_size=1).checkpoint.weights
    golden = [[0.1251, 0.16004, 0.20514], [0.1606, 0.22424, 0.22484]]
    np.testing.assert_allclose(weights["0.weight"].T, golden, rtol=0, atol=1e-6)
    np.testing.assert_allclose(weights["0.bias"], [0.1251, 0.0606], rtol=0, atol=1e-6)
    np.testing.assert_allclose(learner.predict(data.test.inputs), [[0.601412, 0.625672]], rtol=0, atol=1e-6)


Layer = tuple[list[list[float]], list[float], str]

FUNCTIONS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "sigmoid": (lambda x: 1 / (1 + math.exp(-x)), lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2),
    "tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    "relu": (lambda x: max(x, 0.0), lambda x: float(x > 0)),
    "linear": (lambda x: x, lambda x: 1.0),
}


def annex_step(layers: list[Layer], inputs: list[float], target: list[float], rate: float) -> list[Layer]:
    """Return the layers after a sample, with a row of weights for each output, computed number by number."""
    met, sums = [inputs], []
    for rows, biases, name in layers:
        sums.append(
            [b + sum(w * x for w, x in zip(row, met[-1], strict=True)) for row, b in zip(rows, biases, strict=True)]
        )
        met.append([FUNCTIONS[name][0](z) for z in sums[-1]])
    error = [y - t for y, t in zip(met[-1], target, strict=True)]
    changed: list[Layer] = []
    for (rows, biases, name), x, z in reversed(list(zip(layers, met[:-1], sums, strict=True))):
        steps = [rate * FUNCTIONS[name][1](each) * e for each, e in zip(z, error, strict=True)]
        error = [sum(row[i] * e for row, e in zip(rows, error, strict=True)) for i in range(len(x))]
        changed_rows = [
            [w - s * each for w, each in zip(row, x, strict=True)] for row, s in zip(rows, steps, strict=True)
        ]
        changed.append((changed_rows, [b - s for b, s in zip(biases, steps, strict=True)], name))
    return changed[::-1]


def annex_layers(sizes: list[int], names: list[str], seed: int) -> list[Layer]:
    numbers = np.random.default_rng(seed)
    pairs = zip(sizes, sizes[1:], names, strict=False)
    return [(numbers.uniform(-1, 1, (n, m)).tolist(), numbers.uniform(-1, 1, n).tolist(), f) for m, n, f in pairs]


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(1, 4), min_size=3, max_size=5),
    names=st.lists(st.sampled_from(sorted(FUNCTIONS)), min_size=4, max_size=4),
    seed=st.integers(0, 1000),
)
def test_a_step_is_that_of_annex_in_networks_of_several_layers(sizes: list[int], names: list[str], seed: int) -> None:
    layers = annex_layers(sizes, names, seed)
    network = sequence(*(annex_dense(len(b), name, weights=np.array(rows).T, biases=b) for rows, b, name in layers))
    numbers = np.random.default_rng(seed + 1).integers(-8, 9, sizes[0] + sizes[-1]) / 8  # exact as float32
    inputs, target = numbers[: sizes[0]], numbers[sizes[0] :]
    data = Dataset.from_arrays([inputs], [target], test_fraction=0)
    # The mean squared error's slope is 2 / outputs times the error, which is what Annex multiplies.
    learner = trained(network, optimizer=Sgd(learning_rate=0.1 * sizes[-1] / 2), dtype="float64")
    weights = learner.train(data, epochs=1, batch_size=1).checkpoint.weights
    for index, (rows, biases, _) in enumerate(annex_step(layers, inputs.tolist(), target.tolist(), 0.1)):
        np.testing.assert_allclose(weights[f"{index}.weight"].T, rows, rtol=0, atol=1e-9)
        np.testing.assert_allclose(weights[f"{index}.bias"], biases, rtol=0, atol=1e-9)


def test_below_the_last_layer_the_rule_is_not_the_gradient() -> None:
    data = Dataset.from_arrays([[1, 0.5]], [[1.0]], test_fraction=0)
    weights, last = [[0.1, 0.2], [0.3, 0.4]], [[0.5], [0.6]]
    annex = sequence(annex_dense(2, "tanh", weights=weights), annex_dense(1, "tanh", weights=last))
    exact = sequence(dense(2, weights=weights), activation("tanh"), dense(1, weights=last), activation("tanh"))
    one, other = (trained(each).train(data, epochs=1, batch_size=1).checkpoint.weights for each in (annex, exact))
    np.testing.assert_array_equal(one["1.weight"], other["2.weight"])
    assert not np.allclose(one["0.weight"], other["0.weight"], atol=1e-4)


@pytest.mark.parametrize("name", ["sigmoid", "relu", "relu,0.25", "linear", "gelu"])
@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_it_keeps_all_promises_of_a_layer_but_the_gradient(name: str, shape: tuple[int, ...]) -> None:
    check_layer(annex_dense(2, name), shape, gradients=False)


def test_the_checker_refuses_it_as_a_gradient() -> None:
    with pytest.raises(AssertionError, match=r"annex_dense:2:tanh\.backward .*with respect to the inputs"):
        check_layer(annex_dense(2, "tanh"), (3,))


def test_its_text_has_activation_and_initializer() -> None:
    text = "annex_dense:4:relu,0.5:initializer=he annex_dense:2:sigmoid"
    assert parse_layers(text).spec() == text
    assert parse_layers("annex_dense:2").spec() == "annex_dense:2:linear"


def test_bad_input_gets_one_line() -> None:
    with pytest.raises(
        ConfigError, match=r"expected `activation` to be one of .*, got 'sigmoi'; did you mean 'sigmoid'"
    ):
        annex_dense(2, "sigmoi")
