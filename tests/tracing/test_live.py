"""A look at a job that goes on sees its newest moments; without a look, nothing is recorded."""

from __future__ import annotations

import threading

import numpy as np

from annex_actors.protocol.events import Event, StepFinished
from annex_actors.runtimes import ThreadsRuntime
from annex_actors.runtimes.tracing.layout import RECORD
from annex_actors.runtimes.tracing.scope import Scope
from annex_actors.runtimes.tracing.tracing import Tracing, activated
from annex_actors.tracing.live import EXPIRES_S, LiveTrace
from annex_actors.training.traced import traced
from tests.trainings import Training, fingerprints, finish, undisturbed

TRAINING = Training(epochs=40)


class Gate:
    """Holds an observer up at a step until the test goes on; the run itself does not wait."""

    def __init__(self) -> None:
        self.reached = threading.Event()

    def on_event(self, event: Event) -> None:
        if isinstance(event, StepFinished) and event.step == 2:
            self.reached.set()


def test_a_look_sees_work_messages_and_waits_and_changes_no_bit() -> None:
    gate = Gate()
    tracing = Tracing(Scope(is_kept=False), None)
    with activated(tracing):
        program = traced(TRAINING.program(observers=[gate]), ThreadsRuntime())
        assert program.trace is not None
        looking = LiveTrace(program.trace)
        rows = looking.rows()
        assert rows == []
        job = ThreadsRuntime().start(program)
        gate.reached.wait(30)
        while not rows:
            program.trace.read()
            rows = looking.rows()
        checkpoint = finish(job, program, TRAINING.initial)
    assert {row["type"] for row in rows} == {"work", "message", "idle"}
    assert {row["peer"] for row in rows if row["type"] == "work"} >= {"stage-0", "stage-1", "trainer"}
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints


def test_nothing_is_recorded_without_a_look_or_when_the_last_one_is_long_ago() -> None:
    tracing = Tracing(Scope(is_kept=False), None)
    with activated(tracing):
        program = traced(TRAINING.program(), ThreadsRuntime())
        assert program.trace is not None
        seen: list[int] = []
        finish(ThreadsRuntime().start(program), program, TRAINING.initial)
        program.trace.listen(lambda header, records: seen.append(len(records)))
        program.trace.read()
    # What a peer does before its first step is finished may be recorded; of the 120 steps after it, nothing is.
    assert sum(seen) < 10 * len(program.peers)


def test_a_look_that_is_not_repeated_expires() -> None:
    with activated(Tracing(Scope(is_kept=False), None)):
        program = traced(TRAINING.program(), ThreadsRuntime())
        assert program.trace is not None
        looking = LiveTrace(program.trace)
        looking.rows()
        assert program.trace.is_watched
        looking._looked -= 2 * EXPIRES_S
        looking._add({}, np.empty(0, RECORD))
        assert not program.trace.is_watched
