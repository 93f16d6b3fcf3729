"""A trained network is saved and loaded in Python: the same bits, and never a word that could run."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from annex_actors.base.errors import ConfigError, DataError, ShapeError
from annex_actors.costs import MeanSquaredError, register_cost
from annex_actors.data import Dataset, Samples
from annex_actors.layers import dense, flatten, sequence
from annex_actors.optimizers import Adam, AdamW, Cosine, LearningRate, Sgd, Warmup
from annex_actors.protocol.events import EpochFinished
from annex_actors.training.array_files import arrays_in
from annex_actors.training.checkpoint_files import packed
from annex_actors.training.learner import Learner
from tests import tables
from tests.trainings import CLASSIFIER, REGRESSOR, Training

TRAINING = Training()
DATA = TRAINING.dataset
NUMBERS = Training(network=REGRESSOR, cost="mean_squared_error").dataset


def trained(**settings: Any) -> Learner:
    learner = Learner(CLASSIFIER, **{"runtime": "inline", **settings})
    learner.train(DATA, epochs=2, batch_size=5)
    return learner


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": Sgd(learning_rate=Cosine(0.1, 50), momentum=0.9), "schedule": "pipedream", "stages": 3},
        {"optimizer": AdamW(learning_rate=Warmup(Cosine(0.1, 50, minimum=0.01), 3), decay_biases=True)},
        {"cost": "mse", "microbatches": 3, "schedule": "interleaved:3"},
        {"cost": "softmax_cross_entropy:label_smoothing=0.1", "class_weight": {"0": 2.0, "2": 0.1}},
        {"cost": "huber:delta=0.5", "class_weight": "balanced"},
    ],
)
def test_a_learner_that_is_saved_and_loaded_is_the_same(settings: dict[str, Any], path: Path) -> None:
    learner = trained(**settings)
    learner.save(path)
    loaded = Learner.load(str(path), runtime="inline")
    assert repr(loaded) == repr(learner)
    assert loaded.classes == learner.classes == DATA.classes
    assert learner.checkpoint is not None
    assert loaded.checkpoint is not None
    assert loaded.checkpoint.hashes == learner.checkpoint.hashes
    assert loaded.checkpoint.history == learner.checkpoint.history
    np.testing.assert_array_equal(loaded.predict(DATA.test.inputs), learner.predict(DATA.test.inputs))
    assert loaded.evaluate(DATA) == learner.evaluate(DATA)


def test_a_loaded_learner_goes_on_to_the_bits_of_one_that_was_never_saved(path: Path) -> None:
    learner = trained()
    learner.save(path)
    loaded = Learner.load(path, runtime="threads")
    went_on = loaded.train(DATA, epochs=3, batch_size=5)
    assert went_on.checkpoint.hashes == learner.train(DATA, epochs=3, batch_size=5).checkpoint.hashes


def test_saving_replaces_a_file_and_leaves_nothing_else(path: Path) -> None:
    path.write_text("another one")
    trained().save(path)
    trained(seed=5).save(path)
    assert Learner.load(path).spec.seed == 5
    assert list(path.parent.iterdir()) == [path]


def test_without_training_there_is_nothing_to_save_or_to_evaluate(path: Path) -> None:
    for call in (lambda: Learner(CLASSIFIER).save(path), lambda: Learner(CLASSIFIER).evaluate(DATA)):
        with pytest.raises(DataError, match="expected trained weights, got none; call train"):
            call()
    assert not path.exists()


def test_a_file_that_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can be written at .*nowhere/model"):
        trained().save(tmp_path / "nowhere" / "model")
    with pytest.raises(DataError, match=r"expected a file at .*model, got none"):
        Learner.load(tmp_path / "model")
    with pytest.raises(DataError, match=r"got a folder; of a run's folder, `SavedRun.open\(path\).learner\(\)` makes"):
        Learner.load(tmp_path)


def test_a_file_of_another_kind_or_a_damaged_one_is_refused(path: Path) -> None:
    save_file({"weight": np.ones(3)}, path)
    with pytest.raises(DataError, match=r"expected what `Learner.save` wrote at .*, got: 'model'"):
        Learner.load(path)
    learner = trained()
    learner.save(path)
    arrays, metadata = load_file(path), arrays_in(path.read_bytes())[1]
    save_file({**arrays, "weights.0.weight": arrays["weights.0.weight"] + 1}, path, metadata)
    with pytest.raises(DataError, match="expected the checksum"):
        Learner.load(path)
    model = json.loads(metadata["model"])
    for change in ({"format": 2}, {"input_shape": [0]}, {"network": 3}, {"seed": "x"}, {"classes": 3}, {"cost": None}):
        save_file(arrays, path, {**metadata, "model": json.dumps({**model, **change})})
        with pytest.raises((DataError, ConfigError)) as caught:
            Learner.load(path)
        assert "\n" not in str(caught.value)


@dataclass(frozen=True)
class Own(MeanSquaredError):
    factor: float = 2.0

    @property
    def name(self) -> str:
        return "own"


@dataclass(frozen=True)
class Rule:
    def at(self, step: int) -> float:
        return 0.1


def test_a_file_of_before_there_were_class_weights_is_read(path: Path) -> None:
    learner = trained()
    learner.save(path)
    model = json.loads(arrays_in(path.read_bytes())[1]["model"])
    assert model.pop("class_weight", "none") is None
    assert learner.checkpoint is not None
    path.write_bytes(packed(learner.checkpoint, model=json.dumps(model)))
    assert Learner.load(path).spec.class_weight is None


def test_what_is_your_own_is_saved_by_its_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.restored(monkeypatch)
    learner = trained(cost=Own())
    with pytest.raises(ConfigError, match="expected `cost` to be one of mean_squared_error"):
        learner.save(path)
    register_cost("own", Own(factor=3.0))
    with pytest.raises(ConfigError, match="expected `cost` to be the one that is registered as 'own', got another"):
        learner.save(path)
    register_cost("own", Own())
    learner.save(path)
    assert Learner.load(path).spec.cost == Own()


def test_a_rule_that_has_no_text_is_refused_when_it_is_saved(path: Path) -> None:
    rule: LearningRate = Rule()
    with pytest.raises(ConfigError, match="expected `optimizer` to be the one that is registered as 'adam'"):
        trained(optimizer=Adam(learning_rate=rule)).save(path)
    assert not path.exists()


def test_an_evaluation_has_the_bits_of_the_one_after_the_epoch() -> None:
    learner = trained()
    assert learner.result is not None
    last: EpochFinished = learner.result.history[-1]
    figures = {"cost": last.test_cost, **last.metrics}
    assert learner.evaluate(DATA) == learner.evaluate(DATA.test) == figures
    assert learner.evaluate(DATA.train)["cost"] != figures["cost"]


def test_a_regression_is_evaluated_by_its_own_metrics() -> None:
    learner = Learner(REGRESSOR, cost="mean_squared_error", runtime="inline")
    result = learner.train(NUMBERS, epochs=1, batch_size=5)
    assert learner.classes is None
    assert learner.evaluate(NUMBERS) == {"cost": result.test_cost, **result.history[-1].metrics}


def test_more_samples_than_one_message_holds_are_evaluated_by_actors() -> None:
    learner = trained()
    many = Samples(np.repeat(DATA.test.inputs, 60, axis=0), np.repeat(DATA.test.targets, 60))
    assert learner.evaluate(many)["accuracy"] == learner.evaluate(DATA)["accuracy"]


def test_data_of_other_classes_or_another_shape_are_refused() -> None:
    learner = trained()
    other = Dataset("other", DATA.train, DATA.test, ("x", "y", "z"), None, "made")
    with pytest.raises(DataError, match="expected data of the classes that were trained"):
        learner.evaluate(other)
    with pytest.raises(DataError, match="expected targets that are labels from 0 to 2, got float32"):
        learner.evaluate(NUMBERS.test)
    with pytest.raises(ShapeError, match="as in training"):
        learner.evaluate(replace(DATA.test, inputs=np.ones((7, 3))))


def test_a_network_whose_text_makes_another_is_refused(path: Path) -> None:
    @dataclass(frozen=True)
    class Flat:
        name = "flat"

        def spec(self) -> str:
            return "flatten"

        def __getattr__(self, name: str) -> Any:
            return getattr(flatten(), name)

    learner = Learner(sequence(Flat(), dense(3)), runtime="inline")
    learner.train(DATA, epochs=1, batch_size=5)
    with pytest.raises(ConfigError, match="expected layers that their text makes again"):
        learner.save(path)
