"""A run's folder may be damaged, half copied, full of other things, or sent by somebody: nothing hangs, runs or is
written elsewhere, and one line names what is wrong."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.cli import main
from tests.cli.commands import HASHES
from tests.strange_files import STRANGE, put

READ_BY = {
    "config.toml": ("inspect", "predict", "resume"),
    "environment.json": ("inspect", "resume"),
    "identity.json": ("resume",),
    "network.json": ("inspect", "predict", "resume"),
    "metrics.jsonl": ("inspect", "resume"),
    "result.json": ("inspect", "resume"),
    "weights.safetensors": ("predict",),
    "state.safetensors": ("predict",),
}
"""The commands that need each file."""

FAIL = ("--crash", "layer=1,step=5,times=9")


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that ended at its fifth step of eight, and beside it the result of the same run undisturbed."""
    folder = tmp_path_factory.mktemp("runs")
    given = ["train", "xor", "--epochs", "8", "--quiet", "--checkpoint-every", "1", "--runtime", "inline"]
    assert main([*given, "--run-dir", str(folder / "whole")]) == 0
    assert main([*given, *FAIL, "--run-dir", str(folder / "run")]) == 1
    np.save(folder / "samples.npy", np.eye(2, dtype=np.float32))
    return folder / "run"


@pytest.fixture
def run(failed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that run, for a test to change; it is in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(failed.parent, tmp_path / "runs")
    return Path("runs/run")


def call(command: str, run: Path, *options: str) -> int:
    """Return the exit code of a command with a run."""
    samples = [str(run.parent / "samples.npy")] if command == "predict" else []
    return main([command, str(run), *samples, *options])


def refused(capsys: pytest.CaptureFixture[str], command: str, run: Path, *options: str, code: int = 2) -> str:
    """Return the one line with which a command refuses a run."""
    capsys.readouterr()
    assert call(command, run, *options) == code
    out, err = capsys.readouterr()
    line = err.splitlines()[-1]
    assert out == ""
    assert line.startswith("error: ")
    assert "expected " in line
    assert len(line) < 3000
    assert "[Errno" not in err
    assert "Traceback" not in err
    return line


def same(run: Path) -> bool:
    """Return whether a run has the bits of the undisturbed one."""
    ends = [json.loads((folder / "result.json").read_text()) for folder in (run, run.parent / "whole")]
    return ends[0]["status"] == "finished" and all(ends[0][name] == ends[1][name] for name in HASHES)


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize(("name", "command"), [(name, each) for name, needs in READ_BY.items() for each in needs])
def test_something_strange_in_the_place_of_a_file_is_named_and_not_opened(
    run: Path, name: str, command: str, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = put(run / name, what)
    line = refused(capsys, command, run)
    assert name in line
    assert words in line


@pytest.mark.parametrize(
    "name", ["environment.json", "events.jsonl", "lock", "log.txt", "metrics.jsonl", "result.json"]
)
@pytest.mark.parametrize("what", STRANGE)
def test_predict_needs_only_what_it_reads(run: Path, name: str, what: str) -> None:
    put(run / name, what)
    assert call("predict", run) == 0


NESTED = {
    "config.toml": b"a = " + b"[" * 100_000,
    "environment.json": b'{"a":' * 100_000,
    "identity.json": b'{"a":' * 100_000,
    "network.json": b"[" * 100_000,
    "metrics.jsonl": b"[" * 100_000 + b"\n",
    "result.json": b'{"a":' * 100_000,
    "loaded.json": b"[" * 100_000,
}
LONG = {
    "config.toml": b"k" * 10**6 + b" = 1",
    "environment.json": b'{"' + b"k" * 10**6 + b'": 1}',
    "identity.json": b'{"' + b"k" * 10**6 + b'": 1}',
    "network.json": b'{"' + b"k" * 10**6 + b'": 1}',
    "metrics.jsonl": b'{"' + b"k" * 10**6 + b'": 1}\n',
    "result.json": b'{"' + b"k" * 10**6 + b'": 1}',
}
DIGITS = {
    "identity.json": b'{"seed": ' + b"9" * 10**6 + b"}",
    "config.toml": b"seed = " + b"9" * 10**6,
    "network.json": b'{"parameters": ' + b"9" * 10**6 + b"}",
    "metrics.jsonl": b'{"epoch": ' + b"9" * 10**6 + b"}\n",
    "result.json": b'{"steps": ' + b"9" * 10**6 + b"}",
}
BYTES = dict.fromkeys(READ_BY, b"\xff\xfe\x00\xed\xa0\x80\n")


@pytest.mark.parametrize("contents", [NESTED, LONG, DIGITS, BYTES], ids=["nested", "long", "digits", "bytes"])
def test_content_that_breaks_readers_is_one_short_line(
    run: Path, contents: Mapping[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in contents.items():
        whole = (run / name).read_bytes() if (run / name).exists() else None
        (run / name).write_bytes(content)
        for command in READ_BY.get(name, ()):
            line = refused(capsys, command, run)
            assert name in line or "that the training began with" in line
            assert len(line) < 1000
        if whole is not None:
            (run / name).write_bytes(whole)


def test_a_history_that_is_nested_deeply_makes_a_checkpoint_damaged(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.numpy import load, save

    files = list((run / "checkpoints").iterdir())
    for path in files:
        path.write_bytes(save(load(path.read_bytes()), {"step": "5", "history": "[" * 100_000, "crc32": "0"}))
    assert call("resume", run) == 0
    assert capsys.readouterr().err.count("expected a whole checkpoint at ") == len(files) > 0
    assert same(run)


def test_what_a_folder_says_cannot_steer_the_terminal(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x9b1A\u202e\r\x00"
    network = json.loads((run / "network.json").read_text())
    network["dataset"] = network["source"] = network["layers"][0]["spec"] = evil
    network["classes"] = [evil, f"\n{evil}"]
    (run / "network.json").write_text(json.dumps(network))
    (run / "environment.json").write_text(json.dumps({f"blas{evil}": evil}))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    named = [json.dumps({**line, "metrics": {evil: 0.5}}) for line in lines]
    (run / "metrics.jsonl").write_text("".join(f"{line}\n" for line in named))
    report = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps({**report, "error": evil}))
    for command in ("inspect", "predict"):
        for options in ((), ("--json",)):
            assert call(command, run, *options) == 0
            out, err = capsys.readouterr()
            assert (out + err).replace("\n", "").isprintable()
            if options:
                json.loads(out)
    (run / "network.json").write_text(f'{{"{evil}": 1}}')
    assert refused(capsys, "inspect", run).isprintable()


# The system says no


PLACES = {
    "lock": STRANGE.keys() - {"huge file"},
    "metrics.jsonl": STRANGE.keys(),
    "log.txt": STRANGE.keys() - {"huge file"},
    "events.jsonl": STRANGE.keys() - {"huge file"},
    "checkpoints": STRANGE.keys() - {"folder"},
    "weights.safetensors": {"folder", "pipe", "socket"},
    "state.safetensors": {"folder", "pipe", "socket"},
}
"""By name, what may not be where a run will write; links in the place of files that are written whole are replaced."""


@pytest.mark.parametrize(("name", "what"), [(name, what) for name in PLACES for what in sorted(PLACES[name])])
def test_what_stands_where_a_run_will_write_is_named_before_it_goes_on(
    run: Path, name: str, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "checkpoints":
        shutil.rmtree(run / name)
    put(run / name, what)
    before = sorted(path.name for path in run.iterdir())
    assert name in refused(capsys, "resume", run)
    assert sorted(path.name for path in run.iterdir()) == before


def refuses(monkeypatch: pytest.MonkeyPatch, end: str, error: OSError) -> None:
    """Let the system refuse to open the files whose paths end so."""
    original = os.open

    def opened(path: Any, *rest: Any, **named: Any) -> int:
        if str(path).endswith(end):
            raise error
        return original(path, *rest, **named)

    monkeypatch.setattr(os, "open", opened)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")])
def test_a_folder_that_may_not_be_written_is_said_in_words(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    refuses(monkeypatch, "lock", error)
    line = refused(capsys, "resume", run)
    assert line == (
        f"error: expected the lock of a run that can be written at {run}/lock, got {error.strerror}; "
        "correct that, and try again"
    )


@pytest.mark.parametrize("name", ["config.toml", "network.json", "weights.safetensors"])
def test_a_file_that_may_not_be_read_is_said_in_words(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    refuses(monkeypatch, name, PermissionError(13, "Permission denied"))
    assert f"{run / name}, got Permission denied" in refused(capsys, "predict", run)


@pytest.mark.parametrize("command", ["inspect", "predict", "resume"])
@pytest.mark.parametrize("path", ["x" * 5000, "runs/samples.npy/run", "loop", "\udcff"])
def test_a_path_that_leads_nowhere_is_one_line(
    run: Path, capsys: pytest.CaptureFixture[str], command: str, path: str
) -> None:
    Path("loop").symlink_to("loop")
    capsys.readouterr()
    samples = ["runs/samples.npy"] if command == "predict" else []
    assert main([command, path, *samples]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: expected ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "out", ["folder.csv", "pipe.npy", "runs/samples.npy/out.csv", "x" * 300 + ".csv", "nowhere/out.npy"]
)
def test_an_output_that_cannot_be_a_file_is_refused(run: Path, capsys: pytest.CaptureFixture[str], out: str) -> None:
    os.mkfifo("pipe.npy")
    Path("folder.csv").mkdir()
    assert "expected --out to be a file that can be written" in refused(capsys, "predict", run, "--out", out)


# What is not ours


def test_other_files_and_folders_in_a_run_are_left_alone(run: Path) -> None:
    (run / ".git").mkdir()
    (run / ".git" / "config").write_text("theirs")
    (run / "checkpoints" / ".idea").mkdir()
    (run / "checkpoints" / "step-000000099.safetensors").mkdir()
    theirs = [
        ".config.toml.swp", ".env", ".result.json.0123456789abcdef", "notes.md", "checkpoints/.step-notes",
        "checkpoints/step-1.safetensors", "checkpoints/step-final.safetensors", ".git.0123456789ab",
    ]  # fmt: skip
    for name in theirs:
        (run / name).write_text("theirs")
    (run / ".metrics.jsonl.0123456789ab").write_text("half written")
    (run / "checkpoints" / ".step-000000005.safetensors.0123456789ab").write_text("half written")
    assert call("resume", run, "--quiet") == 0
    assert same(run)
    assert all((run / name).read_text() == "theirs" for name in [*theirs, ".git/config"])
    assert (run / "checkpoints" / ".idea").is_dir()
    assert not (run / ".metrics.jsonl.0123456789ab").exists()
    assert not (run / "checkpoints" / ".step-000000005.safetensors.0123456789ab").exists()


# Whom a folder may be from


@pytest.mark.parametrize("name", ["lock", "metrics.jsonl", "log.txt", "events.jsonl"])
@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_a_run_does_not_write_through_a_link(
    run: Path, name: str, link: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = Path("mine.txt")
    mine.write_text("" if name == "metrics.jsonl" else "mine")
    before = mine.read_text()
    (run / name).unlink(missing_ok=True)
    if link == "symbolic":
        (run / name).symlink_to(mine.resolve())
    else:
        (run / name).hardlink_to(mine)
    refused(capsys, "resume", run)
    assert mine.read_text() == before


@pytest.mark.parametrize("name", ["config.toml", "weights.safetensors", "state.safetensors"])
def test_a_file_that_is_written_whole_replaces_a_link(run: Path, name: str) -> None:
    mine = Path("mine.txt")
    shutil.move(run / name, mine)
    before = mine.read_bytes()
    (run / name).symlink_to(mine.resolve())
    assert call("resume", run, "--quiet") == 0
    assert same(run)
    assert mine.read_bytes() == before


def test_checkpoints_are_not_written_or_deleted_in_a_folder_elsewhere(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.move(run / "checkpoints", "elsewhere")
    (run / "checkpoints").symlink_to(Path("elsewhere").resolve())
    Path("elsewhere/.step-000000009.safetensors.0123456789ab").touch()
    before = sorted(Path("elsewhere").iterdir())
    assert "checkpoints, got a link" in refused(capsys, "resume", run)
    assert sorted(Path("elsewhere").iterdir()) == before


@pytest.fixture
def sent(run: Path) -> Path:
    """A folder that somebody sent, with code in it, and a record that says that this user's run had run it."""
    code = run.resolve() / "theirs.py"
    code.write_text("from pathlib import Path\nPath('ran').touch()\n")
    config = (run / "config.toml").read_text()
    assert "load = []" in config
    (run / "config.toml").write_text(config.replace("load = []", f"load = [{json.dumps(str(code))}]"))
    record = {"files": {str(code): "0" * 64}, "signature": "0" * 64}
    (run / "loaded.json").write_text(json.dumps(record))
    return run


@pytest.mark.parametrize("command", ["resume", "predict"])
def test_code_in_a_folder_that_was_sent_does_not_run(
    sent: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, command, sent)
    assert "no run of yours recorded them" in line
    assert line.endswith(f"if you trust them, add --load {sent.resolve() / 'theirs.py'}")
    assert not Path("ran").exists()


def test_inspect_runs_no_code(sent: Path) -> None:
    assert call("inspect", sent) == 0
    assert not Path("ran").exists()


@pytest.mark.parametrize("command", ["train", "chaos"])
def test_code_that_a_config_file_names_does_not_run(
    sent: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main([command, str(sent / "config.toml")]) == 2
    assert "no run of yours recorded them" in capsys.readouterr().err
    assert not Path("ran").exists()
    assert not Path("runs/xor").exists()


@pytest.mark.parametrize("command", ["resume", "predict"])
def test_code_that_its_user_names_runs_and_is_compared(
    sent: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(command, sent, "--load", str(sent / "theirs.py")) == 0
    assert Path("ran").exists()
    assert "expected the files that the run was trained with, got" in capsys.readouterr().err


def test_a_run_resumes_and_repeats_what_it_ran_itself_without_options(run: Path) -> None:
    Path("mine.py").write_text("from pathlib import Path\nwith open('ran', 'a') as file:\n    file.write('x')\n")
    given = ["train", "xor", "--epochs", "8", "--quiet", "--runtime", "inline", "--load", "mine.py", "--run-dir"]
    assert main([*given, "runs/mine", *FAIL]) == 1
    assert call("resume", Path("runs/mine"), "--quiet") == 0
    assert call("predict", Path("runs/mine")) == 0
    assert main(["train", "runs/mine/config.toml", "--quiet", "--run-dir", "runs/again"]) == 0
    assert same(Path("runs/mine"))
    assert same(Path("runs/again"))
    assert Path("ran").read_text() == "x"


def test_a_file_that_was_edited_since_is_not_taken_for_the_one_that_was_trained(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.py").write_text("")
    given = ["train", "xor", "--epochs", "8", "--quiet", "--runtime", "inline", "--load", "mine.py"]
    assert main([*given, "--run-dir", "runs/mine", *FAIL]) == 1
    Path("mine.py").write_text("mine = 2\n")
    assert "mine.py to be as the run recorded it, got other content" in refused(capsys, "resume", Path("runs/mine"))
