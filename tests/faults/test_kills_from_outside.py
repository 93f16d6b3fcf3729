"""Real kills of real threads, at random moments."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from queue import SimpleQueue
from random import Random

import pytest

from annex_actors.protocol.events import PeerExited
from annex_actors.protocol.instrument import Instrument, Point
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import READER, TRAINER, stage_address
from annex_actors.runtimes import Supervision, runtime
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.training.checkpoint import Checkpoint
from supervisors import KILLED, Strategy
from tests.faults.plans import patient
from tests.kills import KILLS_THREADS
from tests.matrix import matrix
from tests.trainings import Seen, Training, fingerprints, supervised, undisturbed

TRAINING = Training(microbatches=3, epochs=3)
# An exception raised in a destructor is reported by Python and not propagated: the actor ends before its next message.
pytestmark = [KILLS_THREADS, pytest.mark.usefixtures("no_thread_is_left")]

NAMES = [*map(stage_address, range(5)), TRAINER]


MOST_WAITS = 10**4
"""More pieces of work than the last step has, in all incarnations of all layers."""


class Killer(Instrument):
    """Kills random peers from a thread of its own, each time after a random piece of work.

    Which instruction the peer executes by then is left to the scheduler. The last step waits for the last kill, so that
    no kill comes too late. `at` runs in threads that may be killed at any instruction, so it takes no lock that Python
    code would have to release.
    """

    def __init__(self, seed: int, kills: int, names: Sequence[Address] = NAMES) -> None:
        self._random = Random(seed)
        self._kills = kills
        self._names = names
        self._signals, self._done = SimpleQueue[None](), SimpleQueue[None]()
        self._hurry = False
        self._thread: threading.Thread | None = None

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        if step == TRAINING.steps - 1:
            self._hurry = True
            self._signals.put(None)
            self._done.get()
        elif self._random.random() < 0.15:
            self._signals.put(None)

    def begin(self, job: SupervisedJob) -> None:
        self._thread = threading.Thread(target=self._run, args=[job])
        self._thread.start()

    def end(self) -> None:
        self._hurry = True
        self._signals.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self, job: SupervisedJob) -> None:
        killed = 0
        while killed < self._kills and not job.failed:
            if not self._hurry:
                self._signals.get()
            ref = job.registry.whereis(self._random.choice(self._names))
            if ref is not None:
                ref.exit(KILLED)
                killed += 1
        for _ in range(MOST_WAITS):
            self._done.put(None)


def with_kills(
    host: str, seed: int, supervision: Supervision, training: Training = TRAINING, names: Sequence[Address] = NAMES
) -> tuple[Checkpoint, Seen]:
    """Return the checkpoint and the events of a training with kills."""
    killer, seen = Killer(seed, kills=12, names=names), Seen()
    program = training.program(instruments=[killer], supervision=supervision, observers=[seen])
    job = supervised(program, runtime(host))
    killer.begin(job)
    try:
        job.wait()
    finally:
        killer.end()
        job.close()
    return Checkpoint.gather(program.store, training.saved_stages, TRAINING.initial), seen


@pytest.mark.parametrize("host", ["threads", "schedulers"])
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("seed", matrix(range(60), sample=8, id=str))
def test_random_kills_of_threads_change_nothing(seed: int, strategy: Strategy, host: str) -> None:
    checkpoint, seen = with_kills(host, seed, patient(strategy))
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert any(event.reason == "killed" for event in seen.of(PeerExited)), "no kill has reached a peer"


@pytest.mark.parametrize("host", ["threads", "schedulers"])
@pytest.mark.parametrize("names", [[READER], [READER, TRAINER], [*NAMES, READER]], ids=["it", "both", "all"])
@pytest.mark.parametrize("seed", matrix(range(60), sample=4, id=str))
def test_random_kills_of_the_reader_and_of_others_change_nothing(seed: int, names: list[Address], host: str) -> None:
    checkpoint, seen = with_kills(host, seed, patient(), replace(TRAINING, in_files=True), names)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert any(event.reason == "killed" for event in seen.of(PeerExited)), "no kill has reached a peer"
