"""Real kills of real threads, at moments that nobody chose."""

from __future__ import annotations

import threading
from random import Random

import pytest

from annex_actors.protocol.events import PeerExited
from annex_actors.protocol.instrument import Instrument, Point
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.runtimes import Supervision, runtime
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.training.checkpoint import Checkpoint
from supervisors import KILLED, Strategy, exit
from tests.faults.plans import patient
from tests.kills import KILLS_THREADS
from tests.matrix import matrix
from tests.trainings import Seen, Training, fingerprints, supervised, undisturbed

TRAINING = Training(microbatches=3, epochs=3)
pytestmark = [KILLS_THREADS, pytest.mark.usefixtures("no_thread_is_left")]

NAMES = [*map(stage_address, range(5)), TRAINER]


class Sniper(Instrument):
    """Kills peers from a thread of its own, whenever a piece of work that chance picked has been done.

    Whom it strikes is chance as well, and how far that one has got meanwhile is the scheduler's secret. The last step
    begins when all shots were fired, so that none comes too late.
    """

    def __init__(self, seed: int, shots: int) -> None:
        self._random = Random(seed)
        self._shots = shots
        self._signals = threading.Semaphore(0)
        self._hurry, self._done = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        if step == TRAINING.steps - 1:
            self._hurry.set()
            self._signals.release()
            self._done.wait()
        elif self._random.random() < 0.15:
            self._signals.release()

    def begin(self, job: SupervisedJob) -> None:
        self._thread = threading.Thread(target=self._snipe, args=[job])
        self._thread.start()

    def end(self) -> None:
        self._hurry.set()
        self._signals.release()
        if self._thread is not None:
            self._thread.join()

    def _snipe(self, job: SupervisedJob) -> None:
        hits = 0
        while hits < self._shots and not job.failed:
            if not self._hurry.is_set():
                self._signals.acquire()
            ref = job.registry.whereis(self._random.choice(NAMES))
            if ref is not None:
                exit(ref, KILLED)
                hits += 1
        self._done.set()


def sniped(host: str, seed: int, supervision: Supervision) -> tuple[Checkpoint, Seen]:
    """Return what a training under fire came to, and what was seen of it."""
    sniper, seen = Sniper(seed, shots=12), Seen()
    program = TRAINING.program(instruments=[sniper], supervision=supervision, observers=[seen])
    job = supervised(program, runtime(host))
    sniper.begin(job)
    try:
        job.wait()
    finally:
        sniper.end()
        job.close()
    stages = [spec.address for spec in program.stages]
    return Checkpoint.gather(program.store, stages, TRAINING.initial), seen


@pytest.mark.parametrize("host", ["threads", "schedulers"])
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("seed", matrix(range(60), sample=8, id=str))
def test_a_training_under_fire_comes_to_the_same(seed: int, strategy: Strategy, host: str) -> None:
    checkpoint, seen = sniped(host, seed, patient(strategy))
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert any(event.reason == "killed" for event in seen.of(PeerExited)), "no shot has hit"
