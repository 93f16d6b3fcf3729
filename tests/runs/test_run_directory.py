from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.runs.config import RunConfig, resolve
from annex_actors.runs.environment import environment
from annex_actors.runs.recorded_run import train_recorded
from annex_actors.runs.run_directory import RunDirectory
from annex_actors.runs.saved_run import SavedRun
from annex_actors.runs.toml_settings import merged, parse_setting
from annex_actors.training.learner import Learner

ARRAYS = {"weights.safetensors", "state.safetensors"}
TEXTS = {"config.toml", "environment.json", "identity.json", "network.json", "metrics.jsonl", "result.json"}
FILES = {*TEXTS, *ARRAYS}

READERS: Mapping[str, Callable[[SavedRun], object]] = {
    "config.toml": lambda saved: saved.config,
    "environment.json": lambda saved: saved.environment,
    "identity.json": lambda saved: saved.identity,
    "network.json": lambda saved: saved.network,
    "metrics.jsonl": lambda saved: saved.epochs,
    "result.json": lambda saved: saved.report,
    "weights.safetensors": lambda saved: saved.checkpoint(),
    "state.safetensors": lambda saved: saved.checkpoint(),
}
"""What reads each file."""

NOON = datetime(2025, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[SavedRun, RunConfig, Learner]:
    """A run of three epochs of xor."""
    settings = ["data.name=xor", "training.epochs=3", "runtime.name=inline"]
    config, learner, dataset = resolve(merged(*map(parse_setting, settings)))
    run = train_recorded(config, learner, dataset, run_dir=tmp_path_factory.mktemp("runs") / "run")
    return SavedRun.open(run.directory.path), config, learner


@pytest.fixture
def copy(trained: tuple[SavedRun, RunConfig, Learner], tmp_path: Path) -> RunDirectory:
    """A run that a test may damage."""
    return RunDirectory(Path(shutil.copytree(trained[0].path, tmp_path / "run")))


def test_a_folder_that_exists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"which exists; choose another with --run-dir, or delete it"):
        RunDirectory.create(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"expected a folder that can be made, got .*: Not a directory"):
        RunDirectory.create(tmp_path / "file" / "run")


def test_folders_above_are_made(tmp_path: Path) -> None:
    assert RunDirectory.create(tmp_path / "a" / "b").path.is_dir()


def test_a_folder_is_named_after_data_set_and_time_by_default(tmp_path: Path) -> None:
    names = [RunDirectory.create_named("xor", root=tmp_path, now=NOON).path.name for _ in range(3)]
    assert names == ["xor-20250131T120000Z", "xor-20250131T120000Z-2", "xor-20250131T120000Z-3"]


def test_a_run_that_ended_has_every_file_and_no_temporary_one(
    trained: tuple[SavedRun, RunConfig, Learner],
) -> None:
    assert {path.name for path in trained[0].path.iterdir()} == {*FILES, "events.jsonl", "checkpoints"}


def test_the_config_is_read_back_as_it_was(trained: tuple[SavedRun, RunConfig, Learner]) -> None:
    saved, config, _ = trained
    assert saved.config == config


def test_the_environment_is_read_back_as_it_was(trained: tuple[SavedRun, RunConfig, Learner]) -> None:
    assert trained[0].environment == environment()


def test_the_checkpoint_is_read_back_as_it_was(trained: tuple[SavedRun, RunConfig, Learner]) -> None:
    saved, _, learner = trained
    written, read = learner.checkpoint, saved.checkpoint()
    assert written is not None
    assert (read.step, read.input_shape, read.costs) == (written.step, written.input_shape, written.costs)
    assert read.weights_sha256 == written.weights_sha256
    assert read.state_sha256 == written.state_sha256
    assert read.cost_log_sha256 == written.cost_log_sha256


def test_arrays_that_were_read_are_read_only(trained: tuple[SavedRun, RunConfig, Learner]) -> None:
    checkpoint = trained[0].checkpoint()
    arrays = [*checkpoint.weights.values(), *checkpoint.optimizer.values()]
    assert not any(array.flags.writeable for array in arrays)


def test_a_learner_that_was_read_predicts_like_the_one_that_was_written(
    trained: tuple[SavedRun, RunConfig, Learner],
) -> None:
    saved, _, learner = trained
    inputs = np.array([[0, 1], [1, 1]], np.float32)
    assert np.array_equal(saved.learner().predict(inputs), learner.predict(inputs))


