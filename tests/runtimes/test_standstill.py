"""A run that stands still ends on every host, and no other does: not while peers are killed, stopped, slow or done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from annex_actors.base.types import Array
from annex_actors.base.user_files import run_user_file
from annex_actors.protocol.events import EpochFinished, StepFinished
from annex_actors.protocol.routing import READER, stage_address
from annex_actors.runtimes import (
    InlineRuntime,
    ProcessesRuntime,
    Runtime,
    SchedulersRuntime,
    StandstillError,
    Supervision,
    ThreadsRuntime,
)
from annex_actors.runtimes.hosting import watchdog
from annex_actors.runtimes.hosting.job import HostedJob
from annex_actors.runtimes.hosting.standstill import Surveyor
from annex_actors.runtimes.hosting.watchdog import Watchdog
from annex_actors.runtimes.simulated import SimulatedRuntime
from annex_actors.schedules.table import discipline
from annex_actors.testing.small_runs import asked, expected_outputs, prediction, some_inputs
from tests.kills import KILLS_THREADS
from tests.leaks import nothing_left
from tests.runtimes.processes.jobs import process_of
from tests.tables import restored
from tests.trainings import ArraySource, Training, When, carry_out, fingerprints, finish, supervised, undisturbed

TRAINING = Training(microbatches=3)
LONG = Training(microbatches=3, epochs=6)

PARALLEL: list[Runtime] = [ThreadsRuntime(), SchedulersRuntime(), ProcessesRuntime(spares=0)]
ALL: list[Runtime] = [InlineRuntime(), SimulatedRuntime(), *PARALLEL]


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    with nothing_left():
        yield


class Surveys:
    """Surveys all peers every few milliseconds, whether the run is quiet or not, and counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._begun = threading.Semaphore(0)
        begin = Surveyor.begin

        def counted(surveyor: Surveyor) -> None:
            begin(surveyor)
            self._begun.release()

        monkeypatch.setattr(watchdog, "MAX_INTERVAL_S", 0.002)
        monkeypatch.setattr(Watchdog, "is_time_to_ask", lambda self: True)
        monkeypatch.setattr(Surveyor, "begin", counted)

    def wait_for(self, count: int) -> None:
        """Wait until so many more have begun."""
        for _ in range(count):
            assert self._begun.acquire(timeout=60)


@pytest.fixture
def surveys(monkeypatch: pytest.MonkeyPatch) -> Surveys:
    return Surveys(monkeypatch)


STUCK = """
from dataclasses import replace
from annex_actors import W, register_schedule
from annex_actors.schedules.table import discipline

register_schedule(replace(discipline("1f1b"), name="stuck", gate=lambda work, at: work is not W or at.s != 2))
"""


