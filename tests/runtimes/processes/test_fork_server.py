"""The fork server may be stopped, killed or missing: the run goes on to the same bits, or says why it cannot start."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import ProcessesRuntime, RunFailedError
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.runtimes.hosting.workers import start_limit
from annex_actors.runtimes.hosting.workers.control_messages import Stop
from annex_actors.runtimes.processes import fork_server_process, spare_workers
from annex_actors.runtimes.processes.fork_server_process import ForkServerProcess
from annex_actors.runtimes.processes.worker_process import WorkerProcess
from supervisors import Backoff
from tests.runtimes.processes.jobs import TRAINING, process_of, struck
from tests.trainings import carry_out, fingerprints, undisturbed


def the_fork_server() -> psutil.Process:
    (only,) = psutil.Process().children()
    return only


@pytest.mark.parametrize("disturb", [psutil.Process.kill, psutil.Process.terminate, psutil.Process.suspend])
def test_a_fork_server_that_is_killed_or_stopped_before_a_layer_dies_changes_nothing(
    disturb: Callable[[psutil.Process], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spare_workers, "START_S", 3.0)

    def strike(job: SupervisedJob) -> None:
        disturb(the_fork_server())
        process_of(job, stage_address(1)).kill()

    checkpoint, _, job = struck(strike)
    assert job.restarts == 1
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGINT])
def test_fork_servers_that_are_killed_at_their_very_start_are_replaced(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_limit, "PAUSES", Backoff(0.0, 0.0))
    left = 5

    def killed(*arguments: Any, **settings: Any) -> subprocess.Popen[bytes]:
        nonlocal left
        process = subprocess.Popen(*arguments, **settings)
        if left:
            left -= 1
            process.send_signal(number)
        return process

    monkeypatch.setattr(fork_server_process, "Popen", killed)
    outcome = carry_out(TRAINING.program(), ProcessesRuntime(spares=0), TRAINING.initial)
    assert left == 0
    assert outcome.fingerprints == undisturbed(TRAINING).fingerprints


def test_a_fork_server_that_does_not_start_is_reported_with_what_it_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server_process, "_BOOTSTRAP", "raise SystemExit('no fork server, {requests} {lifeline}')")
    with pytest.raises(RunFailedError, match=r"the run did not start: .* ended with exit code 1.* It wrote: no f"):
        ProcessesRuntime(spares=0).start(TRAINING.program())
    assert psutil.Process().children() == []


# One process


@pytest.fixture
def server() -> Iterator[ForkServerProcess]:
    made = ForkServerProcess(60.0)
    yield made
    made.close()
    made.close()
    assert psutil.Process().children() == []


def test_a_worker_is_no_child_of_the_supervising_process_and_inherits_nothing_but_its_own(
    server: ForkServerProcess,
) -> None:
    one, two = WorkerProcess("one", server), WorkerProcess("two", server)
    for process in (one, two):
        assert process.ready.wait(60)
        assert psutil.Process(process.pid).parent() == the_fork_server()
        assert os.getpgid(process.pid) == process.pid
    count = len(os.listdir(f"/proc/{one.pid}/fd"))
    assert len(os.listdir(f"/proc/{two.pid}/fd")) == count < 10
    for process in (one, two):
        process.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_the_signal_that_ended_a_worker_is_known(server: ForkServerProcess, number: signal.Signals) -> None:
    process = WorkerProcess("one", server)
    assert process.ready.wait(60)
    process.signal(number)
    assert process.wait(60)
    assert process.exit_code == -number
    process.signal(number)  # does nothing
    process.close()


def test_a_ctrl_c_at_the_very_start_of_a_worker_does_nothing(server: ForkServerProcess) -> None:
    process = WorkerProcess("one", server)
    process.signal(signal.SIGINT)
    assert process.ready.wait(60)
    assert not process.gone
    process.close()


@pytest.mark.parametrize("disturb", [psutil.Process.kill, psutil.Process.suspend])
def test_a_worker_outlives_its_fork_server_and_its_end_is_known_all_the_same(
    server: ForkServerProcess, disturb: Callable[[psutil.Process], None]
) -> None:
    process = WorkerProcess("one", server)
    assert process.ready.wait(60)
    disturb(the_fork_server())
    assert not process.wait(0)
    process.send(Stop())
    assert process.wait(60)
    assert process.error() is None
    process.close()


def test_a_fork_server_that_was_stopped_for_long_goes_on(server: ForkServerProcess) -> None:
    ended, other = WorkerProcess("one", server), WorkerProcess("two", server)
    assert ended.ready.wait(60)
    the_fork_server().suspend()
    ended.close()
    the_fork_server().resume()
    other.signal(signal.SIGSEGV)
    assert other.wait(60)
    assert other.exit_code == -signal.SIGSEGV
    other.close()


def test_a_system_without_another_process_is_named_and_the_fork_server_goes_on(
    server: ForkServerProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    flag = tmp_path / "full"
    bootstrap = fork_server_process._BOOTSTRAP
    failing = f"""import os
fork = os.fork
def failing():
    if os.path.exists({str(flag)!r}):
        raise BlockingIOError(11, "no more")
    return fork()
os.fork = failing
"""
    monkeypatch.setattr(fork_server_process, "_BOOTSTRAP", failing + bootstrap)
    flag.touch()
    with pytest.raises(BlockingIOError):
        WorkerProcess("one", server)
    flag.unlink()
    process = WorkerProcess("two", server)
    assert process.ready.wait(60)
    process.close()


def test_workers_draw_different_numbers_without_a_key(server: ForkServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import os, numpy, random\nprint(numpy.random.rand(), random.random(), flush=True)\nprint(os.getpid())\n"
    )
    processes = [WorkerProcess("one", server, (str(file),)) for _ in range(2)]
    assert all(process.ready.wait(60) for process in processes)
    one, two = (process.output().split() for process in processes)
    assert len({*one, *two}) == 6
    for process in processes:
        process.close()
