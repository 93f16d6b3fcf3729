"""A trace that nothing keeps is recorded only while something listens."""

from __future__ import annotations

import numpy as np

from annex_actors.protocol.events import Event, StepFinished
from annex_actors.runtimes import InlineRuntime, Program
from annex_actors.runtimes.tracing.kept import Header
from annex_actors.runtimes.tracing.layout import Records
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
