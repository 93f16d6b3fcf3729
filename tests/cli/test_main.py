from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from annex_actors.cli import main

PROGRAM = [sys.executable, "-m", "annex_actors"]


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("train", "predict", "inspect", "datasets"))


@pytest.mark.parametrize(
    "option",
    [
        "epochs", "batch-size", "microbatches", "schedule", "runtime", "optimizer", "learning-rate", "seed", "layers",
        "cost", "run-dir", "data-dir", "label", "strategy", "max-restarts", "max-seconds", "max-attempts", "crash",
        "set", "quiet", "json", "debug",
    ],
)  # fmt: skip
def test_train_has_every_option(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    assert f"--{option}" in capsys.readouterr().out


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"annex-actors {version('annex-actors')}\n"


def test_help_imports_nothing_slow() -> None:
    slow = {"numpy", "scipy", "sklearn", "pydantic", "pykka"}
    code = f"import sys; from annex_actors.cli import main; main(['--help']); print({slow} & sys.modules.keys())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "set()"


def test_a_reader_that_closes_the_pipe_is_no_error(tmp_path: Path) -> None:
    with subprocess.Popen([*PROGRAM, "datasets"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_a_full_disk_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.fsync", full)
    assert main(["train", "xor", "--run-dir", "run"]) == 2
    expected = "expected a file that can be written at run/identity.json, got No space left on device"
    assert capsys.readouterr().err == f"error: {expected}; correct that, and try again\n"
    assert not Path("run").exists()


def test_a_standard_output_that_is_full_is_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no full disk to try")
    for arguments in (["datasets"], ["datasets", "--json"], ["schedules"], ["optimizers"], ["simulate"]):
        with open("/dev/full", "w") as full:
            ended = subprocess.run([*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        message = "error: expected standard output to take what is printed, got No space left on device\n"
        assert (ended.returncode, ended.stderr) == (2, message)
