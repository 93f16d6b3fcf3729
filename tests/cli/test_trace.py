"""``train --trace`` and ``trace``: each form, and one line for whatever is wrong with options or files."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.cli import main
from annex_actors.runtimes.tracing.layout import RECORD
from annex_actors.tracing.trace_reader import read_trace
from tests import tables

TRAIN = ("train", "xor", "--epochs", "16", "--quiet")
STEPS = 16
MICROBATCHES = 2


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was traced, with a death in it."""
    path = tmp_path_factory.mktemp("runs") / "xor"
    crash = ("--crash", "layer=1,step=4,at=backward")
    assert main([*TRAIN, "--microbatches", str(MICROBATCHES), "--trace", "all", "--run-dir", str(path), *crash]) == 0
    return path


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """The same run, to be damaged."""
    return Path(shutil.copytree(run, tmp_path / "copy"))


Show = Callable[..., str]


@pytest.fixture
def show(run: Path, capsys: pytest.CaptureFixture[str]) -> Show:
    """Runs the command on the run, and returns what it prints."""

    def call(*options: object, at: Path = run, code: int = 0) -> str:
        assert main(["trace", str(at), *map(str, options)]) == code
        out, err = capsys.readouterr()
        assert (err if code == 0 else out) == ""
        return out if code == 0 else err

    return call


def test_a_table_has_a_row_for_each_actor_and_says_what_the_time_went_for(show: Show, run: Path) -> None:
    shown = show()
    for label in read_trace(run).labels.values():
        assert label in shown
    assert show("--to", "table") == shown
    assert f"{STEPS} steps in " in shown
    assert " restart " in shown
    assert "bubble " in shown
    assert "; the schedule alone: " in shown
    assert " messages, a hop takes " in shown


