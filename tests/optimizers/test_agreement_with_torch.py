"""Every optimizer that torch has makes the same steps as torch's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.types import Floats, Parameters
from annex_actors.optimizers import OPTIMIZERS, Optimizer, optimizer

torch = pytest.importorskip("torch")

STEPS = 50
SHAPES = {"weight": (4, 3), "bias": (3,), "kernel": (2, 2, 3)}

TOLERANCES = {"float32": 1e-5, "float64": 1e-12}
"""Relative to the largest number of an array: rounding in torch's order of operations, fifty times."""

fractions = st.sampled_from([0.0, 0.3, 0.9, 0.99])
rates = st.sampled_from([1e-4, 0.003, 0.1])
decays = st.sampled_from([0.0, 0.01, 0.3])
epsilons = st.sampled_from([1e-10, 1e-8, 1e-3])


def sgd(draw: Any) -> tuple[Mapping[str, Any], Callable[..., Any]]:
    momentum = draw(fractions)
    nesterov = draw(st.booleans()) and momentum > 0
    own = {"momentum": momentum, "nesterov": nesterov}
    return own, lambda groups, lr: torch.optim.SGD(groups, lr=lr, **own)


def adamw(draw: Any) -> tuple[Mapping[str, Any], Callable[..., Any]]:
    own = {"beta1": draw(fractions), "beta2": draw(st.sampled_from([0.5, 0.99, 0.999])), "epsilon": draw(epsilons)}
    betas = (own["beta1"], own["beta2"])
    return own, lambda groups, lr: torch.optim.AdamW(groups, lr=lr, betas=betas, eps=own["epsilon"])


def rmsprop(draw: Any) -> tuple[Mapping[str, Any], Callable[..., Any]]:
    alpha = draw(st.sampled_from([0.5, 0.9, 0.99]))
    same = {"momentum": draw(fractions), "centered": draw(st.booleans()), "alpha": alpha}
    epsilon = draw(epsilons)
    return {**same, "epsilon": epsilon}, lambda groups, lr: torch.optim.RMSprop(groups, lr=lr, eps=epsilon, **same)


def adagrad(draw: Any) -> tuple[Mapping[str, Any], Callable[..., Any]]:
    same, epsilon = {"initial_accumulator_value": draw(st.sampled_from([0.0, 0.1, 2.0]))}, draw(epsilons)
    return {**same, "epsilon": epsilon}, lambda groups, lr: torch.optim.Adagrad(groups, lr=lr, eps=epsilon, **same)


CHOICES = {"sgd": sgd, "adam": adamw, "adamw": adamw, "rmsprop": rmsprop, "adagrad": adagrad}
"""Draws an optimizer's own settings, and returns what makes the same one of torch, given groups and a learning rate."""


def arrays(seed: int, dtype: str) -> dict[str, Floats]:
    numbers = np.random.default_rng(seed)
    return {name: numbers.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}


def ours(chosen: Optimizer, seed: int, dtype: str) -> Parameters:
    parameters: Parameters = arrays(seed, dtype)
    state = chosen.initial_state(parameters)
    for step in range(STEPS):
        parameters, state = chosen.update(step, parameters, arrays(seed + step + 1, dtype), state)
    return parameters


def torchs(make: Callable[..., Any], seed: int, dtype: str, *, rate: float, decay: float, biases: bool) -> Parameters:
    parameters = {name: torch.nn.Parameter(torch.from_numpy(array)) for name, array in arrays(seed, dtype).items()}
    decay_of = {name: decay if biases or each.ndim > 1 else 0.0 for name, each in parameters.items()}
    made = make([{"params": [each], "weight_decay": decay_of[name]} for name, each in parameters.items()], rate)
    for step in range(STEPS):
        for name, gradient in arrays(seed + step + 1, dtype).items():
            parameters[name].grad = torch.from_numpy(gradient)
        made.step()
    return {name: each.detach().numpy() for name, each in parameters.items()}


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("name", CHOICES)
@given(data=st.data(), rate=rates, decay=decays, biases=st.booleans(), seed=st.integers(0, 1000))
@settings(max_examples=settings().max_examples // 8)  # each is fifty steps of torch
def test_fifty_steps_are_those_of_torch(
    name: str, dtype: str, data: st.DataObject, rate: float, decay: float, biases: bool, seed: int
) -> None:
    own, make = CHOICES[name](data.draw)
    chosen = optimizer(name, learning_rate=rate, weight_decay=decay, decay_biases=biases, **own)
    expected = torchs(make, seed, dtype, rate=rate, decay=decay, biases=biases)
    for parameter, array in ours(chosen, seed, dtype).items():
        assert array.dtype == dtype
        scale = np.abs(expected[parameter]).max()
        np.testing.assert_allclose(array, expected[parameter], rtol=0, atol=TOLERANCES[dtype] * scale)


@pytest.mark.parametrize(
    ("name", "theirs"), [("adamw", "AdamW"), ("rmsprop", "RMSprop"), ("adagrad", "Adagrad"), ("lion", None)]
)
def test_defaults_are_those_of_torch(name: str, theirs: str | None) -> None:
    known = OPTIMIZERS[name]()
    if theirs is None:  # those of the paper's authors
        assert known == optimizer("lion", learning_rate=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.0)
        return
    defaults = getattr(torch.optim, theirs)([torch.nn.Parameter(torch.ones(2))]).defaults
    names = {"lr": "learning_rate", "eps": "epsilon"}
    given = {names.get(key, key): value for key, value in defaults.items() if hasattr(known, names.get(key, key))}
    if "betas" in defaults:
        given["beta1"], given["beta2"] = defaults["betas"]
    assert known == optimizer(name, **given)
    assert len(given) >= 4


def test_a_learning_rate_that_decays_is_adagrads_of_torch() -> None:
    chosen = optimizer("adagrad", learning_rate="inverse_time:0.1:0.05")
    expected = torchs(
        lambda groups, lr: torch.optim.Adagrad(groups, lr=lr, lr_decay=0.05),
        3,
        "float64",
        rate=0.1,
        decay=0,
        biases=True,
    )
    for parameter, array in ours(chosen, 3, "float64").items():
        np.testing.assert_allclose(array, expected[parameter], rtol=1e-12)
