"""Weights by name from a safetensors file: taken where they fit, and refused by name where they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from annex_actors import Learner, load, load_weights
from annex_actors.base.errors import ConfigError, DataError, ShapeError
from annex_actors.base.types import Array
from annex_actors.layers import parse_layers
from annex_actors.training.weight_files import packed_weights, read_weights

TEXT = "dense:5 tanh dense:3"


def learner(text: str = TEXT) -> Learner:
    return Learner(parse_layers(text), seed=3)


@pytest.fixture
def trained() -> Learner:
    made = learner()
    made.train(load("iris"), epochs=2)
    return made


def weights_of(trained: Learner) -> dict[str, Array]:
    assert trained.checkpoint is not None
    return trained.checkpoint.weights


def test_a_learner_predicts_with_the_weights_of_a_file(trained: Learner, tmp_path: Path) -> None:
    inputs, path = load("iris").test.inputs, tmp_path / "weights.safetensors"
    path.write_bytes(packed_weights(weights_of(trained), {"network": TEXT, "input_shape": [4]}))
    other = learner()
    load_weights(other, path)
    assert other.predict(inputs).tobytes() == trained.predict(inputs).tobytes()
    trained.save(tmp_path / "model.safetensors")
    another = learner()
    load_weights(another, tmp_path / "model.safetensors")
    assert another.predict(inputs).tobytes() == trained.predict(inputs).tobytes()


def test_a_training_begins_with_weights_that_were_loaded(trained: Learner) -> None:
    loaded, given, dataset = learner(), learner(), load("iris")
    load_weights(loaded, weights_of(trained), input_shape=(4,))
    one = loaded.train(dataset, epochs=2)
    other = given.train(dataset, epochs=2, initial_weights=weights_of(trained))
    assert one.checkpoint.state_sha256 == other.checkpoint.state_sha256
    assert loaded.train(dataset, epochs=3).checkpoint.step > one.checkpoint.step


def test_weights_that_were_loaded_may_be_saved_and_begin_a_training_later(trained: Learner, tmp_path: Path) -> None:
    dataset, made, given = load("iris"), learner(), learner()
    load_weights(made, weights_of(trained), input_shape=(4,))
    made.save(tmp_path / "model.safetensors")
    one = Learner.load(tmp_path / "model.safetensors").train(dataset, epochs=2)
    other = given.train(dataset, epochs=2, initial_weights=weights_of(trained))
    assert one.checkpoint.state_sha256 == other.checkpoint.state_sha256


def test_weights_of_another_program_need_the_shape_of_a_sample(trained: Learner, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file(weights_of(trained), path, {"format": "pt", "architecture": "[{"})
    assert read_weights(path).network is None
    with pytest.raises(ConfigError, match="expected `input_shape` to be the shape of a sample, such as"):
        load_weights(learner(), path)
    other = learner()
    load_weights(other, path, input_shape=(4,))
    assert other.predict(np.ones((1, 4))).tobytes() == trained.predict(np.ones((1, 4))).tobytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"2.bias": None}, r"layer 2 \(dense:3\): bias of shape \(3,\), got none; give the network"),
        ({"2.bias": None, "2.b": np.zeros(3)}, r"layer 2 \(dense:3\): b none, got of shape \(3,\); rename it to 2"),
        ({"0.weight": None, "n.weight": np.zeros((4, 5))}, r"got none; rename n.weight, which has this shape, to 0"),
        ({"1.scale": np.zeros(5)}, r"layer 1 \(tanh\): scale none, got of shape \(5,\); give the network"),
        ({"7.weight": np.zeros(5)}, "expected initial weights of 3 layers, got 7.weight too"),
        ({"2.weight": np.zeros((3, 5))}, r"of shape \(5, 3\), got of shape \(3, 5\); transpose it: a row is an input"),
        ({"2.weight": np.zeros((5, 4))}, r"of shape \(5, 3\), got of shape \(5, 4\); give the network"),
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name_in_one_line(
    trained: Learner, tmp_path: Path, change: dict[str, Array | None], message: str
) -> None:
    arrays = {name: array for name, array in {**weights_of(trained), **change}.items() if array is not None}
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, tmp_path / "weights.safetensors")
    with pytest.raises(ShapeError, match=message) as refused:
        load_weights(learner(), tmp_path / "weights.safetensors", input_shape=(4,))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 64, (2**40).to_bytes(8, "little") + b"{}"], ids=repr)
def test_what_is_no_file_of_weights_is_refused_with_its_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match="expected arrays as safetensors writes them"):
        load_weights(learner(), path)
    with pytest.raises(DataError, match="expected a file at"):
        load_weights(learner(), tmp_path / "none.safetensors")
