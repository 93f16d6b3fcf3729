"""What a user's own file registers has a name wherever settings are text, and in every process of a run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from annex_actors.cli import main
from tests import tables
from tests.cli.commands import HASHES, printed

MINE = """
from dataclasses import dataclass

from annex_actors import B, Discipline, F, W, register_cost, register_optimizer, register_schedule
from annex_actors.costs import SoftmaxCrossEntropy


@dataclass(frozen=True, kw_only=True)
class Signs:
    rate: float
    name = "signs"

    def __post_init__(self):
        if not 0 < self.rate < 1:
            raise ValueError(f"a rate between 0 and 1 is wanted, not {self.rate}")

    def initial_state(self, parameters):
        return {}

    def update(self, step, parameters, gradients, state):
        following = {name: weight - self.rate * (gradients[name] > 0) for name, weight in parameters.items()}
        following = {name: array.astype(parameters[name].dtype) for name, array in following.items()}
        for array in following.values():
            array.flags.writeable = False
        return following, {}


@dataclass(frozen=True)
class Doubled(SoftmaxCrossEntropy):
    def evaluate(self, outputs, targets, samples):
        cost, gradient = super().evaluate(outputs, targets, samples)
        return 2 * cost, 2 * gradient


register_optimizer("signs", Signs)
register_cost("doubled", Doubled())
register_schedule(Discipline("keen", "one more in flight", (B, F, W), credit=lambda s, S, m: S - s + 1))
"""
DATA_FILE = """
from annex_actors import Dataset, register_data


def doubles():
    return Dataset.from_arrays([[float(n)] for n in range(8)], [2.0 * n for n in range(8)], name="doubles")


