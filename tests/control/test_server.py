"""What a run answers on its socket, and that no client can harm it."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.control import place, server
from annex_actors.control.client import Client, NotRunningError
from annex_actors.control.status import ActorStatus, Status
from annex_actors.training.session import Session
from tests.control.patients import ILL, Blocking, illness, with_layer
from tests.control.running import Running, running
from tests.kills import KILLS_THREADS
from tests.leaks import nothing_left
from tests.trainings import Training, fingerprints, undisturbed

pytestmark = KILLS_THREADS

TRAINING = Training(microbatches=2, epochs=3)
RUNTIMES = ["threads", "schedulers", "processes"]


def wait_until_stuck(run: Running) -> None:
    """Wait until the ill layer works on the step from which it is ill."""
    while not (beats := run.job.heartbeats(ILL)) or beats[-1].began is None or "step 3" not in beats[-1].place:
        time.sleep(0.001)


def by_id(status: Status) -> dict[str, ActorStatus]:
    return {actor.id: actor for actor in status.actors}


@pytest.mark.parametrize("host", RUNTIMES)
def test_a_look_shows_the_run_and_the_tree_of_its_actors(host: str, tmp_path: Path) -> None:
    with illness(tmp_path) as file, running(with_layer(TRAINING, Blocking, file), host, tmp_path, file) as run:
        wait_until_stuck(run)
        with Client(tmp_path) as client:
            while client.status().epoch < 1:
                pass  # an event reaches the journal soon after it has happened
            status, again = client.status(), client.status()
    assert (status.run, status.pid, status.state) == (str(tmp_path), os.getpid(), "running")
    assert (status.runtime, status.schedule, status.microbatches) == (host, "1f1b", 2)
    assert (status.epoch, status.epochs, status.step, status.steps) == (1, 3, 3, 9)
    actors = by_id(status)
    assert list(actors) == ["run", "observers", "observer-0", "layers", *(f"stage-{s}" for s in range(5)), "trainer"]
    parents = [actors[actor.parent].kind for actor in status.actors if actor.parent is not None]
    assert set(parents) == {"supervisor"}
    assert (actors["run"].parent, actors["stage-1"].parent, actors["trainer"].parent) == (None, "layers", "run")
    assert (actors["layers"].restarts_used, actors["layers"].restarts_left) == (0, 100)
    ill = actors["stage-1"]
    assert (ill.label, ill.state, ill.incarnation) == ("layer 1 relu", "working", 1)
    assert ill.work == "forward at step 3 microbatch 0"
    assert ill.work_seconds is not None
    assert ill.handled > 0
    assert by_id(again)["stage-1"].busy == pytest.approx(1.0, abs=0.05), "since this viewer's last look"
    assert by_id(again)["stage-1"].handled_per_second == 0.0
    assert actors["stage-2"].state == "waiting"
    assert actors["stage-2"].mailbox == 0
    assert (ill.pid is not None, ill.memory_bytes is not None) == (host == "processes", host == "processes")
    assert fingerprints(run.result.checkpoint) == undisturbed(TRAINING).fingerprints


@pytest.mark.parametrize("host", RUNTIMES)
@pytest.mark.parametrize("actor", ["1", "stage-1", "relu", "layer 1 relu", "trainer"])
def test_an_actor_that_is_killed_is_restarted_and_changes_no_bit(host: str, actor: str, tmp_path: Path) -> None:
    with illness(tmp_path) as file, running(with_layer(TRAINING, Blocking, file), host, tmp_path, file) as run:
        wait_until_stuck(run)
        with Client(tmp_path) as client:
            (killed,) = client.kill(actor)
            while by_id(client.status())[killed.id].incarnation < 2:
                time.sleep(0.01)
            after = by_id(client.status())[killed.id]
    assert killed.id == ("trainer" if actor == "trainer" else "stage-1")
    assert (killed.incarnation, after.incarnation, after.restarts_used) == (1, 2, 1)
    assert [each.incarnation for each in after.exits] == [1]
    assert "killed" in after.exits[0].reason
    assert run.result.restarts == 1
    assert fingerprints(run.result.checkpoint) == undisturbed(TRAINING).fingerprints


def in_replicas(host: str, folder: Path, file: Path) -> AbstractContextManager[Running]:
    """Train with layers 1 and 2 in three replicas."""
    return running(with_layer(TRAINING, Blocking, file), host, folder, file, stages="1,2x3,1")


REPLICAS = ["stage-1", "replica-1-of-stage-1", "replica-2-of-stage-1"]


@pytest.mark.parametrize("host", RUNTIMES)
@pytest.mark.parametrize(
    ("actor", "meant"),
    [
        ("2", REPLICAS),
        ("1:2", REPLICAS[2:]),
        ("1:0", REPLICAS[:1]),
        ("replica-1-of-stage-1", REPLICAS[1:2]),
        ("replica 2", REPLICAS[2:]),
    ],
)
def test_a_layer_is_killed_with_all_its_replicas_and_one_of_them_by_its_number(
    host: str, actor: str, meant: list[str], tmp_path: Path
) -> None:
    with illness(tmp_path) as file, in_replicas(host, tmp_path, file) as run:
        wait_until_stuck(run)
        with Client(tmp_path) as client:
            killed = client.kill(actor)
            while any(by_id(client.status())[each].incarnation < 2 for each in meant):
                time.sleep(0.01)
            incarnations = [by_id(client.status())[each].incarnation for each in REPLICAS]
    assert [each.id for each in killed] == meant
    assert incarnations == [2 if each in meant else 1 for each in REPLICAS]
    assert run.result.restarts == len(meant)
    assert fingerprints(run.result.checkpoint) == undisturbed(TRAINING).fingerprints


def test_a_replica_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with illness(tmp_path) as file, in_replicas("threads", tmp_path, file) as run:
        wait_until_stuck(run)
        with Client(tmp_path) as client:
            with pytest.raises(ConfigError, match=r"among stage-0 .*replica-2-of-stage-1 .*, replica 2.*got '1:3'"):
                client.kill("1:3")
            with pytest.raises(ConfigError, match=r"expected one of stage-1 .*replica-1-of-stage-1 .*got '1'"):
                client.move("1", "thread")
            assert client.move("1:1", "thread").id == "replica-1-of-stage-1"


def test_threads_that_share_a_client_get_their_own_answers(tmp_path: Path) -> None:
    with illness(tmp_path) as file, running(with_layer(TRAINING, Blocking, file), "threads", tmp_path, file) as run:
        wait_until_stuck(run)
        with Client(tmp_path) as client, ThreadPoolExecutor(2) as threads:
            looks = threads.submit(lambda: [client.status() for _ in range(300)])
            for _ in range(300):
                with pytest.raises(ConfigError, match="got 'conv'"):
                    client.kill("conv")
            assert all(isinstance(look, Status) for look in looks.result())


def test_an_actor_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with illness(tmp_path) as file, running(with_layer(TRAINING, Blocking, file), "threads", tmp_path, file) as run:
        wait_until_stuck(run)
        with Client(tmp_path) as client:
            with pytest.raises(ConfigError, match=r"among stage-0 \(layer 0 .*trainer.*got 'conv'"):
                client.kill("conv")
            with pytest.raises(ConfigError, match=r"expected one of stage-0 .*, stage-3 .*got 'dense'"):
                client.kill("dense")
            with pytest.raises(ConfigError, match="got ''"):
                client.kill("")


def test_only_the_user_can_connect_and_the_socket_goes_with_the_run(tmp_path: Path) -> None:
    with running(TRAINING, "threads", tmp_path):
        pass
    with pytest.raises(NotRunningError, match="nothing answers"):
        Client(tmp_path)


def test_the_socket_is_its_users_alone(tmp_path: Path) -> None:
    listening = place.listening(tmp_path, 1)
    assert stat.S_IMODE(os.lstat(tmp_path / place.NAME).st_mode) == 0o600
    listening.close()


def test_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with illness(tmp_path) as file, running(with_layer(TRAINING, Blocking, file), "threads", tmp_path, file):
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
        with Client(tmp_path) as client, pytest.raises((ConfigError, NotRunningError)):
            client.status()
        monkeypatch.undo()
        with Client(tmp_path) as client:
            assert client.status().state == "running"


def test_a_socket_that_a_killed_job_left_is_replaced(tmp_path: Path) -> None:
    place.listening(tmp_path, 1).close()
    assert (tmp_path / place.NAME).exists()
    with pytest.raises(NotRunningError):
        Client(tmp_path)
    blocking = with_layer(TRAINING, Blocking, tmp_path / "ill")
    with illness(tmp_path) as file, running(blocking, "threads", tmp_path, file), Client(tmp_path) as client:
        assert client.status().state == "running"


def test_a_run_goes_on_where_no_socket_can_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / place.NAME).mkdir()
    result = Session(TRAINING.prepared, attendants=[server.ControlServer(tmp_path, runtime="inline")]).run()
    assert fingerprints(result.checkpoint) == undisturbed(TRAINING).fingerprints
    assert "cannot be looked at" in caplog.text
    assert (tmp_path / place.NAME).is_dir(), "what is not the run's is left alone"


def test_a_folder_of_any_depth_has_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40) / ("longer" * 20)
    folder.mkdir(parents=True)
    assert len(str(folder)) > 2 * place.LONGEST
    blocking = with_layer(TRAINING, Blocking, tmp_path / "ill")
    with illness(tmp_path) as file, running(blocking, "threads", folder, file), Client(folder) as client:
        assert client.status().run == str(folder)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"hello\n", "expected a request such as"),
        (b'{"method": "eval"}\n', "expected a request such as"),
        (b'{"method": "status", "code": "1"}\n', "expected a request such as"),
        (b'{"method": "__class__"}\n', "expected a request such as"),
        (b"\xff\xfe\n", "expected a request such as"),
        (b"[" * 3000 + b"\n", "expected a request such as"),
        (b"x" * 10_000, "expected a line of at most"),
    ],
)
def test_what_is_no_request_has_an_error_for_an_answer(sent: bytes, answer: str, tmp_path: Path) -> None:
    with illness(tmp_path) as file, running(with_layer(TRAINING, Blocking, file), "threads", tmp_path, file):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(str(tmp_path / place.NAME))
            raw.sendall(sent)
            line = raw.makefile("rb").readline()
        assert answer in json.loads(line)["error"]


@pytest.mark.parametrize("host", ["threads", "processes"])
def test_clients_that_are_stuck_or_flood_delay_neither_the_run_nor_its_end(host: str, tmp_path: Path) -> None:
    """More clients than are served connect and say nothing, send half a line, or ask and never read."""
    sent = [b"", b'{"method"', b'{"method": "status"}\n' * 500]
    with nothing_left(), ExitStack() as clients:
        with illness(tmp_path) as file, running(with_layer(TRAINING, Blocking, file), host, tmp_path, file):
            for number in range(server.MOST_CLIENTS + 5):
                raw = clients.enter_context(socket.socket(socket.AF_UNIX))
                raw.connect(str(tmp_path / place.NAME))
                raw.setblocking(False)
                with suppress(OSError):  # it was refused
                    raw.sendall(sent[number % 3])
        clients.close()


def test_one_client_too_many_is_told_so(tmp_path: Path) -> None:
    with illness(tmp_path) as file, running(with_layer(TRAINING, Blocking, file), "threads", tmp_path, file):
        clients = [Client(tmp_path) for _ in range(server.MOST_CLIENTS)]
        clients[-1].status()
        with pytest.raises(ConfigError, match="expected at most 16 clients"):
            Client(tmp_path).status()
        for client in clients:
            with client:
                pass


def test_all_requests_together_take_a_small_part_of_a_core(tmp_path: Path) -> None:
    with illness(tmp_path) as file, running(with_layer(TRAINING, Blocking, file), "threads", tmp_path, file):
        with Client(tmp_path) as client:
            client.status()
            began, used = time.monotonic(), time.process_time()
            thread = threading.current_thread()
            for _ in range(20):
                client.status()
            assert thread is threading.current_thread()
            took, used = time.monotonic() - began, time.process_time() - used
        assert used < 0.5 * took, "this thread and the blocked layer included"
