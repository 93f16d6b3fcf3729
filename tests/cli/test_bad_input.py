"""Every mistake gives one line with what was expected and given, exit code 2, no thread, and nothing left behind."""

from __future__ import annotations

import shlex
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from annex_actors.cli import main

INPUTS, LABELS = np.linspace(0, 1, 60).reshape(20, 3), np.arange(20) % 2


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with files, most of them invalid."""
    monkeypatch.chdir(tmp_path)
    nan, infinite = INPUTS.copy(), INPUTS.copy()
    nan[3, 1], infinite[3, 1] = np.nan, np.inf
    np.savez("good.npz", inputs=INPUTS, targets=LABELS)
    np.savez("nan.npz", inputs=nan, targets=LABELS)
    np.savez("infinite.npz", inputs=infinite, targets=LABELS)
    np.savez("nan-targets.npz", inputs=INPUTS, targets=nan[:, 1])
    np.savez("labels-of-two-columns.npz", inputs=INPUTS, targets=np.zeros((20, 2), int))
    np.savez("too-few-labels.npz", inputs=INPUTS, targets=LABELS[:-1])
    np.savez("other-names.npz", a=INPUTS)
    Path("text.npz").write_text("no zip")
    Path("words.csv").write_text("a,b,kind\n1,two,x\n" + "3,4,y\n5,6,x\n" * 12)
    Path("broken.toml").write_text("a = = 3")
    Path("type.toml").write_text('[training]\nmicrobatches = "x"\n')
    Path("key.toml").write_text("[training]\nepoch = 3\n")
    Path("exists").mkdir()
    return tmp_path


CASES = {
    "train digts": "did you mean digits?",
    "train good.zip": "a path to .npz, .csv or .tsv, got 'good.zip'",
    "train missing.npz": "expected a file at missing.npz, got none",
    "train text.npz": "text.npz: expected an npz file, got something else",
    "train nan.npz": "got nan in row 3, column 1",
    "train infinite.npz": "got inf in row 3, column 1",
    "train nan-targets.npz": "nan-targets.npz: expected targets to be finite",
    "train labels-of-two-columns.npz": "or one-hot rows, got int64 of shape (20, 2); for several",
    "train too-few-labels.npz": "expected a target for each of 20 inputs, got 19",
    "train other-names.npz": "expected arrays named inputs and targets",
    "train words.csv": "expected a number, as most cells of the column, in line 2, column b, got 'two'",
    "train words.csv --drop c": "expected columns among a, b, got 'c'",
    "train words.csv --drop b --group d": "expected columns among a, b, got 'd'",
    "train words.csv --drop b --time a --group b": "expected one column to divide rows by, got group, time",
    "train words.csv --drop b --split kind": "expected columns among a, b, got 'kind'",
    "train words.csv --label a --drop b --split kind": "expected train, test or validation in line 2",
    "train words.csv --set data.transforms.b=onehot": "expected `transforms.b` to be one of standardise, robust,",
    "train --drop a": "expected `drop` with a table of cells only, got",
    "train words.csv --label knd": "did you mean 'kind'?",
    "train num.xlsx --label y": "got 'num.xlsx'; save the table as .csv",
    "train num.parquet --label y": "expected a file at num.parquet, got none",
    "train --task regression": "expected `task` with a table of cells only, got 'regression' for 'digits'",
    "train mine.csv --task guess": "expected `task` to be one of classification, regression, got 'guess'",
    "train --label x": "expected `label` with a table only",
    "train good.npz --layers dense:2:4": "layer 0 (dense:2:4) does not fit the data",
    "train good.npz --layers 'dense:4 dense:2:3'": "layer 1 (dense:2:3) does not fit layer 0 (dense:4)",
    "train --layers dense:9": "expected class labels 0 to 8 for 9 outputs, got 9",
    "train xor --runtime threads --affinity": "expected no settings of threads, got 'affinity'",
    "train xor --affinity": "expected settings of schedulers to be among threads, got 'affinity'",
    "train xor --set training.runtime=threads": "expected keys of `training` to be among epochs, batch_size",
    "train xor --learning-rate fast": "expected `learning_rate` to be a number > 0, got 'fast'; or a rule: constant,",
    "train --layers dense:0": "expected `out_features` to be an integer >= 1, got 0",
    "train --layers 'dense:10 rleu'": "expected layer 1 to be one of the known layers, got 'rleu'; did you mean",
    "train --layers ''": "expected layers such as",
    "train --epochs 0": "expected `epochs` to be an integer >= 1, got 0",
    "train --epochs ten": "'--epochs'",
    "train --batch-size 0": "expected `batch_size` to be an integer >= 1, got 0",
    "train --microbatches 0": "expected `microbatches` to be an integer >= 1, got 0",
    "train --microbatches 64": "expected `microbatches` to be at most the batch size 32, got 64",
    "train --schedule gpip": "did you mean 'gpipe'?",
    "train --runtime thread": "did you mean 'threads'?",
    "train --stages 0": "expected `stages` to be an integer >= 1, got 0",
    "train --stages 9": "expected `stages` to be at most 5, an actor for each of 4 layers and one for the cost, got 9",
    "train --stages layers": 'expected `stages` to be "layer", "auto", an integer >= 1, or the layers of each stage,',
    "train --stages -1": "or the layers of each stage, as \"3,2,2\", got '-1'",
    "train --stages 2,1": "got '2,1', which leaves out layer 3 (dense:10); add to a stage, or add a stage",
    "train --stages 2x2,2 --schedule 2bw": "expected a synchronous schedule for a stage in 2 replicas, got 2bw; choose",
    "train --stages 2x2000,2": "expected a stage to be in at most 1,000 replicas, got 2,000; ask for fewer",
    "train --kernels torhc": "did you mean 'torch'?",
    "train --optimizer adma": "did you mean 'adam'?",
    "train --learning-rate 0": "expected `learning_rate` to be a number > 0, got 0.0",
    "train --cost mean": "expected `cost` to be one of",
    "train --seed -1": "expected `seed` to be an integer >= 0",
    "train --strategy one_for": "did you mean 'one_for_one'?",
    "train --max-restarts -1": "expected `max_restarts` to be an integer >= 0, got -1",
    "train --max-seconds 0": "expected `max_seconds` to be a number > 0, got 0.0",
    "train --max-attempts 0": "expected `max_attempts` to be an integer >= 1, got 0",
    "train --data-dir nowhere": "expected `data.data_dir` to be a folder, got 'nowhere'",
    "train --run-dir exists": "expected a new folder for the run, got exists",
    "train --run-dir text.npz/run": "expected a folder that can be made",
    "train --crash layer=4,step=900": "expected the crash's `step` to be an integer from 0 to 899, got 900",
    "train --crash layer=5,step=0": "expected the crash's `layer` to be an integer from 0 to 4, got 5",
    "train --crash layer=1,step=0,microbatch=2": "crash's `microbatch` to be an integer from 0 to 1, got 2",
    "train --keep few": "expected `keep` to be an integer >= 1 or \"all\", got 'few'",
    "train --checkpoint-every -1": "expected `every` to be an integer >= 0, got -1",
    "train --set data.test_fraction=0.3": "expected `test_fraction` with a file of your own only, got 0.3 for 'digits'",
    "train --data-dir exists": "expected `data_dir` with fashion-mnist or the data set of a package only, got 'exists' "
    "for 'digits'; leave it out",
    "train --crash layer=1,step=0,at=bakward": "did you mean 'backward'?",
    "train --crash layer=1,layer=2,step=0": "got 'layer=2' in 'layer=1,layer=2,step=0'",
    "chaos xor --layers dense:3 --epochs 0": "expected `epochs` to be an integer >= 1, got 0",
    "train --crash layer=1": "without `step`",
    "train --crash layer=1,step=0,at=noon": "expected `at` to be one of forward, backward",
    "train --set training.epoch=3": "did you mean 'epochs'?",
    "train --set seed": "expected a setting such as optimizer.learning_rate=0.01, got 'seed'",
    "train --set optimizer.momentum=0.9": "expected settings of adam to be among",
    "train missing.toml": "expected a config file at missing.toml",
    "train broken.toml": "expected TOML in broken.toml",
    "train type.toml": "expected `training.microbatches` to be an integer, got 'x'",
    "train key.toml": "expected keys of `training` to be among epochs",
    "train digits iris": "unexpected extra argument",
    "train --epoch 3": "--epochs",
    "predict nowhere samples.npy": "expected a folder that `annex-actors train` made at nowhere, got none",
    "predict exists samples.npy": "got a folder without a run",
    "predict exists": "Missing argument",
    "inspect nowhere": "expected a folder that `annex-actors train` made at nowhere, got none",
    "dataset": "No such command 'dataset'",
}


@pytest.mark.parametrize("arguments", CASES)
def test_a_mistake_is_one_line_and_leaves_nothing(
    arguments: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(thread: threading.Thread) -> None:
        raise AssertionError(f"{thread} was started")

    before = sorted(folder.rglob("*"))
    with monkeypatch.context() as context:
        context.setattr(threading.Thread, "start", start)
        code = main(shlex.split(arguments))
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert CASES[arguments] in err
    assert sorted(folder.rglob("*")) == before


def test_kernels_that_need_torch_name_the_missing_extra(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["train", "--kernels", "torch"]) == 2
    error = "error: expected torch for kernels 'torch', got none; pip install 'annex-actors[torch]'\n"
    assert capsys.readouterr() == ("", error)
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("program", [["annex-actors"], ["python", "-m", "annex_actors"]])
def test_the_process_itself_says_it_in_one_line_with_exit_code_2(program: list[str], folder: Path) -> None:
    beside = Path(sys.executable).parent
    ended = subprocess.run(
        [str(beside / program[0]), *program[1:], "train", "nan.npz"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "error: nan.npz: expected inputs to be finite float32 numbers, got nan in row 3, column 1; "
        "correct or remove that row\n"
    )
    assert not (folder / "runs").exists()


def test_a_crash_in_a_microbatch_that_a_short_last_batch_does_not_have_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--batch-size", "5", "--epochs", "1", "--crash", "layer=0,step=3,microbatch=1"]
    assert main(["train", "good.npz", *options]) == 2  # 16 training samples: step 3 has only one of them
    assert "expected the crash's `microbatch` to be an integer from 0 to 0, got 1" in capsys.readouterr().err
