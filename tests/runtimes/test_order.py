"""Every schedule keeps its promises on every runtime, however long each piece of work takes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.protocol.instrument import Instrument, Point
from annex_actors.protocol.messages import WHOLE_STEP
from annex_actors.runtimes import InlineRuntime, Runtime, SchedulersRuntime, ThreadsRuntime
from annex_actors.schedules.discipline import Discipline, Grouping
from annex_actors.schedules.table import DISCIPLINES, discipline
from tests.faults.plans import shuffled
from tests.trainings import Training, carry_out, undisturbed

LETTERS = {Point.FORWARD: "F", Point.BACKWARD: "B", Point.WEIGHT_GRADIENT: "W", Point.COMMIT: "C"}


class Recorder(Instrument):
    """Records the work of every layer in order, and may delay it."""

    def __init__(self, delays: Random | None = None) -> None:
        self.work: dict[int, list[tuple[str, int, int]]] = {}
        self._delays = delays
        self._lock = threading.Lock()

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        """Record the work."""
        if self._delays is not None:
            time.sleep(self._delays.choice((0, 0, 0, 1e-4, 1e-3)))
        if point in LETTERS:
            with self._lock:
                self.work.setdefault(layer, []).append((LETTERS[point], step, microbatch))


@dataclass
class Checked:
    """The order of work at a stage of one layer."""

    row: Discipline
    stage: int
    stages: int
    microbatches: list[int]

    def check(self, work: list[tuple[str, int, int]]) -> None:
        """Check that the order is legal, and that credit, cap and versions are kept."""
        each = self.row.weight_gradients is Grouping.MICROBATCH
        done: dict[str, list[tuple[int, int]]] = {letter: [] for letter in "FBWC"}
        for letter, step, microbatch in work:
            place, m = (step, microbatch), self.microbatches[step]
            committed = len(done["C"])
            if letter == "F":
                assert len(done["F"]) - len(done["B"]) < self.row.credit(self.stage, self.stages, m), "credit"
                deferred = len(done["F"]) - (len(done["W"]) if each else sum(self.microbatches[:committed]))
                assert self.row.cap is None or deferred < self.row.cap(self.stage, self.stages, m), "cap"
                assert step - self.row.lag(self.stage, self.stages) <= committed <= step, "version"
            elif letter == "B":
                assert place in done["F"], "B after F"
                assert self.row.stashes or committed == step
            elif letter == "W":
                assert (step, m - 1 if microbatch == WHOLE_STEP else microbatch) in done["B"], "W after B"
            done[letter].append(place)
        places = [(t, j) for t, m in enumerate(self.microbatches) for j in range(m)]
        steps = [(t, WHOLE_STEP) for t in range(len(self.microbatches))]
        assert done["F"] == done["B"] == places, "each once, in order"
        assert done["W"] == (places if each else steps)
        assert [t for t, _ in done["C"]] == list(range(len(self.microbatches)))


def check_all(training: Training, host: Runtime, recorder: Recorder) -> None:
    outcome = carry_out(training.program(instruments=[recorder]), host, training.initial)
    assert outcome.fingerprints == undisturbed(training).fingerprints
    row, stages = discipline(training.schedule), len(training.placement)
    sizes = [training.batch_size] * training.steps
    last = training.size % training.batch_size
    if last:
        per_epoch = training.steps // training.epochs
        sizes = [last if (t + 1) % per_epoch == 0 else size for t, size in enumerate(sizes)]
    microbatches = [min(training.microbatches, size) for size in sizes]
    assert sorted(recorder.work) == list(range(stages))
    for stage, work in recorder.work.items():
        Checked(row, stage, stages, microbatches).check(work)


@settings(deadline=None, print_blob=True, max_examples=80)
@given(
    schedule=st.sampled_from(sorted(DISCIPLINES)),
    microbatches=st.integers(1, 5),
    batch_size=st.integers(2, 6),
    order=st.integers(0, 2**32),
)
def test_every_schedule_keeps_its_promises_in_any_order_of_events(
    schedule: str, microbatches: int, batch_size: int, order: int
) -> None:
    training = Training(schedule=schedule, microbatches=microbatches, batch_size=batch_size)
    check_all(training, InlineRuntime(shuffled(order)), Recorder())


@settings(deadline=None, print_blob=True, max_examples=25)
@given(
    host=st.sampled_from([ThreadsRuntime(), SchedulersRuntime(), SchedulersRuntime(threads=1)]),
    schedule=st.sampled_from(sorted(DISCIPLINES)),
    microbatches=st.integers(1, 4),
    delays=st.integers(0, 2**32),
)
def test_every_schedule_keeps_its_promises_with_random_delays_on_threads(
    host: Runtime, schedule: str, microbatches: int, delays: int
) -> None:
    training = Training(schedule=schedule, microbatches=microbatches)
    check_all(training, host, Recorder(Random(delays)))


@pytest.mark.parametrize("schedule", DISCIPLINES)
def test_every_schedule_keeps_its_promises_on_threads_and_schedulers(schedule: str) -> None:
    for host in (ThreadsRuntime(), SchedulersRuntime()):
        check_all(Training(schedule=schedule, microbatches=3), host, Recorder())
