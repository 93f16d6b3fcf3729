"""Runs that were cut off, and what they and their results are compared by."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from annex_actors.cli import main

TRAIN = ("train", "xor", "--epochs", "16", "--quiet", "--checkpoint-every", "1", "--keep", "all")
FAIL = ("--crash", "layer=0,step=8,times=3")


def cut_off(folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return a run as ``kill -9`` at its eighth step would have left it; the expected result is beside it."""
    assert main([*TRAIN, "--run-dir", str(folder / "whole")]) == 0
    shutil.copy(folder / "whole" / "result.json", folder)
    run = folder / "run"
    assert main([*TRAIN, *FAIL, "--run-dir", str(run)]) == 1
    for name in ("result.json", "weights.safetensors", "state.safetensors"):
        (run / name).unlink()
    capsys.readouterr()
    return run


def report(run: Path) -> dict[str, object]:
    """Return the result of a run."""
    found: dict[str, object] = json.loads((run / "result.json").read_text())
    return found


def same(run: Path) -> bool:
    """Return whether the result of a run is the expected one."""
    names = ("weights_sha256", "state_sha256", "cost_log_sha256", "steps", "test_metrics", "epochs")
    before = report(run.parent)
    return all(before[name] == report(run)[name] for name in names)


def contents(folder: Path) -> dict[Path, bytes]:
    """Return what is in each file of a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lines(run: Path) -> list[dict[str, object]]:
    """Return the lines of a run's metrics without what depends on time."""
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [
        {name: value for name, value in each.items() if name not in ("seconds", "samples_per_second", "restarts")}
        for each in found
    ]
