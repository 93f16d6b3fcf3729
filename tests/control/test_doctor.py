"""The doctor finds what is really wrong: real signals, real loops, real floods."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from annex_actors.control import diagnosis
from annex_actors.control.client import Client
from annex_actors.control.current import await_restart
from annex_actors.control.findings import Diagnosis, Verdict
from annex_actors.protocol.messages import Envelope
from annex_actors.protocol.routing import stage_address
from tests.control.patients import ILL, Blocking, Slow, Spinning, illness, with_layer
from tests.control.running import Running, running
from tests.kills import KILLS_THREADS
from tests.protocol.messages import forward
from tests.trainings import Training, fingerprints, undisturbed

pytestmark = KILLS_THREADS

TRAINING = Training(microbatches=2, epochs=3)
LONG = Training(microbatches=2, epochs=2000)
"""Far more steps than an examination takes."""

MANY = 1000

RUNTIMES = ["threads", "schedulers", "processes"]


def verdicts(found: Diagnosis) -> dict[str, Verdict]:
    return {actor.id: actor.verdict for actor in found.actors if actor.verdict != "fine"}


def examined(folder: Path) -> Diagnosis:
    with Client(folder) as client:
        return client.doctor()


def wait_until_ill(run: Running) -> None:
    while (
        not (beats := run.job.heartbeats(ILL)) or beats[-1].began is None or "forward at step 3" not in beats[-1].place
    ):
        time.sleep(0.001)
    while time.monotonic() - (beats[-1].began or time.monotonic()) < 0.3:
        time.sleep(0.001)


def test_an_examination_waits_for_less_than_two_seconds_whatever_does_not_answer() -> None:
    assert diagnosis.WATCH_S + diagnosis.SECOND_ANSWER_S < 1


@pytest.mark.parametrize("host", RUNTIMES)
def test_all_are_fine_in_a_run_that_is(host: str, tmp_path: Path) -> None:
    with running(LONG, host, tmp_path) as run:
        found = examined(tmp_path)
        run.job.halt()
    assert found.fine
    assert [actor.id for actor in found.actors] == [*(f"stage-{number}" for number in range(5)), "trainer"]
    assert all(actor.answer_ms is not None for actor in found.actors)


@pytest.mark.parametrize("host", RUNTIMES)
@pytest.mark.parametrize(("kind", "how"), [(Spinning, "spins"), (Blocking, "blocks")])
def test_a_layer_that_loops_or_blocks_for_ever_hangs_at_a_line(
    host: str, kind: type[Spinning | Blocking], how: str, tmp_path: Path
) -> None:
    with illness(tmp_path) as file, running(with_layer(TRAINING, kind, file), host, tmp_path, file) as run:
        wait_until_ill(run)
        found = examined(tmp_path)
    assert verdicts(found) == {"stage-1": "hangs"}
    ill = found.actors[1]
    assert ill.work == "forward at step 3 microbatch 0"
    assert f"it {how} at " in ill.text
    assert "patients.py:" in ill.text
    assert any("patients.py" in call for call in ill.stack)
    assert fingerprints(run.result.checkpoint) == undisturbed(TRAINING).fingerprints


def test_a_process_that_is_stopped_does_not_answer(tmp_path: Path) -> None:
    with illness(tmp_path) as file, running(with_layer(TRAINING, Blocking, file), "processes", tmp_path, file) as run:
        wait_until_ill(run)
        peer = run.job.peer(ILL)
        assert peer is not None
        assert peer.pid is not None
        process = psutil.Process(peer.pid)
        process.send_signal(signal.SIGSTOP)
        found = examined(tmp_path)
        process.send_signal(signal.SIGCONT)
    assert verdicts(found) == {"stage-1": "does not answer"}
    assert f"process {peer.pid} is stopped" in found.actors[1].text
    assert found.actors[1].answer_ms is None
    assert fingerprints(run.result.checkpoint) == undisturbed(TRAINING).fingerprints


@pytest.mark.parametrize("host", RUNTIMES)
def test_a_mailbox_with_far_more_than_its_schedule_allows_is_full(host: str, tmp_path: Path) -> None:
    """The activations are of steps that are far away, so the stage cannot work on them."""
    with running(LONG, host, tmp_path) as run:
        peer = run.job.peer(ILL)
        assert peer is not None
        for number in range(MANY):
            early = replace(forward(10**6 + number, 0, of=2), run=run.name)
            peer.tell(Envelope(stage_address(0), 1, 0, early))
        found = examined(tmp_path)
        run.job.halt()
    assert verdicts(found) == {"stage-1": "mailbox full"}
    assert (found.actors[1].mailbox or 0) >= MANY


@pytest.mark.parametrize("host", RUNTIMES)
def test_a_layer_that_is_only_slow_is_told_from_one_that_hangs(host: str, tmp_path: Path) -> None:
    with illness(tmp_path) as file, running(with_layer(LONG, Slow, file), host, tmp_path, file) as run:
        while not (beats := run.job.heartbeats(ILL)) or beats[-1].worked < 3:
            time.sleep(0.001)
        found = examined(tmp_path)
        run.job.halt()
    assert verdicts(found) == {"stage-1": "slow"}
    assert "works, but takes" in found.actors[1].text


@pytest.mark.parametrize("host", RUNTIMES)
def test_a_layer_that_is_killed_again_and_again_is_restarting(host: str, tmp_path: Path) -> None:
    with running(LONG, host, tmp_path) as run:
        with Client(tmp_path) as client:
            for _ in range(3):
                assert await_restart(client, client.kill("stage-1")[0]) is not None
        found = examined(tmp_path)
        run.job.halt()
    assert verdicts(found) == {"stage-1": "restarting"}
    assert "ended 3 times in 10 s" in found.actors[1].text
