"""Figures of a run are of when its events happened, never of when they are counted: there is no clock here."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from annex_actors.protocol.events import EpochFinished, Event, PeerStarted, StepFinished
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.runs.records import EpochRecord
from annex_actors.runs.run_counts import RunCounts


def step(number: int, time: float = 0.0, samples: int = 10) -> StepFinished:
    return StepFinished(number, 0, cost=0.5, samples=samples, time=time)


def epoch(number: int, time: float = 0.0) -> EpochFinished:
    return EpochFinished(number, 2 * number + 2, 0.5, 0.6, {"accuracy": 0.75}, time=time)


def trainer(time: float, incarnation: int = 1) -> PeerStarted:
    return PeerStarted(TRAINER, "trainer", incarnation, time=time)


def records(events: Iterable[Event], counts: RunCounts | None = None) -> list[EpochRecord]:
    counts = counts or RunCounts()
    return [record for event in events if (record := counts.count(event)) is not None]


RUN = [
    PeerStarted(stage_address(0), "layer 0", 1, time=100.0),
    trainer(103.0),
    step(0, 103.5),
    step(1, 104.0),
    epoch(0, 105.0),
    step(2, 105.5),
    step(3, 106.0),
    epoch(1, 110.0),
]


def test_an_epochs_rate_is_over_the_time_from_the_end_of_the_one_before() -> None:
    assert [record.samples_per_second for record in records(RUN)] == [20 / 2, 20 / 5]


def test_seconds_count_from_the_first_actor() -> None:
    assert [record.seconds for record in records(RUN)] == [5.0, 10.0]


def test_the_first_epoch_begins_where_the_trainer_is_up_and_no_start_after_it_counts() -> None:
    (record,) = records([*RUN[:4], trainer(104.5, incarnation=2), epoch(0, 105.0)])
    assert (record.samples_per_second, record.restarts) == (10.0, 1)


def test_what_is_repeated_after_a_restart_counts_once_at_its_first_time() -> None:
    again = [step(0, 104.2), step(1, 104.4), epoch(0, 105.0), epoch(0, 107.0), step(1, 107.5), *RUN[5:]]
    assert records([*RUN[:4], *again]) == records(RUN)


def test_a_resumed_run_counts_from_its_own_start() -> None:
    before = records(RUN[:5])
    resumed = [trainer(1000.0), step(3, 1001.0), epoch(1, 1002.0)]
    (record,) = records(resumed, RunCounts(before=before))
    assert (record.epoch, record.samples_per_second, record.seconds) == (2, 10 / 2, 2.0)


def test_an_epoch_that_a_resumed_run_only_evaluates_again_has_no_rate() -> None:
    (record,) = records([trainer(1000.0), epoch(0, 1002.0)])
    assert record.samples_per_second == 0


def test_the_rate_so_far_is_until_the_last_finished_step() -> None:
    counts = RunCounts()
    rates = []
    for event in RUN[:4]:
        counts.count(event)
        rates.append(counts.samples_per_second)
    assert rates == [0, 0, 10 / 0.5, 20 / 1]


def test_no_time_has_no_rate() -> None:
    assert [record.samples_per_second for record in records([step(0), epoch(0)])] == [0]


def test_a_record_has_all_of_its_epoch() -> None:
    assert records(RUN)[0].model_dump() == {
        "epoch": 1,
        "steps": 2,
        "train_cost": 0.5,
        "test_cost": 0.6,
        "metrics": {"accuracy": 0.75},
        "samples_per_second": 10.0,
        "seconds": 5.0,
        "restarts": 0,
        "validation_cost": None,
    }


@pytest.mark.parametrize("repeated", [1, 3])
def test_only_a_start_after_the_first_is_a_restart(repeated: int) -> None:
    counts = RunCounts()
    for incarnation in range(1, repeated + 1):
        counts.count(PeerStarted(stage_address(0), "layer 0", incarnation))
    counts.count(PeerStarted(stage_address(1), "layer 1", 1))
    assert counts.restarts == repeated - 1
