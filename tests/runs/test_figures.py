"""Figures are of when it happened, never of when an observer heard of it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from annex_actors.protocol.events import EpochFinished, Event, Finished, PeerStarted, StepFinished
from annex_actors.protocol.routing import TRAINER
from annex_actors.runs.records import EpochRecord
from annex_actors.runs.run_counts import RunCounts
from annex_actors.runtimes import clock
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.runtimes.simulated import SimulatedRuntime
from annex_actors.training.result import Result
from supervisors.testing import ManualClock
from tests.trainings import Training

EPOCHS = 3


class Counting:
    """An observer that counts, as the metrics and the progress do."""

    def __init__(self) -> None:
        self.counts = RunCounts()
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)
        self.counts.count(event)

    @property
    def records(self) -> list[EpochRecord]:
        return self.counts.epochs


class InOneBunch(Counting):
    """An observer that hears nothing until the run is over, and then takes long over each event."""

    def __init__(self, over: threading.Event, manual: ManualClock | None = None) -> None:
        super().__init__()
        self._over = over
        self._manual = manual

    def on_event(self, event: Event) -> None:
        self._over.wait()
        if self._manual is not None:
            self._manual.advance(1000)
        super().on_event(event)


class AtTheEnd:
    """An observer that sets an event when the run is over."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def on_event(self, event: Event) -> None:
        if isinstance(event, Finished):
            self.over.set()


@pytest.fixture
def manual(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """The clock of the hosts, which moves only when told to."""
    moved = ManualClock(100.0)
    monkeypatch.setattr(clock, "now", moved.monotonic)
    return moved


def trained(runtime: str, *observers: Counting | AtTheEnd, manual: ManualClock | None = None) -> Result:
    """Train; each epoch, with its evaluation, takes one second of the manual clock."""
    training = Training()

    def pass_a_second(history: tuple[EpochFinished, ...]) -> bool:
        if manual is not None:
            manual.advance(1.0)
        return False

    learner = training.learner(runtime)
    return learner.train(
        training.dataset, epochs=EPOCHS, batch_size=training.batch_size, observers=observers, halt=pass_a_second
    )


@pytest.mark.parametrize("runtime", ["threads", "schedulers"])
def test_an_observer_that_hears_all_at_the_end_sees_the_true_figures(runtime: str, manual: ManualClock) -> None:
    end = AtTheEnd()
    late = InOneBunch(end.over, manual)
    result = trained(runtime, late, end, manual=manual)
    samples = len(Training().dataset.train)
    assert [record.samples_per_second for record in late.records] == [samples] * EPOCHS
    assert [record.seconds for record in late.records] == [1.0, 2.0, 3.0]
    assert result.seconds == 3.0
    assert result.samples_per_second == samples


@pytest.mark.parametrize("runtime", ["threads", "processes"])
def test_all_observers_of_a_run_see_the_same_figures_however_late_they_are(runtime: str) -> None:
    end, prompt = AtTheEnd(), Counting()
    late = InOneBunch(end.over)
    result = trained(runtime, prompt, late, end)
    assert late.records == prompt.records
    assert all(record.samples_per_second > 0 for record in late.records)
    assert late.records[-1].seconds <= result.seconds


@pytest.mark.parametrize("runtime", ["inline", "threads", "schedulers", "processes"])
def test_every_event_has_the_time_when_it_happened_on_one_clock(runtime: str) -> None:
    seen, began = Counting(), clock.now()
    trained(runtime, seen)
    assert all(began < event.time < clock.now() for event in seen.events)
    ordered = [event.time for event in seen.events if isinstance(event, StepFinished | EpochFinished | Finished)]
    assert ordered == sorted(ordered)
    (trainer,) = [each for each in seen.events if isinstance(each, PeerStarted) and each.address == TRAINER]
    assert trainer.time < ordered[0]


def test_the_figures_of_a_simulation_are_of_its_virtual_clock() -> None:
    seen, training = Counting(), Training(microbatches=2)
    runtime = SimulatedRuntime(CostModel(layers=[LayerTimes(1, 1, 1)] * 9))
    result = training.learner(runtime).train(training.dataset, epochs=2, batch_size=5, observers=[seen])
    again = Counting()
    training.learner(runtime).train(training.dataset, epochs=2, batch_size=5, observers=[again])
    assert seen.records == again.records
    assert seen.records[-1].seconds == result.seconds


def test_events_are_equal_whenever_they_happened() -> None:
    assert StepFinished(0, 0, 0.5, 8, time=1.0) == StepFinished(0, 0, 0.5, 8).at(2.0)
    assert StepFinished(0, 0, 0.5, 8).at(2.0).time == 2.0


def test_a_resumed_run_has_the_rate_of_what_it_trains_itself(tmp_path: Path, manual: ManualClock) -> None:
    training, learner = Training(), Training().learner("threads")
    first = learner.train(training.dataset, epochs=1, batch_size=training.batch_size)
    seen = Counting()

    def pass_a_second(history: tuple[EpochFinished, ...]) -> bool:
        manual.advance(1.0)
        return False

    learner.train(
        training.dataset,
        epochs=2,
        batch_size=training.batch_size,
        resume=first.checkpoint,
        observers=[seen],
        halt=pass_a_second,
    )
    (record,) = seen.records
    assert (record.epoch, record.samples_per_second, record.seconds) == (2, len(training.dataset.train), 1.0)