@pytest.mark.parametrize(("ending", "begin"), [("svg", b"<?xml"), ("PNG", b"\x89PNG"), ("pdf", b"%PDF")])
@pytest.mark.parametrize("form", ["gantt", "sequence"])
def test_a_chart_and_a_diagram_are_pictures(form: str, ending: str, begin: bytes, show: Show, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / f"picture.{ending}"
    printed = show("--to", form, "--out", out, "--step", 2)
    content = out.read_bytes()
    assert content.startswith(begin)
    assert printed == f"wrote {out}, {len(content):,} bytes\n"


def test_a_chart_shows_the_steps_that_are_asked_for_and_not_more_than_there_are(show: Show, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "chart.svg"
    for options, title in {
        ("--step", 3): "steps 3 to 5 of",
        ("--step", 3, "--steps", 1): "step 3 of",
        ("--step", 14, "--steps", 9): "steps 14 to 15 of",
    }.items():
        show("--to", "gantt", "--out", out, *options)
        assert f"<!-- {title} xor (1f1b, 2 microbatches, schedulers): " in out.read_text()


def test_a_diagram_is_of_the_first_step_or_another_one(show: Show, tmp_path: Path) -> None:
    first, other = show("--to", "sequence"), show("--to", "sequence", "--step", 7)
    assert first == show("--to", "sequence", "--step", 0)
    for text in (first, other):
        assert text.splitlines()[0].split() == ["trainer", *(f"stage-{s}" for s in range(4))]
        assert text.count("─ forward ") == MICROBATCHES * 4
    show("--to", "sequence", "--out", tmp_path / "step.mmd")
    lines = (tmp_path / "step.mmd").read_text().splitlines()
    assert lines[0] == "sequenceDiagram"
    assert sum("->>" in line for line in lines) == len(first.splitlines()) - 1


def test_the_records_are_json_lines_csv_and_the_format_of_chrome(show: Show, run: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in show("--to", "json").splitlines()]
    trace = read_trace(run)
    assert [row["type"] for row in rows].count("work") == sum(map(len, trace.work.values()))
    assert [row["type"] for row in rows].count("message") == len(trace.flows)
    table = list(csv.DictReader(io.StringIO(show("--to", "csv"))))
    assert [(row["type"], row["kind"]) for row in table] == [(row["type"], row["kind"] or "") for row in rows]
    show("--to", "perfetto", "-o", tmp_path / "trace.json")
    assert (tmp_path / "trace.json").read_text() == show("--to", "perfetto").rstrip("\n")
    deaths = [each["name"] for each in json.loads(show("--to", "perfetto"))["traceEvents"] if each["ph"] == "i"]
    assert len(deaths) == 1
    assert "crash" in deaths[0].lower()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ("--to gant", "expected `--to` to be one of table, gantt, sequence, perfetto, csv, json, got 'gant'; did you"),
        ("--to gantt", "expected --out to be a .svg, .png, .pdf file for a chart, got none"),
        ("--to gantt --out chart.jpeg", "expected --out to be a .svg, .png, .pdf file for a chart, got chart.jpeg"),
        ("--to gantt --out x.svg --steps 0", "expected `--steps` to be an integer >= 1, got 0"),
        ("--to gantt --out x.svg --step -1", "expected `--step` to be an integer >= 0, got -1"),
        ("--out table.txt", "expected --out with --to gantt or sequence or perfetto or csv or json, got --to table; l"),
        ("--step 3", "expected --step with --to gantt or sequence, got --to table; leave --step out"),
        ("--to sequence --steps 3", "expected --steps with --to gantt, got --to sequence; leave --steps out"),
        ("--step often", "Invalid value for '--step'"),
    ],
)
def test_options_that_are_wrong_are_refused_before_anything_is_read(
    options: str, error: str, tmp_path: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = show(*options.split(), at=tmp_path / "no-such-run", code=2)
    assert error in shown
    assert shown.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def refused(show: Show, *options: object, at: Path) -> str:
    """Return why a trace is not shown, in one line of bearable length."""
    shown = show(*options, at=at, code=2)
    assert shown.startswith("error: expected ")
    assert shown.count("\n") == 1
    assert len(shown) < 400
    return shown


def test_a_step_that_was_not_traced_is_named_with_those_that_were(show: Show, run: Path, tmp_path: Path) -> None:
    for options in (["sequence"], ["gantt", "--out", tmp_path / "x.svg"]):
        shown = refused(show, "--to", *options, "--step", 99, at=run)
        assert f"expected a step that was traced, from 0 to {STEPS - 1}, got 99" in shown
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_not_traced_says_how_to_trace_one(show: Show, copy: Path, tmp_path: Path) -> None:
    (copy / "trace.json").unlink()
    for folder in (copy, tmp_path / "no-such-run"):
        shown = refused(show, at=folder)
        assert f"expected a run that was traced, got none in {folder}; `annex-actors train --trace all`" in shown


HOSTILE: dict[str, Any] = {
    "version": [0, 1, 3, "2", None],
    "stages": [-1, 10**9, 10**30, 1.5, True],
    "microbatches": [0, -1, 10**30, None],
    "cores": [-1, "two"],
    "names": [[""], ["\x1b[2J"], ["a" * 1000], [3], None],
    "peers": [[{"id": "stage-0"}], [{"id": "\x1b]0;", "label": ""}], {}, []],
    "exits": [[{"peer": "stage-0", "time": float("nan"), "reason": "", "orderly": False}], [{}], None],
    "credit": [["many"], None],
    "dropped": [-1, "none"],
    "scope": [None],
}


@pytest.mark.parametrize("field", HOSTILE)
def test_a_description_with_something_else_in_a_field_is_refused(field: str, show: Show, copy: Path) -> None:
    header = json.loads((copy / "trace.json").read_text())
    for value in HOSTILE[field]:
        (copy / "trace.json").write_text(json.dumps({**header, field: value}))
        refused(show, at=copy)
    (copy / "trace.json").write_text(json.dumps({name: kept for name, kept in header.items() if name != field}))
    refused(show, at=copy)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b"{}"])
def test_a_description_that_is_none_is_refused(content: bytes, show: Show, copy: Path) -> None:
    (copy / "trace.json").write_bytes(content)
    refused(show, at=copy)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("what", 3), ("own_number", 99), ("own_number", -2), ("number", -(2**31)), ("microbatch", -2)),
        *(("bytes", -1), ("version", -1), ("start", np.nan), ("end", np.inf), ("start", -np.inf), ("end", -1e300)),
    ],
)
def test_records_that_no_actor_of_the_run_writes_are_refused(field: str, value: Any, show: Show, copy: Path) -> None:
    records = np.fromfile(copy / "trace.records", RECORD)
    records[field][records["what"] == 2] = value
    records.tofile(copy / "trace.records")
    for form in ("table", "sequence", "perfetto"):
        refused(show, "--to", form, at=copy)


def test_records_with_names_that_are_not_there_yet_are_left_out(show: Show, copy: Path) -> None:
    records = np.fromfile(copy / "trace.records", RECORD)
    for field in ("kind", "role", "own_role"):
        records[-1][field] = 200
        records.tofile(copy / "trace.records")
        assert len(read_trace(copy).records) == len(records) - 1
        records[-1] = records[0]
    show(at=copy)


