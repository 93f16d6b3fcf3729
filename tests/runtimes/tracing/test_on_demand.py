"""A trace that nothing keeps is recorded only while something listens."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from annex_actors.protocol.events import Event, StepFinished
from annex_actors.protocol.instrument import Instrument, Peer, WorkItem
from annex_actors.runtimes import InlineRuntime, Program
from annex_actors.runtimes.tracing.kept import Header, InMemory
from annex_actors.runtimes.tracing.layout import Records
from annex_actors.runtimes.tracing.recorder import PartRecorder
from annex_actors.runtimes.tracing.scope import Scope
from annex_actors.runtimes.tracing.tracing import JobTrace, Tracing, activated
from annex_actors.training.traced import traced
from tests.trainings import Training, fingerprints, finish, undisturbed

TRAINING = Training(epochs=10)


class Listening:
    """An observer that listens to a trace between two steps."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.trace: JobTrace | None = None
        self.steps: set[int] = set()

    def on_event(self, event: Event) -> None:
        assert self.trace is not None
        if isinstance(event, StepFinished) and event.step == self.first:
            self.trace.listen(self.hear)
        if isinstance(event, StepFinished) and event.step == self.last:
            self.trace.read()
            self.trace.unlisten(self.hear)

    def hear(self, header: Header, records: Records) -> None:
        self.steps |= set(np.unique(records["step"]).tolist())


def run(listening: Listening) -> None:
    with activated(Tracing(Scope(is_kept=False), None)):
        program: Program = traced(TRAINING.program(observers=[listening]), InlineRuntime())
        listening.trace = program.trace
        checkpoint = finish(InlineRuntime().start(program), program, TRAINING.initial)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints


def test_what_happens_between_listen_and_unlisten_is_heard() -> None:
    listening = Listening(7, 14)
    run(listening)
    assert listening.steps >= set(range(9, 14))
    assert not listening.steps & set(range(2, 7)), "before it, nothing was recorded"
    assert not listening.steps & set(range(16, TRAINING.steps)), "and after it neither"


def test_between_two_samples_nothing_of_the_trace_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    worked: set[int] = set()
    asked: list[int] = []
    before, during = PartRecorder.before, PartRecorder.during

    def counted_before(self: PartRecorder, peer: Peer, item: WorkItem | None) -> None:
        worked.add(peer.finished)
        before(self, peer, item)

    def counted_during(self: PartRecorder, finished: int) -> tuple[Instrument, float]:
        asked.append(finished)
        return during(self, finished)

    monkeypatch.setattr(PartRecorder, "before", counted_before)
    monkeypatch.setattr(PartRecorder, "during", counted_during)
    kept = InMemory()
    with activated(Tracing(Scope(length=1, every=20), lambda: kept)):
        program = traced(TRAINING.program(), InlineRuntime())
        checkpoint = finish(InlineRuntime().start(program), program, TRAINING.initial)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert program.trace is not None
    near = [program.trace.scope.is_near(step) for step in range(TRAINING.steps + 1)]
    assert {near[finished] for finished in worked} == {True}
    assert sum(near) < TRAINING.steps / 2
    assert set(kept.records["step"].tolist()) == set(range(0, TRAINING.steps, 20))
    changes = sum(before != after for before, after in pairwise(near))
    assert len(asked) == len(program.peers) * (1 + changes), "whether to record is asked only where that changes"
