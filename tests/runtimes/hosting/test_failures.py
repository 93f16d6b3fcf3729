"""Which failures a restart can heal, and which end the run."""

from __future__ import annotations

import pytest

from annex_actors.base.errors import DataError, DivergedError, LayerError
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.runtimes.hosting.failures import FailureLedger, PeerError, one_line, too_many_restarts
from annex_actors.runtimes.hosting.heartbeat import START
from annex_actors.runtimes.program import RunFailedError, Supervision

LABEL = "layer 1 relu"


def layer_error(step: int = 4, microbatch: int = 2, layer: int = 1, work: str = "forward") -> LayerError:
    error = LayerError(
        f"layer {layer} (relu) failed in {work} at step {step} microbatch {microbatch}, given (8, 4) float32",
        address="stage-1",
        layer=layer,
        step=step,
        microbatch=microbatch,
        work=work,
    )
    error.__cause__ = ZeroDivisionError("division by zero")
    return error


def test_a_message_that_fails_often_enough_is_poison() -> None:
    ledger = FailureLedger(3)
    assert ledger.record(stage_address(1), LABEL, layer_error()) is None
    assert ledger.record(stage_address(1), LABEL, layer_error()) is None
    last = layer_error()
    verdict = ledger.record(stage_address(1), LABEL, last)
    assert isinstance(verdict, RunFailedError)
    assert verdict.__cause__ is last
    assert str(verdict) == (
        "layer 1 (relu) failed in forward at step 4 microbatch 2, given (8, 4) float32: "
        "ZeroDivisionError: division by zero (failed 3 times at the same message)"
    )


def test_failures_at_different_messages_are_counted_apart() -> None:
    ledger = FailureLedger(2)
    errors = [
        layer_error(),
        layer_error(step=5),
        layer_error(microbatch=0),
        layer_error(layer=0),
        layer_error(work="backward"),
    ]
    assert [ledger.record(stage_address(1), LABEL, error) for error in errors] == [None] * 5
    assert isinstance(ledger.record(stage_address(1), LABEL, layer_error()), RunFailedError)


def test_failures_of_different_peers_are_counted_apart() -> None:
    ledger = FailureLedger(2)
    assert ledger.record(stage_address(1), LABEL, KeyError("x")) is None
    assert ledger.record(stage_address(2), LABEL, KeyError("x")) is None


def test_a_failure_outside_of_a_layer_is_counted_by_its_type_and_text() -> None:
    ledger = FailureLedger(2)
    assert ledger.record(TRAINER, "trainer", ValueError("one")) is None
    assert ledger.record(TRAINER, "trainer", ValueError("two")) is None
    verdict = ledger.record(TRAINER, "trainer", ValueError("one"))
    assert str(verdict) == "trainer: ValueError: one (failed 2 times at the same message)"


def test_a_kill_does_not_count_against_a_message() -> None:
    ledger = FailureLedger(1)
    assert [ledger.record(stage_address(1), LABEL, None) for _ in range(100)] == [None] * 100


@pytest.mark.parametrize("error", [DivergedError("expected a finite cost"), DataError("expected targets")])
def test_a_users_mistake_ends_the_run_at_once_and_unchanged(error: Exception) -> None:
    assert FailureLedger(100).record(stage_address(1), LABEL, error) is error


def test_one_attempt_means_that_the_first_failure_is_the_last() -> None:
    assert isinstance(FailureLedger(1).record(stage_address(1), LABEL, layer_error()), RunFailedError)


@pytest.mark.parametrize(
    ("error", "last"),
    [
        (None, "layer 1 relu: killed"),
        (OSError("disk full"), "layer 1 relu: OSError: disk full"),
        (
            layer_error(),
            "layer 1 (relu) failed in forward at step 4 microbatch 2, given (8, 4) float32: "
            "ZeroDivisionError: division by zero",
        ),
    ],
)
def test_too_many_restarts_name_the_last_failure_and_then_the_limit(error: Exception | None, last: str) -> None:
    verdict = too_many_restarts(LABEL, Supervision(max_restarts=5, max_seconds=2), error)
    assert str(verdict) == f"{last} (ended once more than the allowed 5 restarts in 2 s)"
    assert verdict.__cause__ is error


def test_an_error_of_several_lines_is_shown_on_one() -> None:
    assert one_line(ValueError("first\n  second\nthird")) == "ValueError: first second third"


@pytest.mark.parametrize("place", [None, START, "resume at step 3", "committed at step 3"])
def test_a_kill_from_outside_that_strikes_no_message_with_data_is_not_counted(place: str | None) -> None:
    ledger = FailureLedger(1)
    errors = [PeerError("killed by SIGKILL", place, external=True) for _ in range(100)]
    assert [ledger.record(stage_address(1), LABEL, error) for error in errors] == [None] * 100


def test_kills_from_outside_at_the_same_message_are_poison_in_the_end() -> None:
    ledger = FailureLedger(2)
    errors = [PeerError("killed by SIGKILL", "forward at step 1", external=True) for _ in range(20)]
    assert [ledger.record(stage_address(1), LABEL, error) for error in errors[:-1]] == [None] * 19
    verdict = ledger.record(stage_address(1), LABEL, errors[-1])
    assert str(verdict) == (
        "layer 1 relu: killed by SIGKILL in forward at step 1 "
        "(failed 20 times at the same message; a system that has no memory left kills so)"
    )


def test_a_start_that_fails_by_itself_is_counted() -> None:
    ledger = FailureLedger(2)
    assert ledger.record(stage_address(1), LABEL, PeerError("hung for 10 s", START)) is None
    assert isinstance(ledger.record(stage_address(1), LABEL, PeerError("hung for 10 s", START)), RunFailedError)


def test_an_error_that_ends_the_run_is_not_counted_but_ends_it() -> None:
    error = RunFailedError("the system kills what starts")
    assert FailureLedger(100).record(stage_address(1), LABEL, error) is error
