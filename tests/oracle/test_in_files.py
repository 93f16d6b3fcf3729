"""Inputs that are read from files give the bits of inputs in memory, on every runtime and with every schedule."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from annex_actors import EarlyStopping, Learner, activation, dense, embedding, flatten, load, sequence
from annex_actors.base.errors import DataError
from annex_actors.data import Dataset, open_array, read_images, read_npz
from annex_actors.peers.prediction_feed import CHUNK
from annex_actors.runtimes.simulated import SimulatedRuntime
from annex_actors.schedules.table import DISCIPLINES
from annex_actors.training.learner import Learner as Trained
from tests.matrix import matrix
from tests.trainings import SKIPPING, Training, host_named, train

HOSTS = ("inline", "threads", "schedulers", "processes", "ray")


@pytest.mark.parametrize("case", matrix(list(product(HOSTS, DISCIPLINES)), sample=14, id=", ".join))
def test_every_host_and_schedule_gives_the_same_bits(case: tuple[str, str]) -> None:
    host, schedule = case
    training = Training(network=SKIPPING, schedule=schedule, size=23, batch_size=7, epochs=3, weighted=True)
    expected, found = train(training), train(replace(training, in_files=True), host_named(host))
    assert found.fingerprints == expected.fingerprints
    assert found.history == expected.history


def test_the_simulator_reads_too() -> None:
    training = Training(epochs=3)
    found = train(replace(training, in_files=True), SimulatedRuntime())
    assert (found.fingerprints, found.history) == (train(training).fingerprints, train(training).history)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file whose test samples fill more than two messages."""
    draw = np.random.default_rng(0)
    inputs = draw.standard_normal((12 * CHUNK, 5))
    np.savez(tmp_path / "mine.npz", x=inputs, y=np.abs(inputs).sum(axis=1).astype(int) % 3)
    return tmp_path / "mine.npz"


def learner(runtime: str = "schedulers", **settings: object) -> Trained:
    return Learner(sequence(dense(6), activation("tanh"), dense(3)), runtime=runtime, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["inline", "schedulers"])
def test_validation_early_stopping_and_evaluation_are_the_same(file: Path, host: str) -> None:
    results, evaluations, predictions = [], [], []
    for in_memory in (True, False):
        data, trained = read_npz(file, in_memory=in_memory), learner(host)
        halt = EarlyStopping(patience=1, min_delta=0.1)
        results.append(trained.train(data, epochs=9, batch_size=200, halt=halt, validation=0.2, evaluate_every=4))
        evaluations.append(trained.evaluate(data, metrics=["accuracy", "f1"]))
        predictions.append(trained.predict(data.test.inputs).tobytes())
    kept, left = results
    assert left.checkpoint.weights_sha256 == kept.checkpoint.weights_sha256
    assert (left.history, left.evaluations, left.test) == (kept.history, kept.evaluations, kept.test)
    assert len(kept.history) < 9, "it stopped early"
    assert evaluations[0] == evaluations[1]
    assert predictions[0] == predictions[1]


@pytest.mark.parametrize("began_in_memory", [True, False])
def test_a_training_may_go_on_with_its_inputs_in_memory_or_not(file: Path, began_in_memory: bool) -> None:
    expected = learner().train(read_npz(file), epochs=3, batch_size=200)
    begun = learner().train(read_npz(file, in_memory=began_in_memory), epochs=1, batch_size=200)
    other = read_npz(file, in_memory=not began_in_memory)
    resumed = learner().train(other, epochs=3, batch_size=200, resume=begun.checkpoint)
    assert resumed.checkpoint.state_sha256 == expected.checkpoint.state_sha256
    assert resumed.history == expected.history


@pytest.mark.parametrize("where", ["train", "validation"])
def test_one_part_may_be_in_memory_and_the_other_in_files(file: Path, where: str) -> None:
    kept, left = read_npz(file), read_npz(file, in_memory=False)
    mixed = replace(left if where == "train" else kept, validation=(kept if where == "train" else left).test)
    expected = learner().train(replace(kept, validation=kept.test), epochs=2, batch_size=200)
    found = learner().train(mixed, epochs=2, batch_size=200)
    assert found.checkpoint.weights_sha256 == expected.checkpoint.weights_sha256
    assert found.history == expected.history


def test_other_dtypes_are_the_same(file: Path) -> None:
    found = [
        learner(dtype="float64").train(read_npz(file, in_memory=each), epochs=1, batch_size=200).checkpoint
        for each in (True, False)
    ]
    assert found[0].weights_sha256 == found[1].weights_sha256


def test_indices_are_checked_in_files_too(tmp_path: Path) -> None:
    words = np.random.default_rng(0).integers(0, 9, (40, 3))
    words[33, 1] = 12
    np.save(tmp_path / "x.npy", words)
    data = Dataset.from_arrays(open_array(tmp_path / "x.npy"), np.arange(40) % 2, test_fraction=0)
    network = sequence(embedding(9, 2), flatten(), dense(2))
    with pytest.raises(DataError, match=r"expected training inputs to be indices .* got 12 in row 33, column 1"):
        Learner(network).train(data, epochs=1)


def test_pictures_are_the_same_in_memory_or_not(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    draw = np.random.default_rng(0)
    for number in range(24):
        path = tmp_path / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        image.fromarray(draw.integers(0, 256, (4, 3)).astype(np.uint8)).save(path)
    found = [
        Learner(sequence(flatten(), dense(2)))
        .train(read_images(tmp_path, in_memory=each), epochs=2, batch_size=5)
        .checkpoint
        for each in (True, False)
    ]
    assert found[0].weights_sha256 == found[1].weights_sha256
    assert load(tmp_path).input_shape == (4, 3, 1)
