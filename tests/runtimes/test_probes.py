"""A probe says how a peer does, whatever it is doing; what is stopped does not answer, and that is the finding."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from queue import Empty, SimpleQueue

import psutil
import pytest

from annex_actors.protocol.messages import WHOLE_STEP, Address, Committed, Envelope
from annex_actors.protocol.routing import TRAINER
from annex_actors.runtimes.hosting.job import HostedJob, SupervisedJob
from annex_actors.runtimes.hosting.probed import Probed
from tests.control.patients import ILL, Blocking, Spinning, illness, with_layer
from tests.kills import KILLS_THREADS
from tests.trainings import Training, fingerprints, finish, host_named, supervised, undisturbed

pytestmark = KILLS_THREADS

TRAINING = Training(microbatches=2, epochs=3)
TIMEOUT_S = 30.0


def answer_of(job: HostedJob, address: Address, *, deep: bool = False, timeout_s: float = TIMEOUT_S) -> Probed:
    answers = SimpleQueue[Probed]()
    assert job.probe(address, answers.put, deep=deep)
    return answers.get(timeout=timeout_s)


def wait_until_stuck(job: SupervisedJob) -> None:
    """Wait until the ill layer works on the first microbatch of the step from which it is ill."""
    heartbeat = job.heartbeats(ILL)[-1]
    while heartbeat.began is None or heartbeat.place != "forward at step 3 microbatch 0":
        time.sleep(0.001)


@pytest.mark.parametrize("host", ["threads", "schedulers", "processes"])
@pytest.mark.parametrize("kind", [Spinning, Blocking])
def test_a_layer_that_does_not_come_back_shows_where_it_is(
    host: str, kind: type[Spinning | Blocking], tmp_path: Path
) -> None:
    with illness(tmp_path) as file:
        training = with_layer(TRAINING, kind, file)
        program = training.program()
        job = supervised(program, host_named(host))
        wait_until_stuck(job)
        first, second = answer_of(job, ILL, deep=True), answer_of(job, ILL, deep=True)
        assert any("patients.py" in call and call.endswith("in forward") for call in first.stack), first.stack
        assert first.cpu_s is not None
        assert second.cpu_s is not None
        assert second.cpu_s >= first.cpu_s
        assert answer_of(job, ILL).stack == ()
        file.unlink()
        assert fingerprints(finish(job, program, training.initial)) == undisturbed(TRAINING).fingerprints


@pytest.mark.parametrize("host", ["threads", "schedulers", "processes"])
def test_messages_that_wait_are_counted_wherever_they_wait(host: str, tmp_path: Path) -> None:
    with illness(tmp_path) as file:
        training = with_layer(TRAINING, Blocking, file)
        program = training.program()
        job = supervised(program, host_named(host))
        wait_until_stuck(job)
        before = answer_of(job, ILL).waiting
        peer = job.peer(ILL)
        assert peer is not None
        for _ in range(100):
            peer.tell(Envelope(TRAINER, 1, 0, Committed("run", 0, WHOLE_STEP, WHOLE_STEP)))
        assert 100 <= answer_of(job, ILL).waiting - before <= 110
        file.unlink()
        finish(job, program, training.initial)


def test_a_process_that_is_stopped_does_not_answer_until_it_goes_on(tmp_path: Path) -> None:
    with illness(tmp_path) as file:
        training = with_layer(TRAINING, Blocking, file)
        program = training.program()
        job = supervised(program, host_named("processes"))
        wait_until_stuck(job)
        peer = job.peer(ILL)
        assert peer is not None
        assert peer.pid is not None
        process = psutil.Process(peer.pid)
        process.send_signal(signal.SIGSTOP)
        while process.status() != psutil.STATUS_STOPPED:
            pass
        answers = SimpleQueue[Probed]()
        assert job.probe(ILL, answers.put)
        with pytest.raises(Empty):
            answers.get(timeout=0.2)
        process.send_signal(signal.SIGCONT)
        answers.get(timeout=TIMEOUT_S)
        file.unlink()
        finish(job, program, training.initial)


def test_a_peer_that_shares_a_process_has_no_process_id() -> None:
    program = TRAINING.program()
    job = supervised(program, host_named("threads"))
    peer = job.peer(ILL)
    assert peer is not None
    assert peer.pid is None
    finish(job, program, TRAINING.initial)


def test_a_peer_that_is_not_up_is_not_probed() -> None:
    program = TRAINING.program()
    job = supervised(program, host_named("threads"))
    finish(job, program, TRAINING.initial)
    assert not job.probe(ILL, lambda answer: None)
