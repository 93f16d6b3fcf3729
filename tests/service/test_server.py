"""The server as people start it: layers are killed while it answers, and it ends in order."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import psutil
import pytest

from annex_actors import Learner
from annex_actors.base.errors import ConfigError
from annex_actors.cli import main
from annex_actors.data import load
from annex_actors.runs.saved_run import SavedRun
from annex_actors.runtimes import RunFailedError
from annex_actors.service import serve
from tests.kills import KILLS_THREADS

httpx = pytest.importorskip("httpx2")
pytest.importorskip("starlette")

pytestmark = KILLS_THREADS
TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "flowers"
    assert main(["train", "iris", "--epochs", "2", "--quiet", "--run-dir", str(path)]) == 0
    return path


@contextmanager
def served(run: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield a server's process and its address."""
    command = [sys.executable, "-m", "annex_actors", "serve", str(run), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+?(?=/predict)", process.stdout.readline())
            assert found is not None
            yield process, found[0]
        finally:
            process.kill()


def workers(process: psutil.Process) -> list[psutil.Process]:
    """Return the processes of the layers, which a fork server has started."""
    return [worker for fork_server in process.children() for worker in fork_server.children()]


def test_no_request_is_lost_or_answered_wrongly_while_layers_are_killed(run: Path, whole: bool) -> None:
    requests, kills = (1000, 20) if whole else (150, 3)
    random = Random(0)
    inputs = load("iris").test.inputs
    questions = [inputs[first : first + 1 + first % 3] for first in (random.randrange(40) for _ in range(requests))]
    learner = SavedRun.open(run).learner()
    expected = [learner.predict(question).tobytes() for question in questions]
    due = {requests * (index + 1) // (kills + 1) for index in range(kills)}
    killed = 0
    with served(run, "--runtime", "processes") as (process, address), httpx.Client(timeout=TIMEOUT_S) as http:
        server = psutil.Process(process.pid)

        def ask(index: int) -> bytes:
            nonlocal killed
            if index in due:
                victim = random.choice(workers(server))
                victim.kill()
                killed += 1
            reply: Any = http.post(f"{address}/predict", json={"inputs": questions[index].tolist()})
            assert reply.status_code == 200, reply.text
            return np.array(reply.json()["outputs"], np.float32).tobytes()

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(ask, range(requests))) == expected
        assert killed == kills
        assert http.get(f"{address}/health").json()["answered"] == requests
        left = workers(server)
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 0
        assert psutil.wait_procs(left, TIMEOUT_S)[1] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_told_to_stop_ends_in_order(run: Path, number: signal.Signals) -> None:
    with served(run) as (process, address):
        assert httpx.get(f"{address}/health").json()["status"] == "ok"
        process.send_signal(number)
        assert process.wait(TIMEOUT_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == "stopped\n"


def test_a_port_that_is_taken_or_none(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(run) as (_, address):
        taken = address.rpartition(":")[2]
        for port in (taken, "65536", "-1"):
            assert main(["serve", str(run), "--port", port]) == 2
            error = capsys.readouterr().err
            assert error.startswith(f"error: expected a port of this machine that is free, got {port}: ")
            assert error.count("\n") == 1


def test_a_layer_that_fails_again_and_again_ends_the_server_by_its_name(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def failing(_learner: Learner) -> Iterator[Any]:
        def predict(inputs: object) -> None:
            raise RunFailedError("layer 1 (tanh) failed")

        yield predict

    asking: list[threading.Thread] = []

    def ask(address: str) -> None:
        body = {"inputs": [[1.0, 2.0, 3.0, 4.0]]}
        transport = httpx.HTTPTransport(retries=5)
        client = httpx.Client(transport=transport, timeout=TIMEOUT_S)
        asking.append(threading.Thread(target=client.post, args=(f"{address}/predict",), kwargs={"json": body}))
        asking[0].start()

    monkeypatch.setattr(Learner, "serving", failing)
    with pytest.raises(RunFailedError, match="layer 1"):
        serve(SavedRun.open(run).learner(), port=0, most_waiting=4, on_ready=ask)
    asking[0].join(TIMEOUT_S)
    assert not asking[0].is_alive()


def test_without_the_extra_it_is_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = SavedRun.open(run).learner()
    for library in ("uvicorn", "starlette.applications"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, library, None)
            with pytest.raises(ConfigError, match=r"pip install 'annex-actors\[serve\]'"):
                serve(learner, port=0, most_waiting=1, on_ready=lambda address: None)
