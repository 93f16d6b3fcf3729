"""Predictions are served while layers and predictor are really killed: no call is lost, and no bit changes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from annex_actors.base.types import Floats
from annex_actors.protocol.events import Event, PeerStarted
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.runtimes import Job, Program, Runtime, Supervision, runtime
from annex_actors.runtimes.hosting.job import HostedJob
from annex_actors.training.prediction import Predict
from supervisors import Strategy
from tests.kills import KILLS_THREADS
from tests.leaks import nothing_left
from tests.trainings import Training, samples

pytestmark = KILLS_THREADS

TRAINING = Training()
PEERS = [*map(stage_address, range(5)), TRAINER]
SIZES = (1, 3, 256, 300, 1100)
TIMEOUT_S = 60.0


@dataclass
class Reached:
    """A runtime whose job can be reached by a test; ``restarted`` is released whenever a peer is up again."""

    inner: Runtime
    jobs: list[HostedJob] = field(default_factory=list)
    restarted: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def name(self) -> str:
        return self.inner.name

    def start(self, program: Program) -> Job:
        job = self.inner.start(replace(program, observers=(self,)))
        assert isinstance(job, HostedJob)
        self.jobs.append(job)
        return job

    def on_event(self, event: Event) -> None:
        if isinstance(event, PeerStarted) and event.incarnation > 1:
            self.restarted.release()

    def kill(self, address: Address) -> None:
        """Kill a peer; a layer that is a process by SIGKILL, and what is a thread by an exception in it."""
        peer = self.jobs[-1].peer(address)
        if peer is not None:
            peer.kill()

    def await_restart(self) -> None:
        assert self.restarted.acquire(timeout=TIMEOUT_S)


def inputs(count: int) -> Floats:
    return samples(count, TRAINING.cost, seed=5).inputs


@contextmanager
def serving(host: str, strategy: Strategy = Strategy.ONE_FOR_ONE) -> Iterator[tuple[Predict, Reached]]:
    """Serve the initial weights on a runtime that can be reached."""
    reached = Reached(runtime(host))
    learner = TRAINING.learner(reached, Supervision(strategy))
    learner.checkpoint = TRAINING.initial
    with nothing_left(), learner.serving() as predict:
        yield predict, reached


def expected() -> dict[int, bytes]:
    learner = TRAINING.learner()
    learner.checkpoint = TRAINING.initial
    return {count: learner.predict(inputs(count)).tobytes() for count in SIZES}


class Callers:
    """Threads that predict without a pause, until they are told to end."""

    def __init__(self, predict: Predict, threads: int) -> None:
        self._predict = predict
        self._over = threading.Event()
        self._expected = expected()
        self._pool = ThreadPoolExecutor(threads)
        self._calls: list[Future[int]] = [self._pool.submit(self._call, Random(seed)) for seed in range(threads)]

    def _call(self, random: Random) -> int:
        calls = 0
        while not self._over.is_set():
            count = random.choice(SIZES)
            assert self._predict(inputs(count)).tobytes() == self._expected[count]
            calls += 1
        return calls

    def end(self) -> int:
        """Return how many calls were answered, with the expected bits."""
        self._over.set()
        calls = sum(call.result(TIMEOUT_S) for call in self._calls)
        self._pool.shutdown()
        return calls


@pytest.mark.parametrize(
    ("host", "strategy", "kills"),
    [
        ("threads", Strategy.ONE_FOR_ONE, 40),
        ("threads", Strategy.ONE_FOR_ALL, 10),
        ("schedulers", Strategy.ONE_FOR_ONE, 40),
        ("schedulers", Strategy.REST_FOR_ONE, 10),
        ("processes", Strategy.ONE_FOR_ONE, 10),
    ],
)
def test_kills_in_the_middle_of_calls_lose_none_and_change_no_bit(host: str, strategy: Strategy, kills: int) -> None:
    random = Random(kills)
    with serving(host, strategy) as (predict, reached):
        callers = Callers(predict, 3)
        for _ in range(kills):
            reached.kill(random.choice(PEERS))
            reached.await_restart()
        assert callers.end() > 0
        assert reached.jobs[0].restarts >= kills


@pytest.mark.parametrize("host", ["threads", "schedulers", "processes"])
@pytest.mark.parametrize("address", [stage_address(0), stage_address(4), TRAINER], ids=str)
def test_a_kill_between_two_calls_is_not_noticed(host: str, address: Address) -> None:
    bits = expected()
    with serving(host) as (predict, reached):
        for count in SIZES[:3]:
            assert predict(inputs(count)).tobytes() == bits[count]
            reached.kill(address)
        reached.await_restart()
