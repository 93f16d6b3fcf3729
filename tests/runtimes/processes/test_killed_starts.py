"""Processes that are killed before they have work: no message did it, so none is blamed, and nothing changes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from annex_actors.peers.stage import StageSpec
from annex_actors.protocol.events import EpochFinished, PeerExited
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.routing import stage_address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import ProcessesRuntime, Program, RunFailedError, Supervision
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.runtimes.hosting.workers import start_limit
from annex_actors.runtimes.main_guard import IMPORTING
from annex_actors.runtimes.processes import spare_workers
from annex_actors.runtimes.processes.spare_workers import SpareWorkers
from annex_actors.runtimes.processes.worker_process import WorkerProcess
from supervisors import Backoff
from tests.runtimes.processes.jobs import TRAINING, process_of, started, struck
from tests.trainings import When, after_step, carry_out, fingerprints, finish, undisturbed

MANY = 5
"""More than the attempts that a message has."""


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_limit, "PAUSES", Backoff(0.0, 0.0))


class Killer:
    """Kills processes as soon as they are started, ``left`` of them, by these signals in turn."""

    def __init__(self, left: int, signals: Iterable[int]) -> None:
        self.left = left
        self.killed = threading.Semaphore(0)
        self._signals = list(signals)

    def start(self, *arguments: Any) -> WorkerProcess:
        process = WorkerProcess(*arguments)
        if self.left:
            self.left -= 1
            process.signal(self._signals[self.left % len(self._signals)])
            self.killed.release()
        return process


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Killer]:
    def kill(left: int, *signals: int) -> Killer:
        killing = Killer(left, signals or [signal.SIGKILL])
        monkeypatch.setattr(spare_workers, "WorkerProcess", killing.start)
        return killing

    return kill


# Not SIGINT: workers ignore it from the start, as the fork server does.
OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1)


@pytest.mark.parametrize("spares", [0, 2])
def test_processes_that_are_killed_at_the_very_start_are_replaced(killer: Callable[..., Killer], spares: int) -> None:
    killing = killer(3 * MANY, *OUTSIDE)
    outcome = carry_out(TRAINING.program(), ProcessesRuntime(spares=spares), TRAINING.initial)
    assert killing.left == 0
    assert outcome.restarts == 0
    assert outcome.fingerprints == undisturbed(TRAINING).fingerprints


@pytest.mark.parametrize("spares", [0, 2])
def test_processes_and_spares_that_are_killed_in_a_run_are_replaced(killer: Callable[..., Killer], spares: int) -> None:
    killing = killer(0, *OUTSIDE)

    def strike(job: SupervisedJob) -> None:
        killing.left = MANY
        others = {process_of(job, stage_address(stage)).pid for stage in (0, 2, 3, 4)}
        for process in psutil.Process().children(recursive=True):
            if process.pid not in others:
                process.kill()

    checkpoint, seen, job = struck(strike, spares=spares)
    assert killing.left == 0
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert job.restarts == 1
    assert len([event for event in seen.of(PeerExited) if not event.orderly]) == 1


EXITS = """
import os
if {in_worker!r} in os.environ:
    for number in range({times}):
        try:
            open(os.path.join({folder!r}, f"ended-{{number}}"), "x").close()
        except FileExistsError:
            continue
        os._exit(1)
