from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Floats
from annex_actors.layers import activation, dense, sequence
from annex_actors.optimizers import ClipBy, Clipping, Optimizer, Sgd, clipping, squared_norm
from annex_actors.training.learner import Learner
from tests.trainings import Training, train

NETWORK = sequence(dense(6), activation("tanh"), dense(5), activation("tanh"), dense(2))
STEPS = 50


def gradients(dtype: Any = np.float32) -> dict[str, Floats]:
    return {"weight": np.array([[3.0, -4.0], [0.5, 0.0]], dtype), "bias": np.array([0.0, 12.0], dtype)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_cut(dtype: Any) -> None:
    clipped = gradients(dtype)
    Clipping("value", 2.5).clip(clipped)
    assert clipped["weight"].tolist() == [[2.5, -2.5], [0.5, 0.0]]
    assert clipped["bias"].tolist() == [0.0, 2.5]
    assert clipped["bias"].dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_layers_gradient_is_scaled_to_the_norm_of_all_its_parameters(dtype: Any) -> None:
    clipped = gradients(dtype)
    Clipping(ClipBy.LAYER_NORM, 1.5).clip(clipped)
    assert squared_norm(clipped.values()) == pytest.approx(1.5**2, rel=1e-5)
    np.testing.assert_allclose(clipped["bias"][1] / clipped["weight"][0, 0], 4, rtol=1e-6)
    assert clipped["weight"].dtype == dtype


def test_the_global_norm_scales_every_layer_alike() -> None:
    clipped = gradients()
    Clipping("global_norm", 2.0).clip(clipped, 4.0)
    np.testing.assert_allclose(clipped["weight"], gradients()["weight"] / 2, rtol=1e-6)


@pytest.mark.parametrize("by", ClipBy)
def test_small_gradients_keep_their_bits(by: ClipBy) -> None:
    clipped = gradients()
    Clipping(by, 100.0).clip(clipped, 13.0)
    assert all(np.array_equal(clipped[name], each) for name, each in gradients().items())


@pytest.mark.parametrize("text", ["value:0.5", "layer_norm:1.0", "global_norm:2.5"])
def test_the_text_makes_it_again(text: str) -> None:
    assert clipping(text) == clipping(clipping(text))
    assert clipping(text).spec() == text  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("value", "expected `clipping` to be text such as"),
        ("value:much", 'expected `clipping` to be text such as "value:0.5", .* got .value:much.'),
        ("norm:1", "clipping 'norm:1': expected `by` to be one of value, layer_norm, global_norm, got 'norm'"),
        ("value:0", "clipping 'value:0': expected `limit` to be a number > 0, got 0"),
        ("value:nan", "expected `limit` to be a number > 0"),
        (1.0, "expected `clipping` to be text such as"),
    ],
)
def test_what_is_no_clipping_is_refused_before_anything_starts(given: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Learner(NETWORK, clipping=given)


def test_a_gradient_that_is_not_finite_does_not_become_finite() -> None:
    clipped = gradients()
    clipped["bias"][0] = np.inf
    with np.errstate(all="ignore"):
        Clipping("layer_norm", 1.0).clip(clipped)
    assert not np.isfinite(clipped["bias"]).all()


OPTIMIZER: Optimizer = Sgd(learning_rate=0.3, momentum=0.9)

CLIPPINGS = {
    "value:0.02": lambda utils, layers: [utils.clip_grad_value_(each, 0.02) for each in layers],
    "layer_norm:0.05": lambda utils, layers: [utils.clip_grad_norm_(each, 0.05) for each in layers],
    "global_norm:0.1": lambda utils, layers: utils.clip_grad_norm_([each for own in layers for each in own], 0.1),
}


@pytest.mark.parametrize("how", CLIPPINGS)
def test_gradients_are_clipped_as_torch_does(how: str) -> None:
    torch = pytest.importorskip("torch")
    mine = Training(
        network=NETWORK,
        cost="mean_squared_error",
        optimizer=OPTIMIZER,
        clipping=how,
        size=12,
        batch_size=12,
        epochs=STEPS,
    )
    weights = {key: torch.tensor(each.copy(), requires_grad=True) for key, each in mine.initial.weights.items()}
    layers = [[each for key, each in weights.items() if key.startswith(f"{layer}.")] for layer in (0, 2, 4)]
    chosen = torch.optim.SGD(weights.values(), lr=0.3, momentum=0.9)
    inputs, targets = (torch.tensor(each) for each in (mine.dataset.train.inputs, mine.dataset.train.targets))
    for _ in range(STEPS):
        outputs = inputs
        for layer in (0, 2, 4):
            outputs = outputs @ weights[f"{layer}.weight"] + weights[f"{layer}.bias"]
            outputs = outputs.tanh() if layer < 4 else outputs
        chosen.zero_grad()
        cost: Any = ((outputs - targets) ** 2).mean()
        cost.backward()
        CLIPPINGS[how](torch.nn.utils, layers)  # type: ignore[no-untyped-call]
        chosen.step()
    trained = train(mine).checkpoint.weights
    for key, array in trained.items():
        np.testing.assert_allclose(array, weights[key].detach().numpy(), atol=1e-6)
    unclipped = train(replace(mine, clipping=None)).checkpoint.weights
    assert max(abs(unclipped[key] - trained[key]).max() for key in trained) > 1e-3
