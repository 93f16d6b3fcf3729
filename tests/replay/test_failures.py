"""What a layer was given when it failed is kept with the run, and the failure is repeated from that alone."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from annex_actors.cli import main
from tests import tables
from tests.cli.commands import printed

PICKY = """
from dataclasses import dataclass
from annex_actors import register_layer
from annex_actors.base.types import frozen
import numpy as np

@dataclass(frozen=True)
class Picky:
    where: str = "forward"
    name = "picky"

    def spec(self):
        return f"picky:{self.where}"

    def output_shape(self, input_shape):
        return input_shape

    def initial_parameters(self, input_shape, key, dtype):
        return frozen({"gain": np.ones(input_shape, dtype)})

    def forward(self, parameters, inputs, key):
        if key is not None and key.step == 7 and key.microbatch == 1:
            self.refuse("forward", inputs)
        return inputs * parameters["gain"], (inputs, key)

    def backward(self, parameters, saved, grad_output, input_wanted):
        inputs, key = saved
        if key.step == 7 and key.microbatch == 1:
            self.refuse("backward", grad_output)
        return grad_output * parameters["gain"], (inputs * grad_output, np.full(len(inputs), key.step))

    def weight_gradient(self, factors):
        products, steps = factors
        if steps[0] == 7:
            self.refuse("weight_gradient", products)
        return {"gain": products.sum(axis=0)}

    def refuse(self, work, array):
        if work == self.where:
            worst = float(np.abs(array).max())
            raise ValueError(f"too large: {worst!r}")

register_layer("picky", Picky)
"""
"""A layer that raises in one kind of work at step 7, with a number of what it was given in its error."""

LAYERS = "dense:6 batch_norm dropout:0.2 picky:{} dense:3"
WORK = ("forward", "backward", "weight_gradient")


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tables.restored(monkeypatch)
    Path("picky.py").write_text(PICKY)
    inputs = np.random.default_rng(0).standard_normal((100, 4))
    np.savez("own.npz", x=inputs, y=np.abs(inputs).sum(axis=1).astype(int) % 3)


def poisoned(work: str, *options: str, data: str = "own.npz") -> Path:
    """Return a run that has failed in the layer's work, without the data and with little more than what is kept."""
    layers = LAYERS.format(work)
    common = ["--epochs", "2", "--batch-size", "10", "--load", "picky.py", "--quiet", "--run-dir", "run"]
    assert main(["train", data, "--layers", layers, *common, *options]) == 1
    shutil.rmtree("run/checkpoints")
    for name in ("metrics.jsonl", "weights.safetensors", "state.safetensors"):
        os.unlink(Path("run") / name)
    if os.path.exists(data):
        os.unlink(data)
    return Path("run")


