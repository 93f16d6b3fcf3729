"""The identity of a training: equal where the bits are, and different where they may not be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from annex_actors.base.described import described
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.costs import MeanSquaredError, cost
from annex_actors.data import Samples
from annex_actors.layers import dense, dropout, parse_layers, sequence
from annex_actors.optimizers import Adam, AdamW, Cosine, Sgd, Warmup
from annex_actors.schedules.discipline import B, Discipline, F, W
from annex_actors.schedules.table import DISCIPLINES
from annex_actors.training.identity import Identity
from annex_actors.training.learner import Learner
from annex_actors.training.preparation import PreparedTraining
from tests.own_layers import LowRank
from tests.trainings import CLASSIFIER, Training, train

TRAINING = Training()


def identity(training: Training = TRAINING, *, batch_size: int = 5, **settings: Any) -> Identity:
    learner = Learner(
        settings.pop("network", training.network),
        **{
            "cost": training.cost,
            "optimizer": training.optimizer,
            "seed": 3,
            "schedule": training.schedule,
            **settings,
        },
    )
    return PreparedTraining.of(learner.spec, training.dataset, epochs=2, batch_size=batch_size).identity


def refused(began: Identity, now: Identity) -> str:
    with pytest.raises(ConfigError) as caught:
        began.check(now)
    return str(caught.value)


def test_trainings_that_differ_in_what_changes_no_bit_have_the_same_identity() -> None:
    began = identity()
    for changes in (
        {"runtime": "threads"},
        {"stages": 2},
        {"stages": "3,1"},
        {"schedule": "gpipe"},
        {"schedule": "interleaved:3"},
    ):
        began.check(identity(**changes))


@dataclass(frozen=True)
class Scaled(MeanSquaredError):
    """A cost with a setting of its own."""

    factor: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Mine(Sgd):
    """An optimizer with the name and the settings of another."""


OWN = sequence(LowRank(2, 5), dense(3))

CHANGES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("seed", {}, {"seed": 4}),
    ("batch_size", {}, {"batch_size": 6}),
    ("microbatches", {}, {"microbatches": 3}),
    ("blas_threads", {}, {"stages": "5:blas_threads=2"}),
    ("blas_threads", {"stages": "5:blas_threads=3"}, {"stages": "2:blas_threads=2,3:blas_threads=2"}),
    (
        "blas_threads",
        {"stages": "2:blas_threads=2,3", "runtime": "processes"},
        {"stages": "3:blas_threads=2,2", "runtime": "processes"},
    ),
    ("schedule", {}, {"schedule": "zb-h1"}),
    ("schedule", {}, {"schedule": "2bw", "microbatches": 2}),
    ("schedule", {"schedule": "pipedream"}, {"schedule": "no-stash"}),
    ("schedule", {"schedule": "pipedream"}, {"schedule": "pipedream", "stages": 2}),
    ("cost", {}, {"cost": "mean_squared_error"}),
    ("cost.factor", {"cost": Scaled()}, {"cost": Scaled(factor=2.0)}),
    ("cost", {}, {"cost": "softmax_cross_entropy:label_smoothing=0.1"}),
    ("class_weight", {}, {"class_weight": "balanced"}),
    ("class_weight", {"class_weight": {"0": 2, "1": 3}}, {"class_weight": {"0": 2}}),
    ("training data", {}, {"training": replace(TRAINING, weighted=True)}),
    ("optimizer", {}, {"optimizer": "sgd"}),
    ("optimizer.class", {"optimizer": Sgd()}, {"optimizer": Mine()}),
    ("optimizer.momentum", {"optimizer": Sgd()}, {"optimizer": Sgd(momentum=0.9)}),
    ("optimizer.learning_rate", {}, {"optimizer": Adam(learning_rate=0.03)}),
    (
        "optimizer.learning_rate",
        {"optimizer": Sgd(learning_rate=Warmup(0.1, 9))},
        {"optimizer": Sgd(learning_rate=Cosine(0.1, 9))},
    ),
    ("optimizer.weight_decay", {"optimizer": Sgd()}, {"optimizer": Sgd(weight_decay=0.1)}),
    ("optimizer.decay_biases", {"optimizer": AdamW()}, {"optimizer": AdamW(decay_biases=True)}),
    (
        "optimizer.decay_biases",
        {"optimizer": Adam(weight_decay=0.1)},
        {"optimizer": Adam(weight_decay=0.1, decay_biases=False)},
    ),
    ("optimizer", {"optimizer": Adam(weight_decay=0.01, decay_biases=False)}, {"optimizer": AdamW()}),
    (
        "optimizer.learning_rate",
        {"optimizer": Adam(learning_rate=Cosine(0.1, 9))},
        {"optimizer": Adam(learning_rate=Warmup(Cosine(0.1, 9), 2))},
    ),
    ("layer 0", {}, {"network": sequence(dense(6, initializer="constant,0.1"), *CLASSIFIER.layers[1:])}),
    ("layer 2", {}, {"network": sequence(*CLASSIFIER.layers[:2], dropout(0.4), dense(3))}),
    ("layer 4", {}, {"network": sequence(*CLASSIFIER.layers, dropout(0.4))}),
    ("layer 0.initializer", {}, {"network": sequence(dense(6, initializer="glorot"), *CLASSIFIER.layers[1:])}),
    ("layer 3.biases", {}, {"network": sequence(*CLASSIFIER.layers[:3], dense(3, biases=[0, 1, 2]))}),
    ("layer 0", {"network": OWN}, {"network": sequence(LowRank(3, 5), dense(3))}),
]


@pytest.mark.parametrize(("setting", "began", "now"), CHANGES, ids=[f"{name} {now}" for name, _, now in CHANGES])
def test_a_setting_that_decides_bits_is_named(setting: str, began: dict[str, Any], now: dict[str, Any]) -> None:
    if setting == "layer 0.initializer":  # of the same text as its name is a part of it
        setting = "layer 0"
    message = refused(identity(**began), identity(**now))
    assert message.startswith(f"expected the `{setting}` that the training began with, ")
    assert "\n" not in message


def test_settings_that_came_later_do_not_stop_a_training_that_began_before_them() -> None:
    names = {*identity(optimizer=Sgd()).settings}
    assert {name for name in names if name.startswith("optimizer")} == {
        *("optimizer", "optimizer.class", "optimizer.learning_rate", "optimizer.momentum", "optimizer.nesterov")
    }
    names = {*identity(optimizer=Adam(learning_rate=Cosine(0.1, 9), weight_decay=0.1)).settings}
    assert {name for name in names if name.startswith("optimizer.learning_rate.")} == {
        f"optimizer.learning_rate.{name}" for name in ("class", "learning_rate", "steps")
    }
    assert "optimizer.decay_biases" not in names
    initializer = identity().settings["layer 0.initializer"]
    assert (initializer, str(initializer)) == ("auto", "auto")
    assert not any(name.startswith("layer 0.initializer.") for name in names)


def test_kernels_are_named() -> None:
    began = identity()
    other = Identity({**began.settings, "kernels": "torch"})
    assert "expected the `kernels` that the training began with, numpy, got torch" in refused(began, other)


def test_the_order_of_class_weights_does_not_matter() -> None:
    identity(class_weight={"0": 2, "1": 3}).check(identity(class_weight="1=3,0=2.0"))


@pytest.mark.parametrize("part", ["train", "test"])
def test_other_samples_are_refused(part: str) -> None:
    dataset = TRAINING.dataset
    whole: Samples = getattr(dataset, part)
    changed = whole.inputs.copy()
    changed[2, 1] = np.nextafter(changed[2, 1], np.float32(9))
    for samples in (Samples(changed, whole.targets), Samples(whole.inputs[:-1], whole.targets[:-1])):
        other = replace(dataset, **{part: samples})  # type: ignore[arg-type]
        spec = TRAINING.learner().spec
        began, now = (PreparedTraining.of(spec, data, epochs=2, batch_size=5).identity for data in (dataset, other))
        name = "training data" if part == "train" else "test data"
        assert refused(began, now).startswith(f"expected the `{name}` that the training began with, ")


@pytest.mark.parametrize("schedule", DISCIPLINES)
@pytest.mark.parametrize("microbatches", [1, 3])
def test_schedules_have_the_same_identity_if_and_only_if_they_give_the_same_bits(
    schedule: str, microbatches: int
) -> None:
    first, other = (replace(TRAINING, schedule=name, microbatches=microbatches) for name in ("1f1b", schedule))
    same_bits = train(first).fingerprints == train(other).fingerprints
    same_identity = first.prepared.identity == other.prepared.identity
    assert same_identity == same_bits


def test_what_a_schedule_is_called_does_not_count() -> None:
    own = Discipline("own", "B before W before F", (B, W, F), credit=lambda s, S, m: 2)
    assert identity(schedule=own).settings == identity(schedule="1f1b").settings


def test_an_identity_is_read_back_as_it_was() -> None:
    began = identity()
    began.check(Identity.from_json(began.to_json()))
    assert Identity.from_json(began.to_json()) == began


@pytest.mark.parametrize("value", [1.0, True, "1"])
def test_values_of_another_type_differ(value: Any) -> None:
    assert "expected the `x`" in refused(Identity({"x": 1}), Identity({"x": value}))


@pytest.mark.parametrize("text", ["", "5", "[]", '{"a": {}}', '{"a": []}', "[" * 100_000])
def test_a_text_that_is_no_identity_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="expected the identity of a training"):
        Identity.from_json(text)


def test_a_long_setting_is_cut_in_the_message() -> None:
    assert len(refused(Identity({"x": "a" * 9999}), Identity({"x": "b" * 9999}))) < 500


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "sigmoid_cross_entropy", "mean_squared_error"])
def test_a_setting_that_a_cost_got_later_keeps_older_runs_resumable(name: str) -> None:
    assert set(described("cost", cost(name))) == {"cost", "cost.class"}


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("dense:3", {"out_features", "in_features", "initializer", "weights", "biases", "before_relu"}),
        ("relu", {"function", "function.class", "function.threshold"}),
        ("tanh", {"function", "function.class"}),
        ("dropout:0.1", {"rate"}),
        ("flatten", set()),
        ("fork join", set()),
    ],
)
def test_a_setting_that_a_layer_got_later_keeps_older_runs_resumable(text: str, settings: set[str]) -> None:
    for layer in parse_layers(text).layers:
        found = {name for name in described("layer", layer) if not name.startswith("layer.kernels")}
        assert found == {"layer", "layer.class", *(f"layer.{each}" for each in settings)}
