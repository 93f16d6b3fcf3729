"""A run is looked at and steered from another process: runs, status, doctor, logs, kill, move and stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from rich.cells import cell_len

from annex_actors.cli import main
from annex_actors.cli.status import actor_table
from annex_actors.control.folders import CONFIG
from annex_actors.control.status import ActorStatus, Status
from annex_actors.runs import run_directory
from tests.cli.commands import printed


@contextmanager
def training(folder: Path, *options: str, run: str = "run", epochs: int = 10**6) -> Iterator[subprocess.Popen[str]]:
    """Start a training, and wait until it has trained an epoch and can be asked, which may be later."""
    words = ["train", "xor", "--epochs", str(epochs), "--run-dir", run, *options]
    program = [sys.executable, "-m", "annex_actors", *words]
    process = subprocess.Popen(program, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("epoch ")
        while process.poll() is None and not (folder / run / "control").exists():
            time.sleep(0.001)
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def status(capsys: pytest.CaptureFixture[str], *run: str) -> Status:
    return Status.model_validate(printed(capsys, "status", *run))


@pytest.mark.parametrize("runtime", ["threads", "schedulers", "processes"])
def test_a_run_is_looked_at_a_layer_killed_and_the_run_stopped(
    runtime: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with training(tmp_path, "--runtime", runtime) as process:
        now = status(capsys, "run")
        assert (now.run, now.pid, now.state, now.runtime) == ("run", process.pid, "running", runtime)
        assert now.epochs == 10**6
        assert main(["status"]) == 0
        assert f"run: running in process {process.pid}" in capsys.readouterr().out
        assert main(["doctor"]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == "fine"
        assert main(["kill", "run", "1"]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "killed layer 1 tanh, incarnation 1",
            "layer 1 tanh is up again, incarnation 2",
        ]
        _move(runtime, capsys)
        assert main(["stop"]) == 0
        assert process.wait(30) == 143
    out = capsys.readouterr().out
    assert "run has ended, interrupted, after step" in out
    last = status(capsys)
    restarts = 3 if runtime == "processes" else 2
    assert (last.state, last.pid, last.restarts, last.actors) == ("interrupted", None, restarts, ())
    assert main(["logs", "run"]) == 0
    events = [line.partition("  ")[2] for line in capsys.readouterr().out.splitlines()]
    assert events[0].startswith(f"the run starts on {runtime}: ")
    assert any(line.startswith("layer 1 tanh ended: killed") for line in events)
    assert "layer 1 tanh is up again, incarnation 2" in events
    layer = [event for event in events if event.startswith("layer 1 tanh ")]
    assert layer[layer.index("layer 1 tanh moves to a thread") + 1] == "layer 1 tanh ended in order"


def _move(runtime: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["move", "run", "1", "thread"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "layer 1 tanh, incarnation 2, moves to a thread",
        "layer 1 tanh is up again, incarnation 3, on a thread",
    ]
    if runtime == "processes":
        line = _output(capsys, "move", "tanh", "process").splitlines()[-1]
        pid = next(each.pid for each in status(capsys).actors if each.label == "layer 1 tanh")
        assert line == f"layer 1 tanh is up again, incarnation 4, in process {pid}"
    else:
        assert main(["move", "1", "process"]) == 2
        assert "expected a kind of worker that the run has, thread, got process; " in capsys.readouterr().err
    for words, message in (
        (["1"], "expected a run, a layer and a worker, got 1 argument"),
        (["trainer", "thread"], "expected a layer or the reader, one of stage-0, "),
        (["1", "cloud"], "expected `worker` to be one of thread, process, got 'cloud'"),
    ):
        assert main(["move", *words]) == 2
        assert message in capsys.readouterr().err


def test_a_run_whose_process_was_killed_is_dead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with training(tmp_path, epochs=10**5) as process:
        process.kill()
        process.wait()
        assert (tmp_path / "run" / "control").exists(), "a kill leaves the socket"
        assert status(capsys).state == "dead"
        [row] = json.loads(_output(capsys, "runs", "--json"))
        assert (row["run"], row["state"], row["dataset"], row["pid"]) == ("run", "dead", "xor", None)
        assert "run is dead: annex-actors resume run" in _output(capsys, "runs")
        assert "its process was killed; annex-actors resume run goes on" in _output(capsys, "doctor", code=1)
        assert main(["stop"]) == 2


def _output(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(list(words)) == code
    return capsys.readouterr().out


def test_a_job_that_is_stopped_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with training(tmp_path) as process:
        process.send_signal(signal.SIGSTOP)
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.001)
        out = _output(capsys, "doctor", "run", code=1)
        assert out.startswith(f"run: process {process.pid}, which works on it, is stopped; kill -CONT {process.pid}")
        found = printed(capsys, "doctor", "run", code=1)
        assert found["fine"] is False


def test_logs_are_followed_until_the_run_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with training(tmp_path, "--crash", "layer=1,step=30", epochs=500) as process:
        assert main(["logs", "-f"]) == 0
        process.wait(30)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.endswith("finished after step 500") for line in lines)
    assert sum(line.endswith("ended in order") for line in lines) == 5
    assert any("InjectedCrash" in line for line in lines)


def test_stop_need_not_wait(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with training(tmp_path) as process:
        assert "run ends once the steps in flight are finished" in _output(capsys, "stop", "--no-wait")
        assert process.wait(30) == 143


def test_where_several_run_one_must_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with training(tmp_path, run="first"), training(tmp_path, run="second") as second:
        assert main(["status"]) == 2
        assert capsys.readouterr().err.startswith("error: expected one run that goes on here, got ")
        assert status(capsys, "second").pid == second.pid
        assert len(json.loads(_output(capsys, "runs", "--json"))) == 2


@pytest.mark.parametrize("command", ["status", "doctor", "logs", "stop"])
def test_without_a_run_one_line_says_so(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command]) == 2
    assert capsys.readouterr().err == "error: expected a run in runs or ., got none; name its folder\n"
    assert main([command, "nowhere"]) == 2
    assert "expected a folder that `annex-actors train` made at nowhere, got none" in capsys.readouterr().err


def test_a_run_that_has_ended_cannot_be_steered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "xor", "--epochs", "2", "--quiet", "--run-dir", "run"]) == 0
    for words in (["stop"], ["kill", "1"], ["move", "1", "thread"], ["doctor"]):
        assert main(words) == 2
        assert capsys.readouterr().err.startswith("error: expected a run that goes on, got run")
    assert status(capsys).state == "finished"
    assert main(["runs", "elsewhere"]) == 0
    assert "no run is in elsewhere" in capsys.readouterr().err


ACTORS = (
    ActorStatus(id="run", parent=None, kind="supervisor", label="rest_for_one", state="waiting", restarts_left=100),
    ActorStatus(id="layers", parent="run", kind="supervisor", label="one_for_one", state="working", restarts_left=99),
    ActorStatus(
        id="stage-4",
        parent="layers",
        kind="layer",
        label="layer 4 softmax_cross_entropy",
        state="working",
        handled=10**6,
        handled_per_second=12345.6,
        busy=0.987,
        mailbox=12,
        work="weight gradient at step 123456 microbatch 12",
        work_seconds=0.001,
        memory_bytes=123 * 2**20,
        uptime=98765.4,
    ),
)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_of_actors_fits_and_leaves_no_actor_out(width: int) -> None:
    lines = actor_table(ACTORS, width)
    assert max(map(cell_len, lines)) <= width
    assert sum("layers (one_for_one)" in line for line in lines) >= 1
    assert any("weights 123456.12" in line for line in lines)
    assert not any(line == "" for line in lines), "no column is continued below"


def test_the_table_says_on_which_worker_a_layer_lives_where_some_have_a_process() -> None:
    layers = [ACTORS[2].model_copy(update={"pid": pid}) for pid in (4362, None)]
    heading, *rows = actor_table(layers, 200)
    at = heading.index("worker")
    assert [row[at:].split()[0] for row in rows] == ["4362", "thread"]
    assert "worker" not in actor_table(layers[1:], 200)[0]


def test_the_table_says_on_which_node_a_layer_lives_where_there_are_several() -> None:
    layers = [ACTORS[2].model_copy(update={"node": node, "pid": None}) for node in ("left", "")]
    heading, *rows = actor_table(layers, 200)
    at = heading.index("node")
    assert [row[at : at + 4].strip() for row in rows] == ["left", ""]
    worker = heading.index("worker")
    assert [row[worker:].split()[0] for row in rows] == ["remote", "thread"]
    assert "node" not in actor_table(layers[1:], 200)[0]


def test_the_config_is_looked_for_where_it_is_written() -> None:
    assert CONFIG == run_directory.CONFIG
