from __future__ import annotations

import pytest

from annex_actors.base.figures import number
from annex_actors.observe.lines import epoch_line, incident_line
from annex_actors.protocol.events import Event, Finished, PeerAbandoned, PeerExited, PeerHung, PeerStarted, StepFinished
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.runs.records import EpochRecord

EPOCH = EpochRecord(
    epoch=3,
    steps=135,
    train_cost=0.25,
    test_cost=0.5,
    metrics={"accuracy": 0.75},
    samples_per_second=12345.6,
    seconds=1.0,
    restarts=2,
)


def test_an_epoch_is_one_line() -> None:
    expected = "epoch  3/20  step 135  cost 0.2500  test cost 0.5000  accuracy 0.7500  12,346/s"
    assert epoch_line(EPOCH, 20) == expected


def test_what_does_not_fit_is_left_out_in_the_order_of_its_use() -> None:
    assert [epoch_line(EPOCH, 20, width) for width in (78, 65, 50, 30, 20)] == [
        "epoch  3/20  cost 0.2500  test cost 0.5000  accuracy 0.7500  12,346/s",
        "epoch  3/20  cost 0.2500  test cost 0.5000  accuracy 0.7500",
        "epoch  3/20  cost 0.2500  accuracy 0.7500",
        "epoch  3/20  cost 0.2500  acc…",
        "epoch  3/20  cost 0…",
    ]


def test_an_epoch_without_a_test_has_no_test_cost() -> None:
    line = epoch_line(EPOCH.model_copy(update={"test_cost": None, "metrics": {}}), 3)
    assert line == "epoch 3/3  step 135  cost 0.2500  12,346/s"


def test_an_epoch_that_was_only_evaluated_again_has_no_throughput() -> None:
    line = epoch_line(EPOCH.model_copy(update={"samples_per_second": 0.0, "test_cost": None, "metrics": {}}), 3)
    assert line == "epoch 3/3  step 135  cost 0.2500"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5000"),
        (0.0, "0.0000"),
        (1e-5, "1.000e-05"),
        (-2e7, "-2.000e+07"),
        (9999.0, "9999.0000"),
        (13462.6, "13,463"),
        (-2e5, "-200,000"),
        (None, "-"),
    ],
)
def test_a_very_small_or_large_number_is_in_scientific_notation(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            PeerExited(
                stage_address(1), "layer 1 relu", 1, "layer 1 (relu) failed in forward at step 7: ValueError: no"
            ),
            None,
        ),
        (PeerExited(TRAINER, "trainer", 1, "KeyError: 3"), "trainer ended: KeyError: 3"),
        (PeerExited(stage_address(1), "layer 1 relu", 1, "killed"), "layer 1 relu ended: killed"),
        (PeerStarted(stage_address(1), "layer 1 relu", 2), "layer 1 relu is up again, incarnation 2"),
        (
            PeerStarted(stage_address(1), "layer 1 relu", 2, "left"),
            "layer 1 relu is up again, incarnation 2 on node left",
        ),
        (
            PeerHung(stage_address(1), "layer 1 relu", 2, "forward at step 7", 10.0, "left"),
            "layer 1 relu hangs on node left: forward at step 7 for more than 10 s",
        ),
        (
            PeerAbandoned(stage_address(1), "layer 1 relu", 2),
            "layer 1 relu could not be stopped: it was fenced off and left behind",
        ),
    ],
)
def test_a_crash_and_a_restart_are_a_line_each(event: Event, line: str | None) -> None:
    assert incident_line(event) == (line or getattr(event, "reason", None))


@pytest.mark.parametrize(
    "event",
    [
        PeerStarted(stage_address(1), "layer 1 relu", 1),
        PeerExited(stage_address(1), "layer 1 relu", 1, "shutdown", orderly=True),
        StepFinished(0, 0, 0.5, 32),
        Finished(3),
    ],
)
def test_events_of_normal_operation_are_no_incidents(event: Event) -> None:
    assert incident_line(event) is None
