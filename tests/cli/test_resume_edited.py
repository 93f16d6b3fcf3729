"""``annex-actors resume`` of a folder that was edited, or put together of several runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from annex_actors.cli import main
from tests.cli.runs import TRAIN, cut_off, same
from tests.training.edited import Change, edit


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    return cut_off(tmp_path, capsys)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays, texts: texts.update(step="111"),
        lambda arrays, texts: texts.update(step="100000"),
        lambda arrays, texts: arrays.update(costs=arrays["costs"][:-1]),
        lambda arrays, texts: arrays.update(costs=arrays["costs"] * np.nan),
        lambda arrays, texts: arrays.update(costs=arrays["costs"].astype(np.int64)),
        lambda arrays, texts: texts.update(history="[]"),
        lambda arrays, texts: texts.update(history=json.dumps(json.loads(texts["history"]) * 2)),
    ],
    ids=["step 111", "step 100000", "a cost less", "costs of NaN", "costs of integers", "no history", "history twice"],
)
@pytest.mark.parametrize("damaged", ["the newest", "all"])
def test_a_checkpoint_whose_parts_do_not_fit_is_skipped_whatever_its_checksum(
    run: Path, change: Change, damaged: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted((run / "checkpoints").iterdir())
    for path in files if damaged == "all" else files[-1:]:
        edit(path, change)
    assert main(["resume", str(run)]) == 0
    err = capsys.readouterr().err
    assert f"expected a whole checkpoint at {files[-1]}, got a damaged one: expected " in err
    assert "goes on from step 8" not in err
    assert same(run)


def test_a_checkpoint_of_another_run_is_skipped(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = run.parent / "other"
    assert main([*TRAIN, "--seed", "5", "--run-dir", str(other)]) == 0
    shutil.copy(max((other / "checkpoints").iterdir()), run / "checkpoints")
    capsys.readouterr()
    assert main(["resume", str(run)]) == 0
    err = capsys.readouterr().err
    assert "got a damaged one: expected the `seed` that the training began with, 5, got 0" in err
    assert "goes on from step 8" in err
    assert same(run)


@pytest.mark.parametrize("checkpoints", ["with checkpoints", "without a checkpoint"])
@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ("seed = 0", "seed = 1", "seed"),
        ("batch_size = 4", "batch_size = 2", "batch_size"),
        ("beta1 = 0.9", "beta1 = 0.8", "optimizer.beta1"),
        ('cost = "softmax_cross_entropy"', 'cost = "mean_squared_error"', "cost"),
    ],
)
def test_an_edited_config_is_refused_by_the_setting(
    run: Path, before: str, after: str, name: str, checkpoints: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if checkpoints == "without a checkpoint":
        shutil.rmtree(run / "checkpoints")
    config = run / "config.toml"
    assert before in config.read_text()
    config.write_text(config.read_text().replace(before, after))
    assert main(["resume", str(run)]) == 2
    assert f"error: expected the `{name}` that the training began with, " in capsys.readouterr().err
    assert not (run / "result.json").exists()