register_data("doubles", doubles)
"""
NAMES = ["--cost", "doubled", "--schedule", "keen", "--optimizer", "signs", "--set", "optimizer.rate=0.25"]
OPTIONS = ["xor", "--load", "mine.py", "--epochs", "3", *NAMES]


@pytest.fixture(autouse=True)
def in_a_folder_with_mine_py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every test with ``mine.py`` in the current folder, and nothing registered."""
    tables.restored(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line that a command ends with."""
    assert main([*arguments, "--quiet"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def in_a_new_process(*arguments: str, code: int = 0) -> str:
    """Return what a command prints in a new process."""
    command = [sys.executable, "-m", "annex_actors", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_a_users_own_names_give_the_same_bits_on_every_runtime(capsys: pytest.CaptureFixture[str]) -> None:
    results = [printed(capsys, "train", *OPTIONS, "--runtime", name) for name in ("inline", "threads", "processes")]
    assert {result["schedule"] for result in results} == {"keen"}
    assert len({tuple(result[name] for name in HASHES) for result in results}) == 1
    assert results[0]["weights_sha256"] != printed(capsys, "train", "xor", "--epochs", "3")["weights_sha256"]


def test_a_config_file_knows_them_too(capsys: pytest.CaptureFixture[str]) -> None:
    Path("run.toml").write_text(
        'cost = "doubled"\n[data]\nname = "xor"\n[optimizer]\nname = "signs"\nrate = 0.25\n'
        '[training]\nload = ["mine.py"]\nepochs = 3\nschedule = "keen"\n'
    )
    by_file, by_options = printed(capsys, "train", "run.toml", "--load", "mine.py"), printed(capsys, "train", *OPTIONS)
    assert [by_file[name] for name in HASHES] == [by_options[name] for name in HASHES]


def test_a_data_set_of_your_own_has_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    Path("data.py").write_text(DATA_FILE)
    trained = printed(capsys, "train", "doubles", "--load", "data.py", "--epochs", "2", "--run-dir", "run")
    assert trained["epochs"] == 2
    resumed = json.loads(in_a_new_process("resume", "run", "--epochs", "3", "--quiet", "--json"))
    whole = printed(capsys, "train", "doubles", "--load", "data.py", "--epochs", "3")
    assert [resumed[name] for name in HASHES] == [whole[name] for name in HASHES]


def test_a_run_that_was_cut_off_goes_on_in_another_process_and_predicts_there(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    whole = printed(capsys, "train", *OPTIONS)
    crash = ["--crash", "layer=1,step=2", "--max-attempts", "1", "--run-dir", "run", "--checkpoint-every", "1"]
    in_a_new_process("train", *OPTIONS, *crash, "--quiet", code=1)
    resumed = json.loads(in_a_new_process("resume", "run", "--runtime", "processes", "--quiet", "--json"))
    assert [resumed[name] for name in HASHES] == [whole[name] for name in HASHES]
    np.save("new.npy", np.eye(2, dtype=np.float32))
    predictions = json.loads(in_a_new_process("predict", "run", "new.npy", "--json"))["predictions"]
    assert [each.keys() for each in predictions] == [{"class", "probability"}] * 2
    config = json.loads(in_a_new_process("inspect", "run", "--json"))["config"]
    assert config["optimizer"] == {"name": "signs", "rate": 0.25}
    assert (config["cost"], config["training"]["load"]) == ("doubled", [str(tmp_path / "mine.py")])


def test_chaos_changes_no_bit_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--runtime", "threads", "--faults", "1", "--kinds", "exception", "--pause", "0.001"]
    given = [*OPTIONS[:3], "--epochs", "200", "--schedule", "keen", "--set", "optimizer.name=signs"]
    verdict = printed(capsys, "chaos", *given, "--set", "optimizer.rate=0.25", "--set", "cost=doubled", *options)
    assert verdict["identical"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["optimizer.rat=0.1"], "error: expected settings of signs to be among rate, got 'rat'; did you mean 'rate'?"),
        ([], "error: expected settings of signs with `rate`, got none; it has no default"),
        (["optimizer.rate=2"], "error: expected settings that signs takes, got ValueError: a rate between 0 and 1 is"),
        (["optimizer.rate=0.1", "cost=double"], "did you mean 'doubled'?"),
        (["optimizer.rate=0.1", "training.schedule=ken"], "did you mean 'keen'?"),
    ],
)
def test_settings_that_do_not_fit_them_are_an_error_of_one_line(
    capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    sets = [part for each in options for part in ("--set", each)]
    assert message in refused(capsys, "train", "xor", "--load", "mine.py", "--optimizer", "signs", *sets)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "register_optimizer('mine', lambda: None)",
            "expected `optimizer` to be a dataclass with name, init",
        ),
        ("register_optimizer('mine', Signs(rate=0.5))", "such as Sgd, got Signs(rate=0.5); register the class itself"),
        (
            "register_optimizer('sgd', Signs)",
            "expected a new name for the optimizer, one word without colons, got '",
        ),
        ("register_cost('mine', dict)", "expected `cost` to be a cost's class, or a value with name, encode, eval"),
        ("register_cost('mse', Doubled())", "expected a new name for the cost, one word without colons, got 'mean_sq"),
        ("register_schedule('gpipe')", "expected `row` to be a Discipline; register the row itself, got 'gpipe'"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_when_it_is_registered(
    capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    Path("wrong.py").write_text(MINE + line + "\n")
    error = refused(capsys, "train", "xor", "--load", "wrong.py")
    assert f"wrong.py, line {len(MINE.splitlines()) + 1}, to run, got ConfigError: " in error
    assert message in error


def test_a_run_whose_file_is_missing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    crash = ["--crash", "layer=1,step=2", "--max-attempts", "1", "--run-dir", "run", "--quiet"]
    in_a_new_process("train", *OPTIONS, *crash, code=1)
    Path("mine.py").unlink()
    message = "expected a Python file to load at "
    assert message in refused(capsys, "resume", "run")


GATED = """
from pathlib import Path
from annex_actors import B, Discipline, F, W, register_schedule

def gate(work, at):
    return work is not B or at.s != 1 or not Path("closed").exists()

register_schedule(Discipline("gated", "one more in flight", (B, F, W), credit=lambda s, S, m: S - s + 1, gate=gate))
"""


def test_a_schedule_that_stands_still_ends_a_run_with_one_line_and_mended_it_goes_on_to_the_same_bits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("mine.py").write_text(GATED)
    arguments = ["train", "xor", "--load", "mine.py", "--epochs", "3", "--schedule", "gated"]
    wanted = printed(capsys, *arguments, "--quiet", "--run-dir", "undisturbed")
    Path("closed").touch()
    assert main([*arguments, "--quiet", "--run-dir", "stuck"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: the run stands still: trainer waits for the outputs of an evaluation; layer 0")
    assert "; layer 1 tanh waits for schedule gated to allow backward of step 0 microbatch 0;" in lines[0]
    assert "(no committed step is saved in stuck; `annex-actors resume stuck` begins again; " in lines[0]
    assert lines[0].endswith("; `annex-actors explain standstill` says how that is known)")
    Path("closed").unlink()
    resumed = printed(capsys, "resume", "stuck", "--quiet")
    assert {name: resumed[name] for name in HASHES} == {name: wanted[name] for name in HASHES}
