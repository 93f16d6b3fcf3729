"""Weights by name with the architecture: read by others, and by `load_weights`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import safe_open

from annex_actors import Learner, load, load_weights
from annex_actors.export import safetensors_file
from annex_actors.layers import parse_layers


def test_a_file_has_the_weights_by_name_and_the_architecture(tmp_path: Path) -> None:
    learner = Learner(parse_layers("dense:4 batch_norm relu dense:3"), ema_momentum=0.9)
    learner.train(load("iris"), epochs=2)
    assert learner.checkpoint is not None
    path = tmp_path / "weights.safetensors"
    path.write_bytes(safetensors_file(learner, source="runs/1"))
    with safe_open(path, "np") as file:
        assert sorted(file.keys()) == sorted(learner.checkpoint.weights)
        found = json.loads(file.metadata()["architecture"])
        np.testing.assert_array_equal(file.get_tensor("0.weight"), learner.checkpoint.optimizer["0.average.weight"])
    assert found["network"] == "dense:4 batch_norm relu dense:3"
    assert found["layers"][1] == {
        "layer": "batch_norm",
        "output_shape": [4],
        "weights": {"weight": [4], "bias": [4], "running_mean": [4], "running_var": [4]},
    }
    assert found["input_shape"] == [4]
    assert found["classes"] == ["setosa", "versicolor", "virginica"]
    assert (found["source"], found["weights_sha256"]) == ("runs/1", learner.checkpoint.weights_sha256)
    inputs = load("iris").test.inputs
    other = Learner(parse_layers(found["network"]))
    load_weights(other, path)
    assert other.predict(inputs).tobytes() == learner.predict(inputs).tobytes()
