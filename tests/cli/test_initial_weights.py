"""``annex-actors train --from RUN``: a run begins with the weights of another one, and can be repeated and resumed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from annex_actors.cli import main
from annex_actors.runs.saved_run import SavedRun
from tests.cli.runs import lines, report


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a run whose weights others begin with."""
    assert main(["train", "xor", "--epochs", "9", "--seed", "7", "--layers", "dense:5 tanh dense:2", "--quiet",
                 "--run-dir", str(tmp_path / "source")]) == 0  # fmt: skip
    return tmp_path / "source"


def begun(source: Path, name: str, *options: str, code: int = 0) -> Path:
    """Return a run of six epochs that began with the weights of another one."""
    run = source.parent / name
    assert main(["train", "xor", "--epochs", "6", "--from", str(source), "--checkpoint-every", "2", "--quiet",
                 "--run-dir", str(run), *options]) == code  # fmt: skip
    return run


def test_a_run_begins_with_the_weights_and_the_layers_of_another(source: Path) -> None:
    saved, own = SavedRun.open(begun(source, "run")), SavedRun.open(source)
    assert saved.config.network == own.config.network
    assert saved.config.training.initial_weights == str(source)
    assert saved.config.training.initial_weights_sha256 == report(source)["weights_sha256"]
    learner, dataset = saved.config.learner(), saved.config.load()
    trained = learner.train(dataset, epochs=6, batch_size=4, initial_weights=own.weights())
    assert trained.checkpoint.weights_sha256 == report(saved.path)["weights_sha256"]
    assert (report(saved.path)["steps"], len(lines(saved.path))) == (6, 6)


def test_a_run_that_began_with_the_weights_of_another_is_repeated_from_its_config(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source.parent)
    run = begun(Path("source").resolve(), "run")
    monkeypatch.chdir("/")
    again = source.parent / "again"
    assert main(["train", str(run / "config.toml"), "--run-dir", str(again), "--quiet"]) == 0
    assert report(again)["state_sha256"] == report(run)["state_sha256"]


@pytest.mark.parametrize("step", ["1", "4"])
def test_a_run_that_began_with_the_weights_of_another_is_resumed(source: Path, step: str) -> None:
    whole, run = begun(source, "whole"), begun(source, "run", "--crash", f"layer=0,step={step},times=3", code=1)
    if step == "1":
        shutil.rmtree(run / "checkpoints")
    else:
        shutil.rmtree(source)  # a checkpoint has what is needed
    assert main(["resume", str(run), "--quiet"]) == 0
    assert report(run)["state_sha256"] == report(whole)["state_sha256"]
    assert report(run)["cost_log_sha256"] == report(whole)["cost_log_sha256"]


def test_weights_that_have_changed_since_are_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = begun(source, "run", "--crash", "layer=0,step=1,times=3", code=1)
    shutil.rmtree(run / "checkpoints")
    assert main(["resume", str(source), "--epochs", "10", "--quiet"]) == 0
    capsys.readouterr()
    for command in (["resume", str(run)], ["train", str(run / "config.toml"), "--run-dir", str(run.parent / "again")]):
        assert main(command) == 2
        assert f"error: expected the weights in {source} that the run began with, " in capsys.readouterr().err
    assert not (run.parent / "again").exists()


def test_a_config_may_be_used_with_the_weights_of_another_run(source: Path) -> None:
    run = begun(source, "run")
    again = source.parent / "again"
    command = ["train", str(run / "config.toml"), "--from", str(run), "--run-dir", str(again), "--quiet"]
    assert main(command) == 0
    found = SavedRun.open(again).config.training
    assert (found.initial_weights, found.initial_weights_sha256) == (str(run), report(run)["weights_sha256"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--layers", "dense:6 tanh dense:2"),
            "expected initial weights that fit layer 0 (dense:6): bias of shape (6,)",
        ),
        (("--layers", "dense:5 tanh dense:2 tanh dense:2"), "expected initial weights that fit layer 4 (dense:2)"),
        (("--from", "nowhere"), "expected a folder that `annex-actors train` made at"),
        (("--set", "training.initial_weights_sha256=0"), "got 0"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_no_folder_is_left(
    source: Path, options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    run = begun(source, "run", *options, code=2)
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not run.exists()


def test_weights_of_a_run_that_has_no_end_are_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (source / "weights.safetensors").unlink()
    begun(source, "run", code=2)
    assert "the run is not at its end, or was killed before it" in capsys.readouterr().err


def test_chaos_refuses_weights_that_it_would_ignore(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chaos", "xor", "--set", f"training.initial_weights={source}"]) == 2
    assert "expected `training.initial_weights` to be left out" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["weights.safetensors", "model.safetensors"])
def test_a_run_begins_with_the_weights_of_a_file(source: Path, name: str) -> None:
    SavedRun.open(source).learner().save(source.parent / "model.safetensors")
    file = source / name if name.startswith("weights") else source.parent / name
    layers = ("--layers", "dense:5 tanh dense:2") if name.startswith("weights") else ()  # the other one says them
    run, other = begun(source, "of-a-file", "--from", str(file), *layers), begun(source, "of-a-run")
    assert report(run)["state_sha256"] == report(other)["state_sha256"]
    assert SavedRun.open(run).config.training.initial_weights == str(file)