def test_what_is_left_of_records_that_are_cut_off_is_shown(show: Show, copy: Path) -> None:
    whole = (copy / "trace.records").read_bytes()
    for length in (len(whole) - 1, len(whole) // 2 + 7, 3 * RECORD.itemsize):
        (copy / "trace.records").write_bytes(whole[:length])
        assert len(read_trace(copy).records) == length // RECORD.itemsize
        for form in ("table", "json", "csv", "perfetto"):
            show("--to", form, at=copy)
    for length in (0, RECORD.itemsize - 1):
        (copy / "trace.records").write_bytes(whole[:length])
        assert "expected a trace with records, got none" in refused(show, at=copy)


@pytest.mark.parametrize("seed", range(20))
def test_bytes_at_random_are_shown_or_refused_in_a_line(
    seed: int, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generator = np.random.default_rng(seed)
    content = bytearray((copy / "trace.records").read_bytes())
    for place in generator.integers(len(content), size=generator.integers(1, 4)):
        content[place] = generator.integers(256)
    (copy / "trace.records").write_bytes(content)
    for form in ("table", "sequence", "csv", "json", "perfetto"):
        code = main(["trace", str(copy), "--to", form])
        assert code in (0, 2)
        error = capsys.readouterr().err
        assert error.count("\n") == (code != 0)
        assert "unexpected" not in error


@pytest.mark.parametrize("name", ["trace.json", "trace.records"])
def test_a_pipe_a_folder_or_nothing_in_the_place_of_a_file_is_refused(name: str, show: Show, copy: Path) -> None:
    (copy / name).unlink()
    if name == "trace.records":
        assert "got none" in refused(show, at=copy)
    os.mkfifo(copy / name)
    assert "a named pipe" in refused(show, at=copy)
    (copy / name).unlink()
    (copy / name).mkdir()
    assert "a folder" in refused(show, at=copy)


@pytest.mark.parametrize("name", ["trace.json", "trace.records"])
def test_a_trace_is_never_written_through_a_link(name: str, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    victim = copy.parent / "victim"
    victim.write_text("mine")
    (copy / name).unlink()
    (copy / name).symlink_to(victim)
    code = main(["resume", str(copy), "--epochs", "20", "--trace", "all", "--quiet"])
    assert victim.read_text() == "mine"
    assert capsys.readouterr().err.count("\n") == (code != 0)


@pytest.mark.parametrize("text", ["bogus", "0", "-1", "1.5", "", "ALL", "9" * 30])
@pytest.mark.parametrize("command", ["train", "resume"])
def test_what_to_trace_is_checked_before_anything_starts(
    command: str, text: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run / "trace.records").read_bytes()
    where = ["xor", "--run-dir", str(tmp_path / "run")] if command == "train" else [str(run), "--epochs", "20"]
    assert main([command, *where, f"--trace={text}"]) == 2
    error = capsys.readouterr().err
    assert "expected `trace` to be all, sample, or a number of steps >= 1, got " in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()
    assert (run / "trace.records").read_bytes() == before


def test_a_resume_replaces_the_trace_and_one_without_leaves_it(copy: Path) -> None:
    before = (copy / "trace.records").read_bytes()
    assert main(["resume", str(copy), "--epochs", "20", "--quiet"]) == 0
    assert (copy / "trace.records").read_bytes() == before
    assert main(["resume", str(copy), "--epochs", "24", "--trace", "all", "--quiet"]) == 0
    assert read_trace(copy).steps == (20, 21, 22, 23)


def test_the_first_steps_are_traced_alone(tmp_path: Path, show: Show) -> None:
    path = tmp_path / "run"
    assert main([*TRAIN, "--trace", "3", "--run-dir", str(path)]) == 0
    assert read_trace(path).steps == (0, 1, 2)
    assert "3 steps in " in show(at=path)


OWN = """
from annex_actors import B, Discipline, F, W, register_schedule

register_schedule(Discipline("keen", "one more in flight", (B, F, W), credit=lambda s, S, m: S - s + 1))
"""


def test_the_trace_of_a_schedule_that_is_not_known_here_has_no_ideal(tmp_path: Path, show: Show) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    path, mine = tmp_path / "run", str(tmp_path / "mine.py")
    with pytest.MonkeyPatch.context() as patch:
        tables.restored(patch)
        assert main([*TRAIN, "--load", mine, "--schedule", "keen", "--trace", "all", "--run-dir", str(path)]) == 0
    shown = show(at=path)
    assert "bubble " in shown
    assert "the schedule alone" not in shown
    pytest.importorskip("matplotlib")
    show("--to", "gantt", "--out", tmp_path / "x.svg", at=path)
    assert "the ideal is not known -->" in (tmp_path / "x.svg").read_text()
