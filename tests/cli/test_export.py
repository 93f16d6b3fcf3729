"""``annex-actors export``: a run in the forms of other programs, which is left as it was."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from annex_actors import Learner, load, load_weights
from annex_actors.cli import main
from annex_actors.layers import parse_layers
from annex_actors.runs.saved_run import SavedRun

FORMS = {
    "onnx": "flowers.onnx",
    "torch": "flowers.pt2",
    "safetensors": "flowers.safetensors",
    "csv": "flowers.csv",
    "tensorboard": "flowers-tensorboard/events.out.tfevents.0.annex-actors",
}
NEEDS = {"onnx": "onnx", "torch": "torch", "tensorboard": "tensorboardX"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "flowers"
    assert main(["train", "iris", "--epochs", "4", "--quiet", "--run-dir", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with a column of text, one of dates and one with missing numbers."""
    folder = tmp_path_factory.mktemp("tables")
    generator = np.random.default_rng(0)
    lines = ["size,colour,when,risk"]
    for row in range(60):
        size = "" if row % 11 == 0 else f"{generator.normal(50, 9):.2f}"
        colour = ("red", "green", "")[generator.integers(3)]
        lines.append(f"{size},{colour},2024-0{1 + row % 9}-1{row % 7},{('low', 'high')[generator.integers(2)]}")
    (folder / "credit.csv").write_text("\n".join(lines))
    return folder / "credit.csv"


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [each for each in sorted(folder.rglob("*")) if each.is_file()]
    return {str(each): (each.read_bytes(), each.stat().st_mtime_ns) for each in files}


