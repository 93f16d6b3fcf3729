"""Whatever is changed in a run's folder, each command ends soon, with the right bits or with one line that says why.

Each case is a seed, which its name shows: ``pytest tests/cli/test_mutated_folders.py -k seed-17``. ``--whole`` runs
all.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType

import numpy as np
import pytest

from annex_actors.cli import main
from tests.cli.commands import HASHES
from tests.cli.mutations import mutate, plain_files
from tests.leaks import nothing_left
from tests.matrix import matrix

LIMIT_S = 60
"""Seconds for a command that takes a few milliseconds: more than any pause of the machine."""

SEEDS = matrix(range(3000), sample=100, id=lambda seed: f"seed-{seed}")


class TooLong(BaseException):
    """A command did not end."""


@contextmanager
def in_time() -> Iterator[None]:
    """Raise TooLong where the block stands when `LIMIT_S` are over."""

    def over(number: int, frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that failed at their fifth step of eight, on two runtimes; the same undisturbed; samples; a user's file."""
    folder = tmp_path_factory.mktemp("recorded")
    given = ["train", "xor", "--epochs", "8", "--quiet", "--checkpoint-every", "1"]
    crash = ["--crash", "layer=1,step=5,times=9"]
    assert main([*given, "--run-dir", str(folder / "whole")]) == 0
    for runtime in ("inline", "schedulers"):
        assert main([*given, *crash, "--runtime", runtime, "--run-dir", str(folder / runtime)]) == 1
    np.save(folder / "samples.npy", np.eye(2, dtype=np.float32))
    (folder / "mine.txt").write_text("mine")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of every file but the lock, which a command makes and deletes, and what no memory holds."""
    return {str(path): path.read_bytes() for path in plain_files(folder) if path.name != "lock"}


def is_small(config: Path) -> bool:
    """Return whether a config, as far as it can be read, has no number that makes a run long or large."""
    too_large = rb"(?<![.\d])\d{4}|\de\d"
    return config not in plain_files(config.parent) or not re.search(too_large, config.read_bytes()[:100_000])


def check_output(capsys: pytest.CaptureFixture[str], code: int) -> None:
    """Check that a command has said what went wrong, in one line that a terminal shows as it is."""
    out, err = capsys.readouterr()
    assert all(line.isprintable() for line in (out + err).splitlines())
    assert max(map(len, err.splitlines()), default=0) < 3000
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == (code != 0)
    assert "Traceback" not in err
    if code == 2:
        assert "expected " in errors[0]
        assert "[Errno" not in errors[0]
        assert err.splitlines()[-1] == errors[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_command_ends_with_the_right_bits_or_one_line(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    random = Random(seed)
    copied = random.choice(["inline", "schedulers"])
    run = tmp_path / "run"
    while True:
        shutil.copytree(recorded / copied, run)
        mutate(run, random)
        if is_small(run / "config.toml"):
            break
        shutil.rmtree(run)
    before, outside = contents(run), contents(recorded)
    capsys.readouterr()
    for command in ("inspect", "predict", "resume"):
        samples = [str(recorded / "samples.npy")] if command == "predict" else []
        with nothing_left(), in_time():
            code = main([command, str(run), *samples])
        check_output(capsys, code)
        assert code in (0, 1, 2)
        if command != "resume" or code == 2:
            assert contents(run) == before
    assert contents(recorded) == outside
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
    if code == 0 and contents(run) != before:
        whole, found = (json.loads((each / "result.json").read_text()) for each in (recorded / "whole", run))
        same_length = found["epochs"] == whole["epochs"]  # a config may ask for more epochs or fewer
        assert [found[name] == whole[name] for name in HASHES] == [same_length] * len(HASHES)
