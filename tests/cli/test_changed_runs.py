"""A run with a changed setting is refused in one line when it is resumed, or comes to the bits of the change.

Every key of the config is changed, in runs that were killed at several moments: a new key is found here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.cli import main
from annex_actors.runs.config import resolve
from annex_actors.runs.toml_settings import merged, nested, read_settings, to_toml
from annex_actors.schedules.table import DISCIPLINES
from tests.cli.commands import HASHES
from tests.matrix import matrix

EPOCHS, STEPS_PER_EPOCH = 4, 4
MOMENTS = {
    "killed before its first checkpoint": 1,
    "killed in an epoch": 6,
    "killed at an epoch's end": 8,
    "finished": EPOCHS * STEPS_PER_EPOCH,
}
SCHEDULES = ("1f1b", "pipedream")

FREE = ("runtime", "supervision", "checkpoints", "data.data_dir", "training.epochs", "training.halt")
"""Sections and keys of which every valid change must be taken: they decide no bit, or only how many steps there are.

One is refused: early stopping from now on, where the best epoch so far was not the last and its weights are not kept.
"""

OWN_FILE = "own.py"

OTHERS: Mapping[str, list[Any]] = {
    "cost": ["sigmoid_cross_entropy", "mean_squared_error", "softmax_cross_entropy:label_smoothing=0.1"],
    "data.name": ["other.csv"],
    "data.label": ["label", 0, 4],
    "data.task": ["classification", "regression"],
    "data.drop": [["w"], ["x", "y"]],
    "data.group": ["w"],
    "data.time": ["w"],
    "data.split": ["label"],
    "data.header": [True, False],
    "data.in_memory": [True, False],
    "data.size": [[8, 8]],
    "data.color_mode": ["rgb"],
    "data.transforms.w": ["minmax", "impute robust", "drop", "one_hot:3"],
    "data.data_dir": ["."],
    "data.test_fraction": [0.0, 0.4],
    "network.dtype": ["float64"],
    "network.layers": ["dense:6 tanh dense:3", "dense:5 relu dense:3", "dense:5 tanh dense:3 tanh", "dense:5 dense:3"],
    "optimizer.name": [{"name": "sgd"}, {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9}],
    "optimizer.learning_rate": [0.02, "cosine:0.01:99", "warmup:0.01:3", "warmup:3 cosine:0.01:99", "0.02"],
    "training.epochs": [1, 2, 3, 6],
    "training.batch_size": [4, 7, 9, 100],
    "training.halt": [["loss_less_than:0"], ["max_seconds:3600", "early_stopping:99:train_cost:mode=min"]],
    "training.validation": [0.2, 0.5],
    "training.metrics": [["accuracy"], ["f1", "precision"]],
    "training.evaluate_every": [1, 3],
    "training.clipping": ["value:0.001", "global_norm:0.01"],
    "training.ema_momentum": [0.9],
    "training.reduce_on_plateau": ["patience=0:factor=0.5:min_delta=9.0"],
    "training.schedule": [*DISCIPLINES, "interleaved:3"],
    "training.load": [[OWN_FILE]],
    "training.stages": [1, 2, 3, 4, "1,2", "3:blas_threads=2"],
    "training.kernels": ["torch"],
    "training.class_weight": ["balanced", "a=2,b=0.5"],
    "training.initial_weights": ["source"],
    "training.initial_weights_sha256": ["0" * 64],
    "runtime.name": [{"name": "inline"}, {"name": "threads"}],
    "supervision.strategy": ["one_for_all", "rest_for_one"],
    "checkpoints.every": [0, 1, 5],
    "checkpoints.keep": [1, "all"],
}
"""What else a key may be, as settings of its section where several change together. Other numbers are found by type."""


def others(key: str, value: object) -> list[Any]:
    """Return other values of a key."""
    if key in OTHERS:
        return [other for other in OTHERS[key] if other != value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, value * 3] if isinstance(value, int) else [value * 0.5]
    raise AssertionError(f"say in OTHERS what else `{key}` may be than {value!r}")


def keys(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every key of a config with its value."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from keys(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def changed(settings: Mapping[str, Any], key: str, value: object) -> Mapping[str, Any]:
    """Return the settings with one key changed, or with another section if the value is one."""
    if isinstance(value, Mapping):
        return {**settings, key.partition(".")[0]: value}
    return merged(settings, nested(key.split("."), value))


@dataclass(frozen=True)
class Case:
    """A change of a run that was killed."""

    schedule: str
    moment: str
    key: str
    value: Any

    def __str__(self) -> str:
        return f"{self.schedule}, {self.moment}, {self.key}={self.value}"


def table(folder: Path, name: str, seed: int) -> str:
    numbers = np.random.default_rng(seed).standard_normal((40, 4)).round(3)
    lines = [",".join([*map(str, row.tolist()), "abc"[int(abs(row).sum()) % 3]]) for row in numbers]
    (folder / name).write_text("\n".join(["w,x,y,z,label", *lines]) + "\n")
    return str(folder / name)


SETTINGS: dict[str, Any] = {
    "runtime": {"name": "schedulers", "threads": 2},
    "training": {"epochs": EPOCHS, "batch_size": 8, "microbatches": 2, "seed": 3},
    "network": {"layers": "dense:5 tanh dense:3"},
    "optimizer": {"name": "adam", "learning_rate": 0.01},
    "checkpoints": {"every": 2},
}


MINE = {"name": "mine.csv", "transforms": {"w": "standardise"}}


def every_key() -> list[tuple[str, Any]]:
    """Return every key with its value in a resolved config, whatever data it names."""
    config, _, _ = resolve(merged(SETTINGS, {"data": {"name": "xor"}}))
    return [*keys(config.model_dump()), ("data.transforms.w", "standardise")]


CASES = [
    Case(schedule, moment, key, other)
    for schedule, moment, (key, value) in product(SCHEDULES, MOMENTS, every_key())
    for other in others(key, value)
]


class Runs:
    """The runs that the tests change, and the expected results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        table(folder, "mine.csv", 0)
        table(folder, "other.csv", 1)
        (folder / OWN_FILE).write_text("NUMBER = 5\n")
        self._number = 0
        self.train(merged(SETTINGS, {"data": MINE, "training": {"epochs": 1}}), "source")
        self.killed = cache(self._killed)
        self.expected = cache(self._expected)

    def train(self, settings: Mapping[str, Any], name: str, *options: str) -> int:
        """Train with these settings into a folder of that name; return the exit code."""
        (self.folder / f"{name}.toml").write_text(to_toml(settings))
        config, run_dir = str(self.folder / f"{name}.toml"), str(self.folder / name)
        return main(["train", config, "--run-dir", run_dir, "--quiet", *options])

    def _killed(self, schedule: str, moment: str) -> Path:
        """Return a run as ``kill -9`` left it at a moment, or one that has finished."""
        name, step = f"{schedule} {moment}", MOMENTS[moment]
        settings = merged(SETTINGS, {"data": MINE, "training": {"schedule": schedule}})
        crash = () if moment == "finished" else ("--crash", f"layer=0,step={step},times=9", "--max-attempts", "1")
        assert self.train(settings, name, *crash) == (1 if crash else 0)
        run = self.folder / name
        for leftover in ("result.json", "weights.safetensors", "state.safetensors") if crash else ():
            (run / leftover).unlink()
        if step == 1:
            shutil.rmtree(run / "checkpoints", ignore_errors=True)
        return run

    def _expected(self, config: str) -> dict[str, Any] | None:
        """Return the report of a new run with this config; None if it is refused."""
        self._number += 1
        name = f"expected-{self._number}"
        (self.folder / f"{name}.toml").write_text(config)
        code = main(["train", str(self.folder / f"{name}.toml"), "--run-dir", str(self.folder / name), "--quiet"])
        if code:
            assert code == 2
            return None
        report: dict[str, Any] = json.loads((self.folder / name / "result.json").read_text())
        return report


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield Runs(folder)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("case", matrix(CASES, sample=60, id=str))
def test_a_changed_run_is_refused_in_one_line_or_has_the_bits_of_the_change(
    case: Case, runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if case.value == "torch":
        pytest.importorskip("torch")
    run = Path(shutil.copytree(runs.killed(case.schedule, case.moment), tmp_path / "run"))
    settings = changed(read_settings(run / "config.toml"), case.key, case.value)
    (run / "config.toml").write_text(to_toml(settings))
    expected, before = runs.expected(to_toml(settings)), contents(run)
    capsys.readouterr()
    code = main(["resume", str(run), "--quiet", "--json"])
    out, err = capsys.readouterr()
    if code:
        assert code == 2
        assert err.count("\n") == 1
        assert err.startswith("error: ")
        assert "expected " in err
        assert contents(run) == before
        only_places = case.key == "training.stages" and case.schedule == "1f1b" and "blas" not in str(case.value)
        is_free = case.key.startswith(FREE) or only_places
        is_shorter = case.key == "training.epochs" and case.value * STEPS_PER_EPOCH < MOMENTS[case.moment]
        asks_for_lost_weights = "early_stopping" in str(case.value) and "holds the weights of epoch 1, the best" in err
        assert is_shorter or asks_for_lost_weights or expected is None or not is_free, err
    else:
        assert expected is not None
        names = (*HASHES, "steps", "epochs", "test_metrics", "train_cost", "test_cost")
        assert {name: json.loads(out)[name] for name in names} == {name: expected[name] for name in names}


NAMED = {
    "cost": ("mean_squared_error", "cost"),
    "network.layers": ("dense:6 tanh dense:3", "layer 0"),
    "optimizer.learning_rate": (0.02, "optimizer.learning_rate"),
    "training.batch_size": (4, "batch_size"),
    "training.microbatches": (3, "microbatches"),
    "training.schedule": ("2bw", "schedule"),
    "training.seed": (5, "seed"),
    "data.name": ("other.csv", "training data"),
    "data.test_fraction": (0.4, "training data"),
    "training.initial_weights_sha256": ("0" * 64, "initial_weights"),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("key", "value", "name"), [(key, *each) for key, each in NAMED.items()], ids=list(NAMED))
def test_a_changed_setting_that_decides_bits_is_named(
    key: str, value: object, name: str, moment: str, runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(runs.killed("1f1b", moment), tmp_path / "run"))
    (run / "config.toml").write_text(to_toml(changed(read_settings(run / "config.toml"), key, value)))
    assert main(["resume", str(run)]) == 2
    assert f"error: expected the `{name}` that the training began with, " in capsys.readouterr().err