@pytest.mark.parametrize("form", FORMS)
def test_a_run_is_exported_under_its_name_and_stays_as_it_was(
    form: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if form in NEEDS:
        pytest.importorskip(NEEDS[form])
    monkeypatch.chdir(tmp_path)
    before = contents(run)
    for _ in range(2):  # an old one is replaced
        assert main(["export", str(run), "--to", form]) == 0
        assert capsys.readouterr().out.startswith(f"wrote {FORMS[form].partition('/')[0]}, ")
    assert [str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file()] == [FORMS[form]]
    assert contents(run) == before


def test_an_onnx_model_of_a_table_takes_its_raw_columns(table: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    run, model = tmp_path / "run", tmp_path / "model.onnx"
    assert main(["train", str(table), "--label", "risk", "--epochs", "3", "--quiet", "--run-dir", str(run)]) == 0
    assert main(["export", str(run), "--to", "onnx", "--out", str(model)]) == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    feed = {
        "size": np.array([[float(row["size"] or "nan")] for row in rows]),
        "colour": np.array([[row["colour"]] for row in rows], object),
        "when": np.array([[row["when"]] for row in rows], "datetime64[us]").astype(np.int64),
    }
    session = runtime.InferenceSession(model, providers=["CPUExecutionProvider"])
    label, predictions = session.run(["label", "predictions"], feed)
    assert main(["predict", str(run), str(table), "--out", str(tmp_path / "out.csv")]) == 0
    with (tmp_path / "out.csv").open() as file:
        expected = list(csv.DictReader(file))
    assert label.tolist() == [row["class"] for row in expected]
    assert session.get_modelmeta().custom_metadata_map["source"] == str(run)
    assert predictions.shape == (60, 2)


def test_an_onnx_model_takes_prepared_numbers_if_asked(table: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    run, model = tmp_path / "run", tmp_path / "model.onnx"
    assert main(["train", str(table), "--epochs", "1", "--quiet", "--run-dir", str(run)]) == 0
    assert main(["export", str(run), "--to", "onnx", "--without-transforms", "--out", str(model)]) == 0
    session = runtime.InferenceSession(model, providers=["CPUExecutionProvider"])
    learner = SavedRun.open(run).learner()
    assert [each.name for each in session.get_inputs()] == ["inputs"]
    assert learner.preparation is not None
    inputs = np.random.default_rng(0).normal(size=(5, len(learner.preparation.feature_names))).astype(np.float32)
    found = session.run(["predictions"], {"inputs": inputs})[0]
    np.testing.assert_allclose(found, learner.predict(inputs), atol=1e-5)


def test_a_file_of_a_learner_is_exported_too(run: Path, tmp_path: Path) -> None:
    SavedRun.open(run).learner().save(tmp_path / "model.learner")
    assert main(["export", str(tmp_path / "model.learner"), "--to", "safetensors", "--out", str(tmp_path / "w")]) == 0
    assert main(["export", str(run), "--to", "safetensors", "--out", str(tmp_path / "of-run")]) == 0
    learners = [Learner(parse_layers(SavedRun.open(run).config.network.layers)) for _ in range(2)]
    for learner, file in zip(learners, ("w", "of-run"), strict=True):
        load_weights(learner, tmp_path / file)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        (tmp_path / "model.learner").rename(tmp_path / "model.safetensors")
        assert main(["export", "model.safetensors", "--to", "safetensors"]) == 2  # the file itself
        Learner.load("model.safetensors")
    inputs = load("iris").test.inputs
    assert learners[0].predict(inputs).tobytes() == learners[1].predict(inputs).tobytes()


def test_the_weights_of_an_export_begin_a_run(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    assert main(["export", str(run), "--to", "safetensors", "--out", str(file)]) == 0
    for name, source in (("one", file), ("other", run)):
        command = [
            "train",
            "iris",
            "--epochs",
            "2",
            "--from",
            str(source),
            "--quiet",
            "--run-dir",
            str(tmp_path / name),
        ]
        assert main(command) == 0
    one, other = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("one", "other"))
    assert one["state_sha256"] == other["state_sha256"]


def test_a_training_may_write_logs(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    options = ["--log", str(tmp_path / "a.csv"), "--log", str(tmp_path / "events")]
    assert main(["train", "xor", "--epochs", "3", "--quiet", "--run-dir", str(tmp_path / "run"), *options]) == 0
    assert main(["export", str(tmp_path / "run"), "--to", "csv", "--out", str(tmp_path / "b.csv")]) == 0
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()
    assert [each.name for each in (tmp_path / "events").iterdir()] == ["events.out.tfevents.0.annex-actors"]


REFUSED = {
    "export nowhere --to onnx": "expected a folder that `annex-actors train` made at nowhere",
    "export run --to onxx": "expected `--to` to be one of onnx, torch, safetensors, csv, tensorboard, got 'onxx'",
    "export run --to csv --out folder": "expected --out to be a file that can be written at folder, got a folder",
    "export run --to safetensors --out folder": "expected --out to be a file that can be written at folder",
    "export run --to onnx --out run/weights.safetensors": "expected --out to be a path outside of the run, which",
    "export run --to tensorboard --out run": "expected --out to be a path outside of the run, which",
    "export run --to tensorboard --out file": "expected --out to be a folder that can be written at file",
    "export run --to torch --without-transforms": "expected --without-transforms with --to onnx only, got --to torch",
    "export file --to csv": "expected a folder that `annex-actors train` made at file, got a file",
    "export file --to onnx": "expected what `Learner.save` wrote at file",
    "train xor --log new.csv --log events --epochs 0": "expected `epochs` to be",
    "train xor --log none/log.csv": "expected a file that can be written at none/log.csv, got nothing at none",
    "train xor --log folder.csv": "expected a file that can be written at folder.csv, got a folder",
}


@pytest.mark.parametrize("command", REFUSED)
def test_a_mistake_is_one_line_and_leaves_nothing(
    command: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if "tensorboard" in command or "events" in command:
        pytest.importorskip("tensorboardX")
    monkeypatch.chdir(tmp_path)
    Path("run").symlink_to(run)
    Path("file").write_text("no model")
    for name in ("folder", "folder.csv"):
        Path(name).mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert main(command.split()) == 2
    error = capsys.readouterr().err
    assert REFUSED[command] in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(("form", "extra"), [("onnx", "onnx"), ("torch", "torch"), ("tensorboard", "tensorboard")])
def test_an_extra_that_is_missing_is_named(
    form: str, extra: str, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("onnx", "torch", "tensorboardX.proto"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    assert main(["export", str(run), "--to", form]) == 2
    assert f"got none; pip install 'annex-actors[{extra}]'\n" in capsys.readouterr().err


def test_a_run_without_an_epoch_has_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main(["train", "xor", "--epochs", "9", "--quiet", "--run-dir", str(run), "--crash",
                 "layer=0,step=0,times=9"]) == 1  # fmt: skip
    capsys.readouterr()
    assert main(["export", str(run), "--to", "csv"]) == 2
    assert "expected a run with a finished epoch, got none in" in capsys.readouterr().err
