from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.cli import main
from annex_actors.runs.saved_run import SavedRun
from tests.cli.commands import HASHES, printed
from tests.leaks import no_thread_left

KEYS = [
    "run_dir", "dataset", "runtime", "schedule", "microbatches", "stages", "epochs", "steps", "train_cost", "test_cost",
    "test_accuracy", "weights_sha256", "state_sha256", "cost_log_sha256", "restarts", "seconds", "samples_per_second",
]  # fmt: skip


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test in its own folder, where runs are kept."""
    monkeypatch.chdir(tmp_path)


def trained(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    """Return what ``train --json`` prints."""
    return printed(capsys, "train", *arguments, code=code)


def test_without_arguments_the_digits_are_learned(capsys: pytest.CaptureFixture[str]) -> None:
    result = trained(capsys)
    assert (result["dataset"], result["status"]) == ("digits", "finished")
    assert result["test_accuracy"] >= 0.96


def test_json_has_every_documented_key(capsys: pytest.CaptureFixture[str]) -> None:
    result = trained(capsys, "xor", "--epochs", "2")
    assert set(KEYS) <= result.keys()
    assert (result["runtime"], result["schedule"], result["microbatches"]) == ("schedulers", "1f1b", 2)
    assert (result["stages"], result["epochs"], result["steps"], result["restarts"]) == (4, 2, 2, 0)
    assert result == json.loads((Path(result["run_dir"]) / "result.json").read_text())


def test_regression_has_no_accuracy(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = np.linspace(0, 1, 60).reshape(20, 3)
    np.savez("own.npz", inputs=numbers, targets=numbers.sum(axis=1))
    result = trained(capsys, "own.npz", "--epochs", "2")
    assert result["test_accuracy"] is None
    assert result["test_metrics"].keys() == {"r2"}


@pytest.mark.parametrize("schedule", ["sequential", "gpipe", "1f1b"])
def test_threads_and_inline_give_the_same_hashes(capsys: pytest.CaptureFixture[str], schedule: str) -> None:
    options = ["iris", "--epochs", "2", "--microbatches", "3", "--schedule", schedule]
    threads, inline = (trained(capsys, *options, "--runtime", runtime) for runtime in ("threads", "inline"))
    assert [threads[name] for name in HASHES] == [inline[name] for name in HASHES]


def test_any_number_of_stages_gives_the_same_hashes(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["iris", "--epochs", "2", "--layers", "dense:8 relu dropout:0.2 dense:3"]
    results = [trained(capsys, *options, "--stages", stages) for stages in ("layer", "1", "2", "5")]
    assert [result["stages"] for result in results] == [5, 1, 2, 5]
    assert len({tuple(result[name] for name in HASHES) for result in results}) == 1


def test_a_layer_within_a_stage_can_be_crashed(capsys: pytest.CaptureFixture[str]) -> None:
    crash = "layer=1,step=1,at=backward"
    assert main(["train", "xor", "--epochs", "2", "--run-dir", "run", "--stages", "1", "--crash", crash]) == 0
    err = capsys.readouterr().err
    assert "layer 1 (tanh) failed in backward at step 1 microbatch 0, given (2, 2) float32: InjectedCrash" in err
    assert "layer 0 dense:8 + tanh + dense:2 + softmax_cross_entropy is up again, incarnation 2" in err


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_crashes_change_no_hash(capsys: pytest.CaptureFixture[str], strategy: str) -> None:
    undisturbed = trained(capsys, "iris", "--epochs", "2")
    crashes = ["--crash", "layer=1,step=7,microbatch=1,at=backward", "--crash", "layer=3,step=12,at=commit"]
    crashed = trained(capsys, "iris", "--epochs", "2", "--strategy", strategy, *crashes)
    assert crashed["restarts"] >= 2
    assert [crashed[name] for name in HASHES] == [undisturbed[name] for name in HASHES]


def test_progress_goes_to_standard_error_and_the_summary_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "xor", "--epochs", "2", "--run-dir", "run", "--crash", "layer=1,step=1"]) == 0
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert "layer 1 (tanh) failed in forward at step 1 microbatch 0, given (2, 8) float32: InjectedCrash" in lines[1]
    assert lines[2] == "layer 1 tanh is up again, incarnation 2"
    assert lines[3].startswith("epoch 2/2  step 2  cost ")
    assert lines[3].endswith("/s")
    assert out.splitlines()[0].startswith("test accuracy ")
    assert out.splitlines()[-1] == "saved in run"


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "xor", "--epochs", "2", "--quiet", "--crash", "layer=1,step=1"]) == 0
    assert capsys.readouterr() == ("", "")


def test_later_settings_win(capsys: pytest.CaptureFixture[str]) -> None:
    Path("run.toml").write_text('[data]\nname = "xor"\n[training]\nepochs = 1\nseed = 1\nmicrobatches = 1\n')
    options = ["--epochs", "2", "--microbatches", "2", "--set", "training.microbatches=3"]
    result = trained(capsys, "run.toml", *options)
    config = SavedRun.open(Path(result["run_dir"])).config
    assert (config.training.seed, config.training.epochs, config.training.microbatches) == (1, 2, 3)


def test_another_runtime_than_that_of_the_file_drops_the_files_runtime_settings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("run.toml").write_text(
        '[data]\nname = "xor"\n[training]\nepochs = 1\n[runtime]\nname = "inline"\ncommit_every = 3\n'
    )
    result = trained(capsys, "run.toml", "--runtime", "threads")
    assert result["runtime"] == "threads"
    assert trained(capsys, f"{result['run_dir']}/config.toml", "--set", "runtime.name=inline")["runtime"] == "inline"
    same = SavedRun.open(Path(trained(capsys, "run.toml", "--runtime", "inline")["run_dir"])).config.runtime
    assert same.model_dump() == {"name": "inline", "commit_every": 3}


def test_a_learning_rate_may_vary_with_the_step(capsys: pytest.CaptureFixture[str]) -> None:
    rates = [
        "0.05",
        "inverse_time:0.05:0",
        "inverse_time:0.05:0.1",
        "cosine:0.05:9",
        "stepwise:0.05:0.5:2",
        "warmup:0.05:3",
    ]
    results = [trained(capsys, "xor", "--epochs", "5", "--learning-rate", rate) for rate in rates]
    hashes = [result["weights_sha256"] for result in results]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == len(rates) - 1
    assert trained(capsys, f"{results[3]['run_dir']}/config.toml")["weights_sha256"] == hashes[3]


def test_the_config_of_a_run_repeats_it(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--optimizer", "sgd", "--set", "optimizer.momentum=0.9", "--layers", "dense:4 relu dropout:0.2 dense:3"]
    first = trained(capsys, "iris", "--epochs", "2", "--seed", "5", *options)
    again = trained(capsys, f"{first['run_dir']}/config.toml")
    assert [again[name] for name in HASHES] == [first[name] for name in HASHES]


def test_a_users_own_table_is_trained_on(capsys: pytest.CaptureFixture[str]) -> None:
    Path("pets.csv").write_text("kind,size\n" + "".join(f"{'cat' if n % 2 else 'dog'},{n % 2}.5\n" for n in range(20)))
    result = trained(capsys, "pets.csv", "--label", "kind", "--epochs", "2")
    assert (result["dataset"], result["steps"]) == ("pets", 2)


def test_a_layer_that_always_fails_ends_the_run_with_a_full_report(capsys: pytest.CaptureFixture[str]) -> None:
    crash = "layer=1,step=3,microbatch=1,at=backward,times=99"
    assert main(["train", "xor", "--epochs", "9", "--run-dir", "run", "--quiet", "--crash", crash]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == (
        "error: layer 1 (tanh) failed in backward at step 3 microbatch 1, given (2, 8) float32: "
        "InjectedCrash: crash on order (failed 3 times at the same message)"
    )
    assert "Traceback" not in err, "no code of the user has failed"
    assert "annex_actors/peers" not in err
    assert lines[1].startswith("  the first of 3 such failures was after ")
    assert lines[1].endswith(" s; layer 1 tanh was restarted 2 times")
    assert lines[2:] == [
        "3 committed steps are saved in run; `annex-actors resume run` goes on from there; "
        "--debug shows the whole traceback"
    ]
    report = SavedRun.open(Path("run")).report
    assert report is not None
    assert (report.status, report.steps) == ("failed", 3)


def test_debug_shows_the_whole_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    crash = "layer=1,step=3,times=99"
    assert main(["train", "xor", "--epochs", "9", "--quiet", "--debug", "--crash", crash]) == 1
    err = capsys.readouterr().err
    assert "annex_actors/peers/stage.py" in err
    assert err.count("The above exception was the direct cause") == 2


def test_a_failed_run_prints_its_result_too(capsys: pytest.CaptureFixture[str]) -> None:
    result = trained(capsys, "xor", "--epochs", "9", "--crash", "layer=1,step=3,times=99", code=1)
    assert (result["status"], result["steps"]) == ("failed", 3)
    assert result["error"].startswith("layer 1 (tanh) failed in forward at step 3")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_cost_that_is_not_finite_is_a_user_error(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--optimizer", "sgd", "--learning-rate", "1e30", "--cost", "mse", "--layers", "dense:2", "--quiet"]
    assert main(["train", "xor", "--run-dir", "run", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: expected a finite cost, got ")
    assert "lower the learning rate" in err
    assert "committed steps are saved in run" in err


def test_a_run_leaves_no_thread(capsys: pytest.CaptureFixture[str]) -> None:
    with no_thread_left():
        trained(capsys, "xor", "--epochs", "2", "--crash", "layer=1,step=1")
        trained(capsys, "xor", "--epochs", "9", "--crash", "layer=1,step=3,times=99", code=1)


def test_a_run_is_named_after_its_data(capsys: pytest.CaptureFixture[str]) -> None:
    result = trained(capsys, "xor", "--epochs", "1")
    assert Path(result["run_dir"]).parent.name == "runs"
    assert Path(result["run_dir"]).name.startswith("xor-20")


EAGER = """
from annex_actors import B, Discipline, F, W, register_schedule
register_schedule(Discipline(name="keen", summary="eager", priority=(B, F, W), credit=lambda s, S, m: S - s + 1))
"""


def test_a_users_own_schedule_works_in_processes_too(tmp_path: Path) -> None:
    """Run in a separate process, since what a file registers stays registered."""
    file = tmp_path / "mine.py"
    file.write_text(EAGER)
    command = [sys.executable, "-m", "annex_actors", "train", "xor", "--epochs", "2", "--quiet", "--json"]
    options = ["--load", str(file), "--schedule", "keen", "--runtime", "processes", "--affinity"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert (result["schedule"], result["runtime"], result["status"]) == ("keen", "processes", "finished")
