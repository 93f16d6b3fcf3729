"""A detached run goes on whatever becomes of its terminal and of what has started it, and ends when it is told to."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from annex_actors.cli import main
from annex_actors.control.current import status_of
from annex_actors.runs.run_lock import holder_of
from annex_actors.runs.saved_run import SavedRun
from tests.cli.commands import printed

TIMEOUT_S = 20.0

TRAIN = [sys.executable, "-m", "annex_actors", "train", "xor", "--epochs", "1000000", "--run-dir", "run", "--detach"]
SHELL = ["sh", "-c", f"{shlex.join(TRAIN)}; sleep 1000"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, and end the run that is left in it."""
    monkeypatch.chdir(tmp_path)
    yield
    pid = holder_of(Path("run"))
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def goes_on() -> int:
    """Check that the run goes on; return its process."""
    first = status_of(Path("run"))
    assert (first.state, first.runtime) == ("running", "schedulers")
    while status_of(Path("run")).step <= first.step:
        time.sleep(0.01)
    assert first.pid is not None
    return first.pid


def check_it_stops() -> None:
    assert main(["stop", "run"]) == 0
    assert SavedRun.open("run").report is not None
    due = time.monotonic() + TIMEOUT_S
    while not (output := Path("run/output.txt").read_text()).splitlines()[-1].startswith("interrupted; "):
        assert time.monotonic() < due, output
        time.sleep(0.01)
    assert "epoch " in output


def read_until(text: bytes, fd: int) -> bytes:
    found = b""
    while text not in found:
        found += os.read(fd, 4096)
    return found


def obey() -> None:
    """Handle signals as a shell of a person does, also where these tests run in the background."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def take_terminal() -> None:
    """Make standard input the terminal that controls this session."""
    obey()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize("with_ctrl_c", [False, True])
def test_a_run_outlives_its_terminal(with_ctrl_c: bool) -> None:
    screen, terminal = pty.openpty()
    shell = subprocess.Popen(
        SHELL, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True, preexec_fn=take_terminal
    )
    os.close(terminal)
    try:
        read_until(b"end it: stop run", screen)
        if with_ctrl_c:
            os.write(screen, b"\x03")
            assert shell.wait(30) == -signal.SIGINT
    finally:
        os.close(screen)
    assert shell.wait(30) in (-signal.SIGHUP, -signal.SIGINT)
    pid = goes_on()
    os.kill(pid, signal.SIGHUP)
    assert goes_on() == pid
    assert psutil.Process(pid).terminal() is None
    check_it_stops()


def test_a_run_outlives_what_has_started_it() -> None:
    shell = subprocess.Popen(SHELL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    with shell:
        assert shell.stdout is not None
        read_until(b"end it: stop run", shell.stdout.fileno())
        os.killpg(shell.pid, signal.SIGKILL)
    goes_on()
    check_it_stops()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--epochs", "0"], "error: expected `epochs` to be an integer >= 1, got 0\n"),
        (["--layers", "dense:2 no"], "error: expected layer 1 to be one of "),
        (["--epochs", "x"], "error: Invalid value for '--epochs'"),
    ],
)
def test_a_mistake_is_reported_before_anything_is_detached(options: list[str], error: str) -> None:
    done = subprocess.run([*TRAIN, *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith(error)
    assert done.stdout == ""
    assert not Path("run").exists()


def test_ctrl_c_before_the_run_has_started_leaves_nothing() -> None:
    Path("slow.py").write_text("import time\nopen('loading', 'w').close()\ntime.sleep(1000)\n")
    words = [*TRAIN, "--load", "slow.py"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=obey)
    while not Path("loading").exists():
        time.sleep(0.01)
    [second] = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in err
    assert not second.is_running()
    assert not Path("run").exists()


def test_the_result_is_that_of_a_run_in_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    expected = printed(capsys, "train", "xor", "--epochs", "20", "--quiet", "--run-dir", "attached")
    words = [*TRAIN[:5], "--epochs", "20", "--run-dir", "run", "--detach", "--json", "--quiet"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    started = json.loads(done.stdout)
    assert (done.returncode, done.stderr, started["run"]) == (0, "", "run")
    while psutil.pid_exists(started["pid"]):
        time.sleep(0.01)
    report = json.loads(Path("run/output.txt").read_text())
    assert {name: report[name] for name in report if name.endswith("sha256")} == {
        name: expected[name] for name in expected if name.endswith("sha256")
    }


def test_a_run_is_resumed_without_the_terminal() -> None:
    assert main(["train", "xor", "--epochs", "2", "--quiet", "--run-dir", "run"]) == 0
    words = [*TRAIN[:3], "resume", "run", "--epochs", "1000000", "--detach"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stdout.startswith("run goes on in process ")
    assert "run goes on from step 2" in done.stderr
    goes_on()
    check_it_stops()