@pytest.mark.parametrize(
    ("runtime", "work"),
    [*(("threads", work) for work in WORK), ("processes", "forward"), ("processes", "backward"), ("inline", WORK[2])],
)
def test_a_poison_message_is_replayed_from_what_is_kept_alone(
    runtime: str, work: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = poisoned(work, "--runtime", runtime)
    error = json.loads((run / "result.json").read_text())["error"]
    capsys.readouterr()
    report = printed(capsys, "replay", str(run))
    assert report["begins"] == "what is kept of the failure, at step 7"
    assert report["failure"]["is_recorded"]
    assert report["failure"]["error"] in error
    assert 'raise ValueError(f"too large: {worst!r}")' in report["failure"]["traceback"]
    assert "annex_actors" not in report["failure"]["traceback"]
    assert [each["work"] for each in report["pieces"]] == [work]


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize(
    "options",
    [("--schedule", "pipedream"), ("--schedule", "no-stash"), ("--stages", "2"), ("--schedule", "zb-h1")],
    ids=str,
)
def test_schedules_and_stages_change_nothing_about_that(
    options: tuple[str, str], work: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = poisoned(work, *options, "--microbatches", "2")
    capsys.readouterr()
    failure = printed(capsys, "replay", str(run))["failure"]
    assert failure["is_recorded"]


def test_a_cost_that_diverges_is_kept_at_its_first_time(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--cost", "mean_squared_error", "--layers", "dense:4 dense:1", "--optimizer", "sgd"]
    options += ["--learning-rate", "1e30", "--quiet", "--run-dir", "run"]
    assert main(["train", "diabetes", *options]) == 2
    capsys.readouterr()
    report = printed(capsys, "replay", "run")
    assert report["failure"]["is_recorded"]
    assert "expected a finite cost" in report["failure"]["error"]
    assert report["failure"]["traceback"] is None


def test_a_failure_that_is_not_the_fault_of_the_message_does_not_come_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    crash = ["--crash", "layer=1,step=3", "--quiet", "--run-dir", "run"]
    assert main(["train", "iris", "--epochs", "2", "--layers", "dense:5 relu dense:3", *crash]) == 0
    assert main(["replay", "run"]) == 0
    out = capsys.readouterr().out
    assert "did not fail again, so the cause is not in what it was given" in out
    assert "crash on order" in out


def test_the_first_five_failures_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    crashes = [f"--crash=layer=1,step={step}" for step in range(2, 9)]
    options = ["--epochs", "2", "--layers", "dense:5 relu dense:3", "--quiet", "--run-dir", "run"]
    assert main(["train", "iris", *options, *crashes]) == 0
    names = sorted(path.name for path in Path("run/failures").glob("*.json"))
    assert names == [f"layer-1-forward-step-{step}-microbatch-0.json" for step in range(2, 7)]


def test_a_run_that_has_not_failed_keeps_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "xor", "--epochs", "2", "--quiet", "--run-dir", "run"]) == 0
    assert not Path("run/failures").exists()
    assert main(["replay", "run"]) == 2
    assert "which has kept no failure; name a piece with --step" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["json", "safetensors"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_damaged_files_are_named(ending: str, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    run = poisoned("forward", "--runtime", "inline")
    name = f"layer-3-forward-step-7-microbatch-1.{ending}"
    (run / "failures" / name).write_bytes(content)
    capsys.readouterr()
    assert main(["replay", str(run)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert name in line
    assert "expected" in line


DEADLY = """
import ctypes, os, signal
from annex_actors import layer, register_layer

def forward(inputs):
    if len(inputs) == 2:  # the last, short batch of an epoch
        {}
    return inputs

def backward(inputs, gradient):
    return gradient

def deadly():
    return layer(forward, backward, name="deadly")

register_layer("deadly", deadly)
"""


def test_a_layer_that_ended_its_process_ends_the_replay_where_python_shows_the_line() -> None:
    Path("deadly.py").write_text(DEADLY.format("ctypes.string_at(0)"))
    options = ["--layers", "dense:5 deadly dense:3", "--load", "deadly.py", "--batch-size", "13", "--epochs", "2"]
    more = ["--runtime", "processes", "--microbatches", "1", "--quiet", "--run-dir", "run"]
    assert main(["train", "own.npz", *options, *more]) == 1
    error = json.loads(Path("run/result.json").read_text())["error"]
    assert error.startswith("layer 1 deadly: killed by SIGSEGV in forward at step 6 microbatch 0")
    os.unlink("own.npz")  # its second incarnation has handed over what it was given, before it did the piece
    program = [sys.executable, "-m", "annex_actors", "replay", "run"]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=120)
    assert ended.returncode == -signal.SIGSEGV
    assert 'deadly.py", line 7 in forward' in ended.stderr


def test_what_a_layer_was_given_that_was_killed_from_outside_is_kept_before_it_is_repeated(
    capsys: pytest.CaptureFixture[str],
) -> None:
    once = "os.path.exists('killed') or (open('killed', 'w').close(), os.kill(os.getpid(), signal.SIGKILL))"
    Path("deadly.py").write_text(DEADLY.format(once))
    options = ["--layers", "dense:5 deadly dense:3", "--load", "deadly.py", "--batch-size", "14", "--epochs", "2"]
    more = ["--runtime", "processes", "--microbatches", "1", "--quiet", "--run-dir", "run"]
    assert main(["train", "iris", *options, *more]) == 0
    capsys.readouterr()
    report = printed(capsys, "replay", "run")
    assert "killed by SIGKILL in forward at step 7 microbatch 0" in report["recorded_failure"]
    (piece,) = report["pieces"]
    assert (piece["layer"], piece["work"], piece["step"]) == ("layer 1 deadly", "forward", 7)
    assert report["begins"] == "what is kept of the failure, at step 7"
    assert report["failure"] is None


def test_a_failure_of_which_nothing_is_kept_is_found_among_the_events(capsys: pytest.CaptureFixture[str]) -> None:
    crash = ["--crash", "layer=1,step=3,at=update", "--quiet", "--run-dir", "run"]
    assert main(["train", "iris", "--epochs", "2", "--layers", "dense:5 relu dense:3", *crash]) == 0
    shutil.rmtree("run/failures")
    report = printed(capsys, "replay", "run")
    assert "layer 1 (relu) failed in update at step 3" in report["recorded_failure"]
    assert {each["layer"] for each in report["pieces"]} == {"layer 1 relu"}


def test_a_failure_with_too_many_arrays_is_not_handed_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("annex_actors.runtimes.handed_over.MOST_BYTES", 50)
    crash = ["--crash", "layer=1,step=3", "--quiet", "--run-dir", "run"]
    assert main(["train", "iris", "--epochs", "2", "--layers", "dense:5 relu dense:3", *crash]) == 0
    assert not Path("run/failures").exists()
    assert "crash on order" in printed(capsys, "replay", "run")["recorded_failure"]


def test_a_disk_that_takes_no_failure_is_a_line_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("annex_actors.runs.failure_files.write_whole", refuse)
    crash = ["--crash", "layer=1,step=3", "--quiet", "--run-dir", "run"]
    assert main(["train", "iris", "--epochs", "2", "--layers", "dense:5 relu dense:3", *crash]) == 0
    log = Path("run/log.txt").read_text()
    assert "what a layer was given when it failed is not kept: No space left on device" in log
