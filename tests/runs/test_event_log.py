from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.protocol.events import EpochFinished, Event, Finished, PeerExited, PeerStarted, StepFinished
from annex_actors.protocol.messages import Address
from annex_actors.runs import event_log
from annex_actors.runs.config import RunConfig, resolve
from annex_actors.runs.event_log import LAST, EventLog, read_events, record_of
from annex_actors.runs.recorded_run import prepared, train_recorded
from annex_actors.runs.resumption import Resumption
from annex_actors.runs.run_directory import RunDirectory
from annex_actors.runs.saved_run import SavedRun
from annex_actors.runs.toml_settings import merged, parse_setting
from annex_actors.runtimes import parse_crash
from annex_actors.training.learner import Learner
from annex_actors.training.preparation import PreparedTraining
from tests.readmes import ROOT

RUNTIMES = ["inline", "schedulers", "threads", "processes"]


def settings(*texts: str) -> tuple[RunConfig, Learner, Any]:
    return resolve(merged(*map(parse_setting, ["data.name=xor", "training.epochs=3", *texts])))


@pytest.fixture(scope="module")
def training() -> PreparedTraining:
    return prepared(*settings("network.layers=dense:4 relu dense:2"))


def exited(incarnation: int = 1) -> PeerExited:
    return PeerExited(Address("stage", 1), "layer 1 relu", incarnation, "killed", time=2.0)


def kinds(records: list[dict[str, Any]]) -> list[str]:
    return [record.get("event", record["type"]) for record in records]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_run_has_its_start_and_its_events_in_order_with_the_code_of_a_layer_that_failed(
    tmp_path: Path, runtime: str
) -> None:
    crashes = [parse_crash("layer=1,step=1,at=backward")]
    run = train_recorded(*settings(f"runtime.name={runtime}"), run_dir=tmp_path / "run", crashes=crashes)
    start, *events = read_events(tmp_path / "run")
    stages = start["stages"]
    assert (start["type"], start["version"], start["runtime"], start["schedule"]) == ("run", 1, runtime, "1f1b")
    assert (start["microbatches"], start["epochs"], start["step"], start["steps"]) == (2, 3, 0, 3)
    assert stages[0] == {"id": "stage-0", "label": "layer 0 dense:8"}
    assert start["clock"]["wall_time"].endswith("Z")
    assert {record["type"] for record in events} == {"event"}
    times = [record["time"] for record in events if record["event"] == "EpochFinished"]
    assert times == sorted(times)
    assert start["clock"]["monotonic"] <= times[0]
    (failed,) = [each for each in events if each["event"] == "PeerExited" and not each["orderly"]]
    assert (failed["address"], failed["label"], failed["incarnation"]) == ("stage-1", "layer 1 tanh", 1)
    assert failed["reason"].startswith("layer 1 (tanh) failed in backward at step 1 microbatch 0")
    assert "StepFinished" not in kinds(events)
    assert kinds(events).count("PeerStarted") == len(stages) + 1 + run.report.restarts
    assert kinds(events).count("EpochFinished") == 3
    assert kinds(events).count("Finished") == 1


