"""What an ONNX model has beside the layers: predictions of the cost, class names, averages, metadata."""

from __future__ import annotations

import json

import numpy as np
import pytest

from annex_actors import Learner, load
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.costs import COSTS, MeanSquaredError
from annex_actors.export import onnx_model
from annex_actors.export.activations import PREDICTIONS
from annex_actors.layers import parse_layers
from tests.export.networks import learner_of, samples_for

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def session_of(model: object) -> object:
    return runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("cost", COSTS)
def test_predictions_are_those_of_the_cost(cost: str, outputs: int) -> None:
    network = parse_layers(f"dense:{outputs}")
    learner = learner_of(network, (4,), cost=cost)
    inputs = samples_for(network, (4,))
    (found,) = session_of(onnx_model(learner)).run(["predictions"], {"inputs": inputs})  # type: ignore[attr-defined]
    np.testing.assert_allclose(found, learner.predict(inputs), rtol=1e-5, atol=1e-6)
    assert type(learner.spec.cost) in PREDICTIONS


@pytest.mark.parametrize(("layers", "cost"), [("dense:3", "softmax_cross_entropy"), ("dense:3", "hinge")])
def test_a_label_is_the_name_of_the_most_probable_class(layers: str, cost: str) -> None:
    dataset = load("iris")
    learner = Learner(parse_layers(layers), cost=cost)
    learner.train(dataset, epochs=3)
    label, predictions = session_of(onnx_model(learner)).run(None, {"inputs": dataset.test.inputs})  # type: ignore[attr-defined]
    assert learner.classes is not None
    expected = learner.predict(dataset.test.inputs)
    np.testing.assert_allclose(predictions, expected, atol=1e-5)
    assert label.tolist() == [learner.classes[index] for index in expected.argmax(axis=1)]


@pytest.mark.parametrize("cost", ["sigmoid_cross_entropy", "focal", "hinge"])
def test_a_single_output_is_that_of_the_second_class(cost: str) -> None:
    learner = learner_of(parse_layers("dense:1"), (2,), cost=cost)
    learner.classes = "no", "yes"
    inputs = np.array([[-3, 0], [3, 0], [-1, -2], [1, 5]], np.float32)
    label, predictions = session_of(onnx_model(learner)).run(None, {"inputs": inputs})  # type: ignore[attr-defined]
    assert set(label) == {"no", "yes"}
    assert label.tolist() == [learner.classes[int(each > 0.5)] for each in predictions[:, 0]]


def test_averages_of_the_weights_are_used_where_training_kept_them() -> None:
    dataset = load("iris")
    learner = Learner(parse_layers("dense:8 batch_norm relu dense:3"), ema_momentum=0.9)
    learner.train(dataset, epochs=2)
    _, predictions = session_of(onnx_model(learner)).run(None, {"inputs": dataset.test.inputs})  # type: ignore[attr-defined]
    np.testing.assert_allclose(predictions, learner.predict(dataset.test.inputs), atol=1e-5)
    without = Learner(parse_layers("dense:8 batch_norm relu dense:3"))
    without.checkpoint = learner.checkpoint
    assert np.abs(predictions - without.predict(dataset.test.inputs)).max() > 1e-3


def test_the_metadata_say_what_was_trained() -> None:
    learner = learner_of(parse_layers("dense:2"), (3,), cost="softmax_cross_entropy")
    learner.classes = "a", "b"
    assert learner.checkpoint is not None
    model = onnx_model(learner, source="runs/1")
    assert {each.key: each.value for each in model.metadata_props} == {
        "network": "dense:2",
        "cost": "softmax_cross_entropy",
        "weights_sha256": learner.checkpoint.weights_sha256,
        "step": "1",
        "source": "runs/1",
        "classes": json.dumps(["a", "b"]),
    }
    assert {each.name for each in model.graph.initializer} >= {"0.weight", "0.bias"}
    assert model.producer_name == "annex-actors"


class Cubed(MeanSquaredError):
    name = "cubed"


def test_a_cost_of_ones_own_and_a_learner_without_weights_are_refused() -> None:
    learner = learner_of(parse_layers("dense:2"), (3,))
    own = Learner(parse_layers("dense:2"), cost=Cubed())
    with pytest.raises(DataError, match="expected trained weights, got none"):
        onnx_model(own)
    own.checkpoint = learner.checkpoint
    with pytest.raises(ConfigError, match="expected a cost whose predictions ONNX has operators for, got cubed"):
        onnx_model(own)


def test_something_else_than_a_learner_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected `learner` to be a trained Learner"):
        onnx_model("learner")  # type: ignore[arg-type]
