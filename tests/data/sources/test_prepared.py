"""Tables larger than memory: prepared column by column, read row by row, with the bits of those in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from annex_actors import Dataset, Learner, load, parse_layers
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.cli import main
from annex_actors.data.sources.prepared import prepared_folder
from annex_actors.data.sources.stored import stored
from annex_actors.data.tables import read_table
from annex_actors.data.tables.parquet_table import ParquetTable
from tests.cli.commands import HASHES, printed

ROWS = 400


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    cells = {
        "age": draw.integers(18, 80, ROWS),
        "city": [["ulm", "bonn", None, "köln"][index] for index in draw.integers(0, 4, ROWS)],
        "shop": [f"shop {index}" for index in draw.integers(0, 90, ROWS)],
        "size": [None if index % 9 == 0 else float(size) for index, size in enumerate(draw.normal(size=ROWS))],
        "day": np.datetime64("2024-01-01") + draw.integers(0, 900, ROWS).astype("m8[D]"),
        "risk": [["low", "high"][index] for index in draw.integers(0, 2, ROWS)],
    }
    parquet.write_table(pa.table(cells), "loans.parquet", row_group_size=70)


@pytest.mark.parametrize(
    "options", [{}, {"validation": 0.2}, {"time": "day"}, {"label": "size, age", "drop": ["size2"]}]
)
def test_inputs_in_a_file_are_those_in_memory(options: dict[str, object]) -> None:
    if "label" in options:
        table = parquet.read_table("loans.parquet").drop(["size"])
        noise = pa.array(np.arange(ROWS) % 7 + 0.5)
        parquet.write_table(table.append_column("size", noise).append_column("size2", noise), "loans.parquet")
    kept, left = (load("loans.parquet", in_memory=each, **options) for each in (True, False))  # type: ignore[arg-type]
    assert kept.preparation is not None
    assert left.preparation is not None
    assert kept.preparation.to_bytes() == left.preparation.to_bytes()
    assert repr(kept) == repr(left)
    for name in ("train", "test", "validation"):
        one, other = getattr(kept, name), getattr(left, name)
        if one is not None:
            inputs = stored(other.inputs)
            assert inputs is not None
            assert inputs[:].tobytes() == one.inputs.tobytes()
            assert other.targets.tobytes() == one.targets.tobytes()


@pytest.mark.parametrize("runtime", ["inline", "schedulers", "processes"])
def test_a_training_on_them_has_the_same_bits(runtime: str) -> None:
    weights = []
    for in_memory in (True, False):
        learner = Learner(parse_layers("dense:6 tanh dense:2"), runtime=runtime)
        result = learner.train(load("loans.parquet", label="risk", in_memory=in_memory), epochs=2)
        weights.append(result.checkpoint.hashes)
    assert weights[0] == weights[1]


def test_a_run_is_resumed_and_predicts_whichever_way_it_began(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["loans.parquet", "--epochs", "3", "--quiet"]
    left = ["--set", "data.in_memory=false"]
    expected = printed(capsys, "train", *options)
    crash = ["--crash", "layer=0,step=7,times=9", "--max-attempts", "1"]
    assert main(["train", *options, *left, *crash, "--run-dir", "run"]) == 1
    capsys.readouterr()
    resumed = printed(capsys, "resume", "run", "--quiet")
    assert [resumed[name] for name in HASHES] == [expected[name] for name in HASHES]
    assert printed(capsys, "predict", "run", "loans.parquet")["metrics"]["accuracy"] > 0.4


def test_a_file_is_written_once_and_left_alone_afterwards() -> None:
    load("loans.parquet", in_memory=False)
    files = sorted(prepared_folder().iterdir())
    assert [each.suffix for each in files] == [".npy", ".npy"]
    before = [each.stat().st_mtime_ns for each in files]
    load("loans.parquet", in_memory=False)
    assert sorted(prepared_folder().iterdir()) == files
    assert [each.stat().st_mtime_ns for each in files] == before


def test_any_table_may_have_its_inputs_in_a_file() -> None:
    table = read_table("loans.parquet")
    kept, left = (Dataset.from_table(table, in_memory=each) for each in (True, False))
    inputs = stored(left.train.inputs)
    assert inputs is not None
    assert inputs[:].tobytes() == kept.train.inputs.tobytes()


def test_a_table_in_its_file_has_the_columns_of_one_in_memory() -> None:
    lazy, eager = ParquetTable(Path("loans.parquet")), read_table("loans.parquet")
    assert (lazy.names, len(lazy), repr(lazy)) == (eager.names, len(eager), repr(eager))
    some = np.array([5, 3, 300])
    for name in eager.names:
        assert lazy[name].form == eager[name].form
        assert lazy.rows(some)[name].values.tolist() == eager.rows(some)[name].values.tolist()
        assert lazy.rows(some).rows(np.array([2]))[name].values.tolist() == eager[name].values[[300]].tolist()
    assert lazy.rows(some).place(1, "age") == "row 3, column age"
    assert len(lazy.columns) == len(eager.columns)


def test_a_file_that_changes_is_refused() -> None:
    table = ParquetTable(Path("loans.parquet"))
    parquet.write_table(parquet.read_table("loans.parquet").slice(0, 100), "loans.parquet")
    with pytest.raises(DataError, match=r"loans\.parquet: expected the file as it was when it was opened"):
        table["age"]


def test_without_a_home_inputs_stay_in_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annex_actors.data.sources.prepared.home_folder", lambda *names: None)
    with pytest.raises(ConfigError, match="expected a home or"):
        load("loans.parquet", in_memory=False)


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "annex-actors").write_text("no folder")
    with pytest.raises(ConfigError, match="expected a folder of prepared inputs that can be written"):
        load("loans.parquet", in_memory=False)


MEASURED = """
import sys
from pathlib import Path
from annex_actors import load
data = load("wide.parquet", in_memory=sys.argv[1] == "True")
assert len(data.train) == 160_000
[peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(int(peak.split()[1]) // 1024)  # not ru_maxrss, which begins with that of the process that started this one
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no peak memory is known here")
def test_a_table_of_many_columns_takes_the_memory_of_a_few(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    columns = {f"x{index}": draw.standard_normal(200_000, np.float32) for index in range(100)}
    parquet.write_table(pa.table({**columns, "y": draw.integers(0, 2, 200_000)}), "wide.parquet")

    def peak(in_memory: bool) -> int:
        command = [sys.executable, "-c", MEASURED, str(in_memory)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ))
        return int(done.stdout)

    size = 200_000 * 100 * 4 // 2**20  # as float32; a table in memory has each number as float64, too
    assert peak(False) < peak(True) - 3 * size