def test_the_report_says_how_the_run_ended(trained: tuple[SavedRun, RunConfig, Learner]) -> None:
    saved, _, learner = trained
    report, result = saved.report, learner.result
    assert report is not None
    assert result is not None
    assert (report.status, report.error, report.steps, report.epochs) == ("finished", None, 3, 3)
    assert report.weights_sha256 == result.checkpoint.weights_sha256
    assert report.test_accuracy == result.test_accuracy
    assert report.run_dir == str(saved.path)


def test_the_metrics_have_a_line_for_each_epoch(trained: tuple[SavedRun, RunConfig, Learner]) -> None:
    saved, _, learner = trained
    lines = (saved.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
    assert learner.result is not None
    assert [epoch.train_cost for epoch in saved.epochs] == [each.train_cost for each in learner.result.history]


def test_the_network_is_described_layer_by_layer(trained: tuple[SavedRun, RunConfig, Learner]) -> None:
    network = trained[0].network
    assert [(layer.spec, layer.output_shape, layer.parameters) for layer in network.layers] == [
        ("dense:8", (8,), 24),
        ("tanh", (8,), 0),
        ("dense:2", (2,), 18),
    ]
    assert (network.input_shape, network.classes, network.parameters) == ((2,), ("false", "true"), 42)


def test_an_epoch_with_two_lines_counts_once(copy: RunDirectory) -> None:
    epochs = SavedRun.open(copy.path).epochs
    copy.append(epochs[1])
    assert SavedRun.open(copy.path).epochs == epochs


def test_a_line_that_is_still_being_written_is_left_out(copy: RunDirectory) -> None:
    epochs = SavedRun.open(copy.path).epochs
    path = copy.path / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    assert SavedRun.open(copy.path).epochs == epochs[:-1]


def test_a_run_that_has_not_ended_can_be_read(copy: RunDirectory) -> None:
    for name in ("weights.safetensors", "state.safetensors", "result.json", "metrics.jsonl"):
        (copy.path / name).unlink()
    saved = SavedRun.open(copy.path)
    assert saved.report is None
    assert saved.epochs == ()
    with pytest.raises(DataError, match=r"weights.safetensors, got none; the run is not at its end, or was killed"):
        saved.checkpoint()


@pytest.mark.parametrize("what", ["nothing", "a folder", "a file"])
def test_a_path_that_is_not_a_run_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "run"
    if what == "a folder":
        path.mkdir()
    elif what == "a file":
        path.touch()
    with pytest.raises(DataError, match=r"^expected a folder that `annex-actors train` made at .*; check the path$"):
        SavedRun.open(path)


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("content", [b"[1]\n", b"\xff\xfe\n", b"x = \n", b"x" * 99 + b"\n"])
def test_a_damaged_file_is_refused_in_one_line_that_names_it(copy: RunDirectory, name: str, content: bytes) -> None:
    (copy.path / name).write_bytes(content)
    saved = SavedRun.open(copy.path)
    with pytest.raises(DataError) as caught:
        READERS[name](saved)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["environment.json", "metrics.jsonl", "result.json"])
def test_a_damaged_file_harms_only_what_reads_it(copy: RunDirectory, name: str) -> None:
    (copy.path / name).write_bytes(b"\xff\n")
    SavedRun.open(copy.path).learner().predict(np.array([[0, 1]], np.float32))


def test_a_truncated_file_is_refused(copy: RunDirectory) -> None:
    for name in ARRAYS:
        path = copy.path / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        with pytest.raises(DataError, match=name):
            SavedRun.open(copy.path).checkpoint()
        path.write_bytes(whole)
    SavedRun.open(copy.path).checkpoint()


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_a_single_changed_bit_is_found(copy: RunDirectory, name: str) -> None:
    path = copy.path / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"expected \w+_sha256 .* the files are damaged, or of two runs"):
        SavedRun.open(copy.path).checkpoint()


def test_weights_of_another_network_are_refused(copy: RunDirectory) -> None:
    path = copy.path / "config.toml"
    path.write_text(path.read_text().replace("dense:8", "dense:9"))
    with pytest.raises(DataError, match=r"expected weights that fit the network: 0.bias of shape \(9,\).*\(8,\)"):
        SavedRun.open(copy.path).checkpoint()


def test_a_folder_is_removed_with_its_contents(copy: RunDirectory) -> None:
    copy.remove()
    assert not copy.path.exists()
