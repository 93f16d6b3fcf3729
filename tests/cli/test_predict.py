from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from annex_actors.cli import main
from annex_actors.data import load
from annex_actors.layers import activation, dense, sequence
from annex_actors.training.learner import Learner
from tests.cli.commands import printed

XOR = load("xor").test.inputs


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned exclusive or."""
    path = tmp_path_factory.mktemp("runs") / "xor"
    assert main(["train", "xor", "--quiet", "--run-dir", str(path)]) == 0
    return path


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """The four rows of exclusive or."""
    np.save(tmp_path / "samples.npy", XOR)
    return tmp_path / "samples.npy"


def test_each_sample_is_a_line_with_class_and_probability(
    run: Path, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(run), str(samples)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["sample", "class", "probability"]
    assert [line[:2] for line in lines[1:]] == [["0", "false"], ["1", "true"], ["2", "true"], ["3", "false"]]
    assert all(0.5 < float(line[2]) <= 1 for line in lines[1:])


def test_json_is_one_object_with_classes_and_outputs(
    run: Path, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(run), str(samples), "--json"]) == 0
    predicted = json.loads(capsys.readouterr().out)
    assert predicted["classes"] == ["false", "true"]
    assert [row["class"] for row in predicted["predictions"]] == ["false", "true", "true", "false"]
    assert [max(row) for row in predicted["outputs"]] == [row["probability"] for row in predicted["predictions"]]


def test_the_outputs_can_be_written_to_a_file(
    run: Path, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(run), str(samples), "--json", "--out", str(tmp_path / "outputs.npy")]) == 0
    outputs = np.load(tmp_path / "outputs.npy")
    assert outputs.tolist() == json.loads(capsys.readouterr().out)["outputs"]
    assert outputs.dtype == np.float32


def test_one_output_is_the_probability_of_the_second_class(
    tmp_path: Path, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--layers", "dense:8 tanh dense:1", "--cost", "sigmoid_cross_entropy", "--quiet"]
    assert main(["train", "xor", "--run-dir", str(tmp_path / "run"), *options]) == 0
    assert main(["predict", str(tmp_path / "run"), str(samples), "--json"]) == 0
    predicted = json.loads(capsys.readouterr().out)
    for row, [output] in zip(predicted["predictions"], predicted["outputs"], strict=True):
        assert row["class"] == ("true" if output > 0.5 else "false")
        assert row["probability"] == pytest.approx(max(output, 1 - output))


def test_regression_gives_amounts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = np.linspace(0, 1, 60, dtype=np.float32).reshape(20, 3)
    np.savez(tmp_path / "own.npz", inputs=numbers, targets=numbers[:, :2])
    np.save(tmp_path / "samples.npy", numbers)
    run = str(tmp_path / "run")
    assert main(["train", str(tmp_path / "own.npz"), "--epochs", "2", "--quiet", "--run-dir", run]) == 0
    assert main(["predict", run, str(tmp_path / "samples.npy")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["sample", "output", "0", "output", "1"]
    assert len(lines) == 21


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 5)), "expected inputs of shape (samples, 2), as in training, got (3, 5)"),
        (np.zeros(2), "expected inputs of shape (samples, 2), as in training, got (2,)"),
        (np.zeros((0, 2)), "expected at least 1 sample, got 0"),
        (np.float32(3), "expected inputs of shape (samples, 2), as in training, got ()"),
        (np.array([[0, np.nan]]), "got nan in row 0, column 1"),
        (np.array([[0, np.inf]]), "got inf in row 0, column 1"),
        (np.array([["a", "b"]]), "expected inputs to be numbers"),
    ],
)
def test_samples_that_do_not_fit_are_an_error_of_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], array: np.ndarray, message: str
) -> None:
    np.save(tmp_path / "bad.npy", array)
    assert main(["predict", str(run), str(tmp_path / "bad.npy")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected a file at"),
        (b"", "expected an .npy file with one array, got something else"),
        (b"1,2,3\n", "expected an .npy file with one array, got something else"),
        (b"PK\x03\x04", "got an .npz file"),
        (b"\x93NUMPY\x01\x00", "expected an array of numbers"),
    ],
)
def test_a_file_that_is_not_an_array_is_an_error_of_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, message: str
) -> None:
    path = tmp_path / "bad.npy"
    if content is not None:
        path.write_bytes(content)
    assert main(["predict", str(run), str(path)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert message in err
    assert "bad.npy" in err


def test_objects_are_not_unpickled(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "bad.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert main(["predict", str(run), str(tmp_path / "bad.npy")]) == 2
    assert "expected an array of numbers" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_an_error_of_one_line(
    run: Path, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(run), str(samples), "--out", str(tmp_path / "nowhere" / "out.npy")]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "expected --out to be a file that can be written" in err


def test_a_file_that_a_learner_saved_predicts_as_the_learner_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learner = Learner(sequence(dense(4), activation("tanh"), dense(2)), runtime="inline")
    learner.train(load("xor"), epochs=1, batch_size=4)
    learner.save(tmp_path / "xor.safetensors")
    np.save(tmp_path / "samples.npy", load("xor").test.inputs)
    shown = printed(capsys, "predict", str(tmp_path / "xor.safetensors"), str(tmp_path / "samples.npy"))
    assert shown["classes"] == ["false", "true"]
    assert shown["outputs"] == learner.predict(load("xor").test.inputs).tolist()
