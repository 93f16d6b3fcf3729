"""A network of float64: every array that travels and every weight is one, with the same bits on every runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.protocol.instrument import Instrument, Peer
from annex_actors.protocol.messages import Backward, Envelope, Forward, Predict
from annex_actors.stores import MemoryStore
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.learner import Learner
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.result import Result
from tests.trainings import REGRESSOR, SKIPPING, Training, fingerprints, host_named

TRAININGS = [
    Training(),
    Training(network=REGRESSOR, cost="mean_squared_error"),
    Training(network=SKIPPING, cost="sigmoid_cross_entropy", schedule="pipedream"),
]


def learner(training: Training, host: str = "inline", dtype: Any = "float64") -> Learner:
    of = training.learner().spec
    return Learner(
        training.network,
        cost=of.cost,
        optimizer=of.optimizer,
        microbatches=2,
        schedule=of.schedule,
        seed=training.seed,
        runtime=host_named(host),
        dtype=dtype,
    )


def dataset(training: Training) -> Any:
    classes = ("0", "1", "2") if training.cost != "mean_squared_error" else None
    source = training if training.cost != "sigmoid_cross_entropy" else Training()
    return replace(source.dataset, classes=classes)


def trained(training: Training, host: str = "inline", **settings: Any) -> Result:
    return learner(training, host).train(dataset(training), epochs=2, batch_size=5, **settings)


@pytest.mark.parametrize("training", TRAININGS, ids=lambda each: each.cost)
@pytest.mark.parametrize("host", ["threads", "schedulers", "processes"])
def test_the_bits_are_the_same_on_every_runtime(training: Training, host: str) -> None:
    result, expected = trained(training, host), trained(training)
    assert {array.dtype for array in result.checkpoint.weights.values()} == {np.dtype(np.float64)}
    assert {array.dtype for array in result.checkpoint.optimizer.values()} == {np.dtype(np.float64)}
    assert fingerprints(result.checkpoint) == fingerprints(expected.checkpoint)
    assert result.history == expected.history


class Dtypes(Instrument):
    """Collects the dtypes of what peers receive."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()

    def received(self, peer: Peer, envelope: Envelope) -> None:
        message = envelope.message
        if isinstance(message, Forward | Backward | Predict):
            self.seen |= {(message.kind, array.dtype.name) for array in message.stack}


@pytest.mark.parametrize("training", TRAININGS, ids=lambda each: each.cost)
def test_every_array_between_actors_is_of_that_dtype(training: Training) -> None:
    own = learner(training)
    prepared = PreparedTraining.of(own.spec, dataset(training), epochs=1, batch_size=5)
    dtypes = Dtypes()
    program = replace(prepared.program(MemoryStore(), ()), instruments=(dtypes,))
    job = own.spec.runtime.start(program)
    job.wait()
    job.close()
    assert dtypes.seen == {(kind, "float64") for kind in ("forward", "backward", "predict")}


def test_float64_and_float32_differ_by_rounding_only() -> None:
    wide, narrow = (
        trained(TRAININGS[1]),
        learner(TRAININGS[1], dtype="float32").train(dataset(TRAININGS[1]), epochs=2, batch_size=5),
    )
    for name, array in wide.checkpoint.weights.items():
        assert np.allclose(array, narrow.checkpoint.weights[name], atol=1e-4)
        assert narrow.checkpoint.weights[name].dtype == np.float32


def test_it_predicts_and_evaluates_in_its_dtype_and_is_saved_with_it(tmp_path: Path) -> None:
    own = learner(TRAININGS[0])
    result = own.train(dataset(TRAININGS[0]), epochs=2, batch_size=5)
    inputs = TRAININGS[0].dataset.test.inputs
    outputs = own.predict(inputs)
    assert outputs.dtype == np.float64
    assert own.evaluate(TRAININGS[0].dataset)["cost"] == result.test_cost
    own.save(tmp_path / "model.safetensors")
    again = Learner.load(tmp_path / "model.safetensors", runtime="inline")
    assert again.spec.dtype == np.float64
    assert np.array_equal(again.predict(inputs), outputs)


def test_a_checkpoint_goes_on_in_its_dtype_only(tmp_path: Path) -> None:
    cut = trained(TRAININGS[0], checkpoints=Checkpoints(tmp_path / "checkpoints", every=1)).checkpoint
    with pytest.raises(ConfigError, match="expected the `dtype` that the training began with, float64, got none"):
        learner(TRAININGS[0], dtype="float32").train(TRAININGS[0].dataset, epochs=3, batch_size=5, resume=cut)


@pytest.mark.parametrize("dtype", ["float16", "f8", int, None, 64])
def test_another_dtype_is_refused(dtype: Any) -> None:
    with pytest.raises(ConfigError, match="expected `dtype` to be one of float32, float64"):
        learner(TRAININGS[0], dtype=dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.dtype("float64"), "float64"])
def test_a_dtype_is_given_by_its_name_or_itself(dtype: Any) -> None:
    own = learner(TRAININGS[0], dtype=dtype)
    assert own.spec.dtype == np.float64
    assert "dtype='float64'" in repr(own)
