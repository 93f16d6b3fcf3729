from __future__ import annotations

from annex_actors.protocol.events import EpochFinished, PeerStarted, StepFinished
from annex_actors.protocol.routing import stage_address
from annex_actors.runs.run_counts import RunCounts
from supervisors.testing import ManualClock


def step(number: int, samples: int = 10) -> StepFinished:
    return StepFinished(number, 0, cost=0.5, samples=samples)


def test_a_repeated_step_counts_once() -> None:
    clock = ManualClock(100.0)
    counts = RunCounts(clock.monotonic)
    for event in (step(0), step(1), step(1), step(0), step(2)):
        counts.count(event)
    clock.advance(3)
    assert counts.steps == 3
    assert counts.samples_per_second == 10


def test_a_repeated_epoch_is_recorded_once() -> None:
    counts = RunCounts(ManualClock().monotonic)
    assert counts.count(EpochFinished(0, 2, 0.5)) is not None
    assert counts.count(EpochFinished(0, 2, 0.5)) is None
    assert counts.count(EpochFinished(1, 4, 0.4)) is not None
    assert [epoch.epoch for epoch in counts.epochs] == [1, 2]


def test_an_epoch_is_recorded_with_its_throughput_and_the_time_since_the_start() -> None:
    clock = ManualClock(100.0)
    counts = RunCounts(clock.monotonic)
    counts.count(PeerStarted(stage_address(0), "layer 0", 1))
    for epoch in range(2):
        clock.advance(2)
        counts.count(step(epoch, samples=8))
        counts.count(EpochFinished(epoch, epoch + 1, 0.5, 0.6, {"accuracy": 0.75}))
    last = counts.epochs[-1]
    assert last.model_dump() == {
        "epoch": 2,
        "steps": 2,
        "train_cost": 0.5,
        "test_cost": 0.6,
        "metrics": {"accuracy": 0.75},
        "samples_per_second": 4.0,
        "seconds": 4.0,
        "restarts": 0,
    }


def test_only_a_start_after_the_first_is_a_restart() -> None:
    counts = RunCounts(ManualClock().monotonic)
    for incarnation in (1, 2, 3):
        counts.count(PeerStarted(stage_address(0), "layer 0", incarnation))
    counts.count(PeerStarted(stage_address(1), "layer 1", 1))
    assert counts.restarts == 2