@pytest.mark.parametrize("in_files", [False, True], ids=["in memory", "in files"])
@pytest.mark.parametrize("host", ALL, ids=lambda each: each.name)
def test_a_schedule_of_your_own_that_stands_still_ends_the_run(
    host: Runtime, in_files: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored(monkeypatch)
    file = tmp_path / "stuck.py"
    file.write_text(STUCK)
    run_user_file(file)
    stages = tuple(replace(spec, discipline=discipline("stuck")) for spec in TRAINING.stage_specs())
    with pytest.raises(StandstillError) as caught:
        program = replace(TRAINING, in_files=in_files).program(load=(str(file),))
        carry_out(replace(program, stages=stages), host, TRAINING.initial)
    assert str(caught.value) == (
        "the run stands still: trainer waits for the cost of step 1; "
        "layer 0 dense:6 and layer 1 relu wait for the gradient of step 1 microbatch 0; "
        "layer 2 dropout:0.3 waits for schedule stuck to allow weight gradient of step 0; "
        "layer 3 dense:3 and layer 4 softmax_cross_entropy wait for the activation of step 1 microbatch 0"
    )


@KILLS_THREADS
@pytest.mark.parametrize("in_files", [False, True], ids=["in memory", "in files"])
@pytest.mark.parametrize("host", PARALLEL, ids=lambda each: each.name)
def test_kills_and_surveys_at_any_time_end_no_run(host: Runtime, in_files: bool, surveys: Surveys) -> None:
    peers = [*map(stage_address, range(5)), *([READER] * 3 if in_files else [])]
    random, jobs, ready = Random(host.name), list[HostedJob](), threading.Event()

    def kill() -> None:
        ready.wait()
        peer = jobs[0].peer(random.choice(peers))
        if peer is not None:
            peer.kill()

    program = replace(LONG, in_files=in_files).program(
        observers=[When(lambda event: isinstance(event, StepFinished), kill)],
        supervision=Supervision(max_restarts=10**6),
    )
    jobs.append(supervised(program, host))
    ready.set()
    checkpoint = finish(jobs[0], program, LONG.initial)
    assert jobs[0].restarts
    assert fingerprints(checkpoint) == undisturbed(LONG).fingerprints


@pytest.mark.parametrize("host", PARALLEL, ids=lambda each: each.name)
def test_a_trainer_that_thinks_for_long_is_no_standstill(host: Runtime, surveys: Surveys) -> None:
    def think(history: tuple[EpochFinished, ...]) -> bool:
        surveys.wait_for(20)
        return False

    outcome = carry_out(TRAINING.program(halt=think), host, TRAINING.initial)
    assert outcome.fingerprints == undisturbed(TRAINING).fingerprints


@pytest.mark.parametrize("host", [ThreadsRuntime(), SchedulersRuntime()], ids=lambda each: each.name)
def test_a_reader_that_reads_for_long_is_no_standstill(
    host: Runtime, surveys: Surveys, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, read = replace(TRAINING, in_files=True).program(), ArraySource.read

    def slowly(source: ArraySource, rows: Array) -> Array:
        surveys.wait_for(3)
        return read(source, rows)

    monkeypatch.setattr(ArraySource, "read", slowly)
    outcome = carry_out(program, host, TRAINING.initial)
    assert outcome.fingerprints == undisturbed(TRAINING).fingerprints


@pytest.mark.parametrize("host", PARALLEL, ids=lambda each: each.name)
def test_a_run_that_has_finished_and_is_not_closed_is_no_standstill(host: Runtime, surveys: Surveys) -> None:
    program = TRAINING.program()
    job = supervised(program, host)
    job.wait()
    surveys.wait_for(20)
    assert not job.failed
    assert fingerprints(finish(job, program, TRAINING.initial)) == undisturbed(TRAINING).fingerprints


def test_a_process_that_is_stopped_for_a_while_is_no_standstill(surveys: Surveys) -> None:
    jobs, ready, over = list[HostedJob](), threading.Event(), threading.Event()

    def stop_for_a_while() -> None:
        ready.wait()
        if not over.is_set():
            process = process_of(job, stage_address(1))
            process.suspend()
            surveys.wait_for(50)
            process.resume()
            over.set()

    def hold(history: tuple[EpochFinished, ...]) -> bool:
        over.wait(60)
        return False

    program = TRAINING.program(
        observers=[When(lambda event: isinstance(event, StepFinished), stop_for_a_while)], halt=hold
    )
    job = supervised(program, ProcessesRuntime(spares=0))
    jobs.append(job)
    ready.set()
    checkpoint = finish(job, program, TRAINING.initial)
    assert job.restarts == 0
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints


@KILLS_THREADS
@pytest.mark.parametrize("host", PARALLEL, ids=lambda each: each.name)
def test_a_predictor_that_is_not_asked_is_no_standstill_whatever_dies(host: Runtime, surveys: Surveys) -> None:
    run, inputs = prediction(supervision=Supervision(max_restarts=10**6)), some_inputs(600)
    with closing(supervised(run, host)) as job:
        for question in range(4):
            surveys.wait_for(20)
            assert np.array_equal(asked(job, run, inputs, 3 * question), expected_outputs(inputs))
            peer = job.peer(run.peers[question].address)
            if peer is not None:
                peer.kill()
        surveys.wait_for(20)
        assert not job.failed


@pytest.mark.parametrize("host", ALL, ids=lambda each: each.name)
def test_a_prediction_that_is_lost_ends_the_run(host: Runtime) -> None:
    run = prediction()
    deaf = tuple(replace(spec, run="another") if spec is run.stages[2] else spec for spec in run.stages)  # type: ignore[type-var]
    run = replace(run, stages=deaf)
    with (
        closing(host.start(run)) as job,
        pytest.raises(StandstillError, match="the run stands still: predictor waits for the outputs of a prediction"),
    ):
        asked(job, run, some_inputs(3))