FAILS = """
from annex_actors import register_layer
from annex_actors.layers import Activation
from annex_actors.layers.activations import Relu

class Fails(Activation):
    def forward(self, parameters, inputs, key):
        raise ValueError("no negative numbers")

register_layer("fails", lambda: Fails(Relu()))
"""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_failure_has_the_text_of_the_layers_own_exception_and_its_line(
    tmp_path: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(FAILS)
    command = [sys.executable, "-m", "annex_actors", "train", "xor", "--load", "mine.py", "--run-dir", "run"]
    command += ["--layers", "dense:4 fails dense:2", "--runtime", runtime]
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr
    failed = [each for each in read_events("run") if each.get("event") == "PeerExited" and not each["orderly"]]
    assert [each["incarnation"] for each in failed] == [1, 2, 3]
    assert {each["where"] for each in failed} == {"mine.py:8 in forward"}
    assert {each["traceback"] for each in failed} == {
        "Traceback (most recent call last):\n"
        f'  File "{tmp_path / "mine.py"}", line 8, in forward\n'
        '    raise ValueError("no negative numbers")\n'
        "ValueError: no negative numbers\n"
    }


def test_a_resume_adds_its_start_and_its_events(tmp_path: Path) -> None:
    crashes = [parse_crash("layer=1,step=2,at=backward,times=9")]
    config, learner, dataset = settings("runtime.name=inline")
    train_recorded(config, learner, dataset, run_dir=tmp_path / "run", crashes=crashes)
    before = read_events(tmp_path / "run")
    Resumption.prepare(SavedRun.open(tmp_path / "run"), config, learner, dataset).carry_out()
    after = read_events(tmp_path / "run")
    assert after[: len(before)] == before
    assert (kinds(after)[len(before)], after[len(before)]["step"]) == ("run", 2)
    assert kinds(after).count("run") == 2
    assert kinds(after)[len(before) :].count("Finished") == 1


def test_a_line_that_a_kill_has_torn_is_left_out_and_spoils_no_other(
    tmp_path: Path, training: PreparedTraining
) -> None:
    for _ in range(2):
        log = EventLog(RunDirectory(tmp_path), training)
        log.on_event(exited())
        with (tmp_path / "events.jsonl").open("ab") as file:
            file.write(b'{"type":"event","event":"PeerExi')
    assert kinds(read_events(tmp_path)) == ["run", "PeerExited"] * 2


def test_each_event_is_one_whole_write(
    tmp_path: Path, training: PreparedTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = EventLog(RunDirectory(tmp_path), training)
    sizes = []
    for incarnation in range(1, 4):
        log.on_event(exited(incarnation))
        content = (tmp_path / "events.jsonl").read_bytes()
        assert content.endswith(b"\n")
        sizes.append(content.count(b"\n"))
    assert sizes == [2, 3, 4]


def test_records_of_the_future_are_returned_and_what_is_no_record_is_left_out(tmp_path: Path) -> None:
    lines = ['{"type": "future", "a": 1}', "[" * 100_000, "3", "{}", '{"type": 3}', "9" * 10_000, "\x00", ""]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    assert read_events(tmp_path) == [{"type": "future", "a": 1}]


def test_a_run_of_before_has_no_events(tmp_path: Path) -> None:
    assert read_events(tmp_path) == []


def test_a_folder_in_its_place_is_named(tmp_path: Path, training: PreparedTraining) -> None:
    (tmp_path / "events.jsonl").mkdir()
    with pytest.raises(DataError, match=r"events\.jsonl, got a folder"):
        read_events(tmp_path)
    with pytest.raises(ConfigError, match=r"events\.jsonl, got a folder"):
        EventLog(RunDirectory(tmp_path), training)


def epoch(number: int) -> EpochFinished:
    return EpochFinished(number, number + 1, 0.5, 0.25, {"accuracy": 0.5}, 0.1, time=float(number))


def test_a_long_run_has_a_bounded_file_that_says_where_it_has_no_more_room(
    tmp_path: Path, training: PreparedTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "ROOM", 10_000)
    log = EventLog(RunDirectory(tmp_path), training)
    for number in range(1000):
        log.on_event(epoch(number))
    log.on_event(exited())
    log.on_event(Finished(1000, time=1000.0))
    log.close()
    records = read_events(tmp_path)
    (limit,) = [record for record in records if record["type"] == "limit"]
    epochs = [record for record in records if record.get("event") == "EpochFinished"]
    assert limit == {"type": "limit", "about": "normal operation", "time": len(epochs)}
    assert 40 < len(epochs) < 100
    assert kinds(records)[-2:] == ["PeerExited", "Finished"]
    assert (tmp_path / "events.jsonl").stat().st_size < 12_000


def test_a_storm_of_failures_keeps_the_first_and_the_last(
    tmp_path: Path, training: PreparedTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "ROOM", 10_000)
    log = EventLog(RunDirectory(tmp_path), training)
    for incarnation in range(1, 1001):
        log.on_event(exited(incarnation))
    log.on_event(epoch(0))
    log.close()
    log.close()
    records = read_events(tmp_path)
    incarnations = [each["incarnation"] for each in records if each.get("event") == "PeerExited"]
    first = len(incarnations) - LAST
    assert incarnations == [*range(1, first + 1), *range(1001 - LAST, 1001)]
    assert kinds(records)[first + 1] == "limit"
    size = (tmp_path / "events.jsonl").stat().st_size
    EventLog(RunDirectory(tmp_path), training).on_event(exited(7))
    assert (tmp_path / "events.jsonl").stat().st_size < size + 1500, "a resume has no room of its own"


def test_a_disk_that_is_full_at_the_end_changes_nothing(
    tmp_path: Path, training: PreparedTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "ROOM", 0)
    log = EventLog(RunDirectory(tmp_path), training)
    log.on_event(exited())
    (tmp_path / "events.jsonl").unlink()
    (tmp_path / "events.jsonl").mkdir()
    log.close()


def test_the_costs_of_steps_are_not_written(tmp_path: Path, training: PreparedTraining) -> None:
    log = EventLog(RunDirectory(tmp_path), training)
    log.on_event(StepFinished(0, 0, 0.5, 4))
    assert kinds(read_events(tmp_path)) == ["run"]


TEXTS = st.text(max_size=30)
EVENTS = st.one_of(
    st.builds(PeerExited, st.builds(Address, TEXTS), TEXTS, st.integers(1), TEXTS, st.booleans(), TEXTS, TEXTS),
    st.builds(PeerStarted, st.builds(Address, TEXTS, st.integers(0)), TEXTS, st.integers(1), time=st.floats(0, 1e9)),
    st.builds(
        EpochFinished, st.integers(0), st.integers(0), st.floats(), st.floats(), st.dictionaries(TEXTS, st.floats())
    ),
)


@given(EVENTS)
def test_every_event_is_json_of_one_line(event: Event) -> None:
    def finite(name: str) -> Mapping[str, Any]:
        raise AssertionError(f"{name} is no JSON")

    line = json.dumps(record_of(event))
    assert "\n" not in line
    record = json.loads(line, parse_constant=finite)
    assert (record["type"], record["event"], record["time"]) == ("event", type(event).__name__, event.time)
    if isinstance(event, EpochFinished):
        assert record["train_cost"] == (event.train_cost if math.isfinite(event.train_cost) else None)
    else:
        assert record["address"] == str(event.address)  # type: ignore[attr-defined]


def test_a_text_of_any_length_is_cut() -> None:
    assert len(json.dumps(record_of(PeerExited(Address("trainer"), "trainer", 1, "x" * 10**6)))) < 30_000