"""


def test_processes_that_end_with_exit_code_1_before_they_have_work_are_replaced(tmp_path: Path) -> None:
    """So ends a Python that a signal interrupts while it starts."""
    file = tmp_path / "mine.py"
    file.write_text(EXITS.format(in_worker=IMPORTING, times=MANY, folder=str(tmp_path)))
    outcome = carry_out(TRAINING.program(load=(str(file),)), ProcessesRuntime(spares=0), TRAINING.initial)
    assert (tmp_path / f"ended-{MANY - 1}").exists()
    assert outcome.fingerprints == undisturbed(TRAINING).fingerprints


@dataclass(frozen=True)
class KilledWhileItStarts(StageSpec):
    """A stage whose processes are killed after they were assigned to it and before it is up, some of them."""

    journal: Path = field(kw_only=True)
    killed: range = field(kw_only=True)
    number: int = field(kw_only=True)

    def node(
        self,
        snapshot: Snapshot | None,
        incarnation: int,
        instrument: Instrument = NO_INSTRUMENT,
        is_due: Callable[[int], bool] = every_step,
    ) -> Node:
        with self.journal.open("ab") as file:
            file.write(b".")
        if self.journal.stat().st_size in self.killed:
            os.kill(os.getpid(), self.number)
            threading.Event().wait()  # another thread may take the signal, a little later
        return super().node(snapshot, incarnation, instrument, is_due)


def with_killed_starts(program: Program, folder: Path, killed: range, number: int = signal.SIGKILL) -> Program:
    """Return a program with such a stage; ``killed`` are the numbers of its starts, from 1."""
    stages = TRAINING.stage_specs()
    values = {each.name: getattr(stages[2], each.name) for each in fields(StageSpec)}
    stage = KilledWhileItStarts(**values, journal=folder / "starts", killed=killed, number=number)
    return replace(program, stages=(*stages[:2], stage, *stages[3:]))


@pytest.mark.parametrize(("first", "number"), [(1, signal.SIGKILL), (2, signal.SIGHUP)])
def test_processes_that_are_killed_before_their_peer_is_up_are_replaced(
    tmp_path: Path, first: int, number: int
) -> None:
    def kill() -> None:
        ready.wait()
        if first > 1:
            process_of(jobs[0], stage_address(2)).kill()
        done.set()

    def hold(history: tuple[EpochFinished, ...]) -> bool:
        done.wait(60)
        return False

    jobs, ready, done = list[SupervisedJob](), threading.Event(), threading.Event()
    program = TRAINING.program(observers=[When(after_step(2), kill)], halt=hold)
    program = with_killed_starts(program, tmp_path, range(first, first + MANY), number)
    jobs.append(started(program))
    ready.set()
    checkpoint = finish(jobs[0], program, TRAINING.initial)
    assert (tmp_path / "starts").stat().st_size >= MANY + first
    assert jobs[0].restarts == first - 1
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints


def test_processes_that_are_killed_before_they_are_assigned_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    left, take = list(range(MANY)), SpareWorkers.take

    def take_and_kill(spares: SpareWorkers) -> WorkerProcess:
        process = take(spares)
        if left:
            left.pop()
            process.kill()
            process.wait()
        return process

    monkeypatch.setattr(SpareWorkers, "take", take_and_kill)
    outcome = carry_out(TRAINING.program(), ProcessesRuntime(spares=0, affinity=True), TRAINING.initial)
    assert left == []
    assert outcome.fingerprints == undisturbed(TRAINING).fingerprints


# The limit

LIMITED = Supervision(max_restarts=3)
TOO_MANY = "the system kills what starts, before it has work: 4 in a row, the last was killed by SIGKILL"


def test_a_system_that_kills_all_that_starts_ends_a_run_at_its_start(killer: Callable[..., Killer]) -> None:
    killer(10**9)
    with pytest.raises(RunFailedError) as caught:
        started(TRAINING.program(supervision=LIMITED))
    assert str(caught.value) == f"layer 0 dense:600: {TOO_MANY}; `max_restarts` allows 3"


def test_a_system_that_kills_each_process_of_a_layer_before_it_is_up_ends_a_run_at_its_start(tmp_path: Path) -> None:
    program = with_killed_starts(TRAINING.program(supervision=LIMITED), tmp_path, range(1, 10**9))
    with pytest.raises(RunFailedError) as caught:
        started(program)
    assert str(caught.value) == f"layer 2 dropout:0.3: {TOO_MANY}; `max_restarts` allows 3"


def test_a_system_that_begins_to_kill_all_that_starts_ends_the_run(killer: Callable[..., Killer]) -> None:
    killing = killer(0)

    def strike(job: SupervisedJob) -> None:
        killing.left = 10**9
        process_of(job, stage_address(1)).kill()

    with pytest.raises(RunFailedError) as caught:
        struck(strike, max_restarts=3)
    assert str(caught.value) == f"layer 1 relu: {TOO_MANY}; `max_restarts` allows 3"


def test_a_run_can_be_closed_while_the_system_kills_all_that_starts(killer: Callable[..., Killer]) -> None:
    killing = killer(0)

    def strike() -> None:
        ready.wait()
        killing.left = 10**9
        process_of(jobs[0], stage_address(1)).kill()
        for _ in range(3):
            killing.killed.acquire(timeout=60)
        done.set()

    jobs, ready, done = list[SupervisedJob](), threading.Event(), threading.Event()
    program = TRAINING.program(
        observers=[When(after_step(2), strike)],
        supervision=Supervision(max_restarts=10**6),
        halt=lambda history: not done.wait(60),
    )
    jobs.append(started(program))
    ready.set()
    assert done.wait(60)
    jobs[0].close()


def test_a_fault_of_the_process_itself_is_named(tmp_path: Path) -> None:
    program = with_killed_starts(TRAINING.program(), tmp_path, range(1, 10**9), signal.SIGSEGV)
    with pytest.raises(RunFailedError) as caught:
        started(program)
    assert str(caught.value) == "layer 2 dropout:0.3: a process did not start: killed by SIGSEGV (3 in a row)"
