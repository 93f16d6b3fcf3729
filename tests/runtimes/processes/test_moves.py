"""Layers that move between processes and threads while they train: the training comes to the same bits."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.placement.worker_kind import WorkerKind
from annex_actors.protocol.events import Event, PeerExited, PeerMoved, PeerStarted, StepFinished
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import READER, TRAINER, stage_address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import ProcessesRuntime, Program, RunFailedError, Supervision
from annex_actors.runtimes.hosting.job import HostedJob, SupervisedJob
from annex_actors.runtimes.hosting.peer_ref import PeerRef
from annex_actors.runtimes.hosting.tree import LAYERS
from annex_actors.runtimes.hosting.workers.worker_child import WorkerRef
from annex_actors.runtimes.processes.commit_logs import CommitLogs
from annex_actors.runtimes.program import Observer
from annex_actors.runtimes.threads import ActorPeer
from annex_actors.stores import MemoryStore
from annex_actors.training.checkpoint import Checkpoint
from supervisors import KILLED
from tests.kills import KILLS_THREADS
from tests.runtimes.processes.jobs import TRAINING, process_of, started, struck
from tests.trainings import Seen, Training, at_every_step, fingerprints, finish, undisturbed

ALL = [spec.address for spec in TRAINING.stage_specs()]
MIDDLE = stage_address(2)


def tour(job: SupervisedJob, address: Address) -> list[type[Any]]:
    """Move a peer about, and return where it was."""
    seen = []
    for worker in ("thread", "process"):
        job.move(address, worker)
        seen.append(type(job.peer(address)))
    return seen


def next_incarnation(job: SupervisedJob, incarnation: int) -> PeerRef:
    """Return an incarnation of the middle layer, once it is up."""
    while (peer := job.peer(MIDDLE)) is None or peer.incarnation < incarnation:
        time.sleep(0.001)
    return peer


def test_every_layer_and_the_reader_move_to_a_thread_and_back() -> None:
    places: dict[Address, list[type[Any]]] = {}

    def strike(job: SupervisedJob) -> None:
        for address in (*ALL, READER):
            places[address] = tour(job, address)

    checkpoint, seen, job = struck(strike, training=replace(TRAINING, in_files=True), max_restarts=0)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert set(map(tuple, places.values())) == {(ActorPeer, WorkerRef)}
    assert len(seen.of(PeerMoved)) == job.restarts == 2 * len(places)
    assert [event for event in seen.of(PeerExited) if not event.orderly] == []


def test_two_neighbours_and_one_that_is_just_restarting_move_at_once() -> None:
    def strike(job: SupervisedJob) -> None:
        process_of(job, MIDDLE).kill()
        for address in ALL[1:4]:
            job.move(address, "thread", block=False)
        job.move(MIDDLE, "thread")
        for address in ALL[1:4]:
            assert isinstance(job.peer(address), ActorPeer)
            job.move(address, "process", block=False)
        for worker in ("process", "process", "thread", "thread"):
            job.move(MIDDLE, worker)

    checkpoint, _, _ = struck(strike)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints


@KILLS_THREADS
def test_a_layer_that_has_moved_is_restarted_where_it_lives_now() -> None:
    def strike(job: SupervisedJob) -> None:
        job.move(MIDDLE, "thread")
        before = job.peer(MIDDLE)
        assert isinstance(before, ActorPeer)
        before.kill()
        assert isinstance(next_incarnation(job, 3), ActorPeer)
        process_of(job, ALL[1]).kill()

    checkpoint, seen, _ = struck(strike)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    deaths = [event.address for event in seen.of(PeerExited) if not event.orderly]
    assert sorted(deaths) == [ALL[1], MIDDLE]
    assert [event.incarnation for event in seen.of(PeerStarted) if event.address == MIDDLE] == [1, 2, 3]


def test_a_move_beside_a_neighbour_that_is_stopped_waits_until_that_has_ended() -> None:
    def strike(job: SupervisedJob) -> None:
        process_of(job, ALL[3]).suspend()
        job.move(MIDDLE, "thread")

    checkpoint, _, _ = struck(strike, hang_seconds=0.5)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints


def test_a_layer_may_begin_on_a_thread_and_keeps_its_own_number_of_blas_threads() -> None:
    worker = {MIDDLE: WorkerKind.THREAD}
    program = replace(TRAINING.program(), workers=worker, own_threads={ALL[1]: 2})
    job = started(program)
    assert isinstance(job.peer(MIDDLE), ActorPeer)
    assert isinstance(job.peer(ALL[0]), WorkerRef)
    with pytest.raises(ConfigError, match=r"expected a layer with 1 BLAS thread, .*, got layer 1 .* 2"):
        job.move(ALL[1], "thread")
    job.move(MIDDLE, "process")
    assert isinstance(job.peer(MIDDLE), WorkerRef)
    job.halt()
    finish(job, program, TRAINING.initial)


def test_predictions_are_sent_to_where_a_layer_lives() -> None:
    """A prediction is sent but once; what is lost is waited for without end."""
    samples, jobs = np.zeros((3, 4), np.float32), list[HostedJob]()

    class Kept(ProcessesRuntime):
        def start(self, program: Program) -> HostedJob:
            jobs.append(super().start(program))
            return jobs[0]

    learner, oracle = TRAINING.learner(Kept(spares=0)), TRAINING.learner("inline")
    learner.checkpoint = oracle.checkpoint = TRAINING.initial
    expected = oracle.predict(samples).tobytes()
    with learner.serving() as predict:
        for worker, address in (("thread", MIDDLE), ("thread", ALL[4]), ("process", MIDDLE), ("thread", ALL[0])):
            jobs[0].move(address, worker, block=False)
            assert predict(samples).tobytes() == expected


class Moves:
    """An observer that moves and kills random layers after random steps, until the run is over."""

    def __init__(self, seed: int, *, kills: bool) -> None:
        self._random = Random(seed)
        self._kills = kills
        self._ready = threading.Event()
        self._job: HostedJob | None = None
        self.moved = 0

    def begin(self, job: HostedJob) -> None:
        self._job = job
        self._ready.set()

    def on_event(self, event: Event) -> None:
        if isinstance(event, StepFinished) and self._random.random() < 0.3:
            self._ready.wait()
            assert self._job is not None
            self._strike(self._job)

    def _strike(self, job: HostedJob) -> None:
        random = self._random
        for address in random.sample(ALL, random.choice((1, 1, 2))):
            peer = job.peer(random.choice(ALL))
            if self._kills and peer is not None and random.random() < 0.5:
                peer.kill()
            try:
                job.move(address, random.choice(("thread", "process")), block=False)
            except ConfigError:  # the run is over
                return
            self.moved += 1


LONG = Training(microbatches=2, epochs=10)

CASES = [
    pytest.param(seed, schedule, marks=[] if (seed, schedule) in ((0, "pipedream"), (1, "1f1b")) else pytest.mark.whole)
    for seed in range(12)
    for schedule in ("1f1b", "pipedream")
]


@KILLS_THREADS
@pytest.mark.parametrize(("seed", "schedule"), CASES)
def test_moves_and_kills_at_random_steps_change_no_bit_of_any_checkpoint(seed: int, schedule: str) -> None:
    training = replace(LONG, schedule=schedule)
    cuts: dict[int, tuple[Snapshot, ...]] = {}

    def on_cut(step: int, cut: tuple[Snapshot, ...], kept: Mapping[int, tuple[Snapshot, ...]]) -> None:
        cuts[step] = cut

    store = MemoryStore(ALL, depth=training.overlap + 1, every=6, on_cut=on_cut)
    moves, seen = Moves(seed, kills=seed % 2 == 1), Seen()
    observers: list[Observer] = [moves, seen]
    supervision = Supervision(max_restarts=1000, max_attempts=1000)
    program = training.program(store=store, observers=observers, supervision=supervision)
    job = started(program)
    moves.begin(job)
    checkpoint = finish(job, program, training.initial)
    assert fingerprints(checkpoint) == undisturbed(training).fingerprints
    assert moves.moved > 0
    expected = at_every_step(training)
    assert len(cuts) > training.steps // 12
    for step, cut in cuts.items():
        made = Checkpoint.of(list(cut), training.initial, expected[step].history)
        assert fingerprints(made) == fingerprints(expected[step])


def test_a_supervisor_that_is_killed_within_a_move_ends_the_run_with_an_error() -> None:
    def strike(job: SupervisedJob) -> None:
        supervisor = job.registry.whereis(LAYERS)
        assert supervisor is not None
        process_of(job, ALL[1]).suspend()  # its end takes a while
        job.move(ALL[1], "thread", block=False)
        supervisor.exit(KILLED)

    with pytest.raises(RunFailedError, match="the layers' supervisor ended: killed"):
        struck(strike)


def test_what_cannot_move_is_refused_with_one_line() -> None:
    messages = list[str]()

    def strike(job: SupervisedJob) -> None:
        for address, worker in ((TRAINER, "thread"), (stage_address(9), "thread"), (MIDDLE, "cloud")):
            with pytest.raises(ConfigError) as refused:
                job.move(address, worker)
            messages.append(str(refused.value))

    _, seen, job = struck(strike)
    assert messages[0].startswith("expected a layer or the reader, one of stage-0, ")
    assert messages[1].endswith("got stage-9, which cannot be moved")
    assert messages[2].startswith("expected `worker` to be one of thread, process, got 'cloud'")
    assert seen.of(PeerMoved) == []
    with pytest.raises(ConfigError, match="one that is over"):
        job.move(MIDDLE, "thread")


def test_a_thread_that_was_abandoned_commits_no_more() -> None:
    logs = CommitLogs(MemoryStore(depth=2), 1)
    logs.open([MIDDLE])
    assert logs.open_here(MIDDLE, 1) is None
    logs.commit(Snapshot(MIDDLE, 1, state="first"), 1)
    logs.open_here(MIDDLE, 2)
    logs.commit(Snapshot(MIDDLE, 2, state="late"), 1)
    last = logs.open_here(MIDDLE, 3)
    assert last is not None
    assert (last.step, last.state) == (1, "first")
    logs.close()
    logs.commit(Snapshot(MIDDLE, 2, state="later"), 3)
