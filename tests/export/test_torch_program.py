"""A program of torch predicts what the learner does, for any number of rows, without this package."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from annex_actors import Learner, load
from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Array
from annex_actors.costs import COSTS, MeanSquaredError
from annex_actors.export import torch_program
from annex_actors.layers import layer, parse_layers, sequence
from tests.export.networks import learner_of, samples_for
from tests.layers.networks import NETWORKS, SmallNetwork

torch = pytest.importorskip("torch")


def predicted(content: bytes, inputs: Array) -> Array:
    program = torch.export.load(BytesIO(content)).module()
    return np.asarray(program(torch.from_numpy(inputs)).detach())


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_a_program_predicts_the_same(network: SmallNetwork) -> None:
    learner = learner_of(network.network, network.input_shape)
    content = torch_program(learner)
    for rows in (1, 5):
        inputs = samples_for(network.network, network.input_shape, rows)
        np.testing.assert_allclose(predicted(content, inputs), learner.predict(inputs), rtol=1e-5, atol=1e-5)


def test_a_program_of_float64_is_as_exact() -> None:
    network = parse_layers("dense:5 gelu batch_norm dense:3")
    learner = learner_of(network, (4,), dtype="float64", cost="softmax_cross_entropy")
    inputs = samples_for(network, (4,)).astype(np.float64)
    np.testing.assert_allclose(predicted(torch_program(learner), inputs), learner.predict(inputs), rtol=1e-12)


@pytest.mark.parametrize("cost", COSTS)
def test_predictions_are_those_of_the_cost(cost: str) -> None:
    for outputs in (1, 3):
        learner = learner_of(parse_layers(f"dense:{outputs}"), (4,), cost=cost)
        inputs = samples_for(learner.spec.network, (4,))
        found = predicted(torch_program(learner), inputs)
        np.testing.assert_allclose(found, learner.predict(inputs), rtol=1e-5, atol=1e-6)


def test_averages_of_the_weights_are_used_where_training_kept_them() -> None:
    dataset = load("iris")
    learner = Learner(parse_layers("dense:8 relu dense:3"), ema_momentum=0.9)
    learner.train(dataset, epochs=2)
    found = predicted(torch_program(learner), dataset.test.inputs)
    np.testing.assert_allclose(found, learner.predict(dataset.test.inputs), atol=1e-5)


def test_a_program_needs_nothing_of_this_package(tmp_path: Path) -> None:
    learner = learner_of(parse_layers("residual( dense:4 ) dense:3"), (4,))
    (tmp_path / "run.pt2").write_bytes(torch_program(learner))
    code = (
        "import sys, torch; program = torch.export.load('run.pt2').module(); "
        "print(tuple(program(torch.ones(2, 4)).shape)); "
        "print([name for name in sys.modules if name.startswith('annex')])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["(2, 3)", "[]"]


class Cubed(MeanSquaredError):
    name = "cubed"


def test_what_torch_has_no_modules_for_is_named() -> None:
    network = sequence(parse_layers("dense:3"), layer(np.sin, lambda inputs, gradient: np.cos(inputs) * gradient))
    with pytest.raises(ConfigError, match=r"expected layers that torch has modules for, got layer 1 \(sin\)"):
        torch_program(learner_of(network, (3,)))
    own = Learner(parse_layers("dense:2"), cost=Cubed())
    own.checkpoint = learner_of(parse_layers("dense:2"), (3,)).checkpoint
    with pytest.raises(ConfigError, match="expected a cost whose predictions torch can make, got cubed"):
        torch_program(own)
    with pytest.raises(ConfigError, match="expected `learner` to be a trained Learner"):
        torch_program("learner")  # type: ignore[arg-type]
