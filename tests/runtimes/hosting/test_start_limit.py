"""Kills of processes that have no work yet are counted in a row, and the pauses between the tries grow."""

from __future__ import annotations

import signal

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.runtimes import RunFailedError, Supervision
from annex_actors.runtimes.hosting.failures import PeerError
from annex_actors.runtimes.hosting.workers.start_limit import StartLimit
from annex_actors.runtimes.processes.worker_process import ProcessDied
from supervisors import StartError

LAYER = "layer 1 relu"


def limit(max_restarts: int = 100, max_attempts: int = 3) -> StartLimit:
    return StartLimit(Supervision(max_restarts=max_restarts, max_attempts=max_attempts))


def failed_start(cause: Exception | None) -> StartError:
    error = StartError("a process did not start")
    error.__cause__ = cause
    return error


def killed(number: int = signal.SIGKILL, place: str | None = None) -> ProcessDied:
    return ProcessDied(-number, place)


def test_the_pauses_grow_up_to_half_a_second() -> None:
    starts = limit()
    pauses = [starts.pause_s(LAYER, killed()) for _ in range(8)]
    assert pauses == pytest.approx([0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5])


@pytest.mark.parametrize("cause", [killed(), killed(signal.SIGHUP, "start"), ProcessDied(1, None)])
def test_as_many_kills_in_a_row_are_tolerated_as_restarts_are_allowed(cause: ProcessDied) -> None:
    starts = limit(max_restarts=2)
    starts.pause_s(LAYER, failed_start(cause))
    starts.pause_s(LAYER, cause)
    with pytest.raises(RunFailedError) as caught:
        starts.pause_s(LAYER, failed_start(cause))
    assert str(caught.value) == (
        "layer 1 relu: the system kills what starts, before it has work: 3 in a row, the last was "
        f"{cause.what}; `max_restarts` allows 2"
    )
    assert caught.value.__cause__ is cause


def test_a_peer_that_is_up_begins_a_new_row() -> None:
    starts = limit(max_restarts=2)
    for _ in range(5):
        assert starts.pause_s(LAYER, killed()) == 0.01
        starts.pause_s(LAYER, killed())
        starts.record_up()


def test_a_fault_of_the_process_itself_ends_the_run_as_soon_as_one_at_a_message_does() -> None:
    starts = limit(max_attempts=3)
    for _ in range(2):
        starts.pause_s(LAYER, failed_start(killed(signal.SIGSEGV)))
    with pytest.raises(
        RunFailedError, match=r"layer 1 relu: a process did not start: killed by SIGSEGV \(3 in a row\)"
    ):
        starts.pause_s(LAYER, failed_start(killed(signal.SIGSEGV)))


@pytest.mark.parametrize("cause", [None, ConfigError("expected a file"), ProcessDied(7, None), ProcessDied(1, "start")])
def test_a_start_that_fails_for_a_reason_of_its_own_is_not_tried_again(cause: Exception | None) -> None:
    assert limit().pause_s(LAYER, failed_start(cause)) is None


@pytest.mark.parametrize(
    ("code", "place", "text", "external"),
    [
        (-signal.SIGKILL, "forward at step 1", "killed by SIGKILL in forward at step 1", True),
        (-signal.SIGUSR1, None, "killed by SIGUSR1", True),
        (-signal.SIGSEGV, "forward at step 1", "killed by SIGSEGV in forward at step 1", False),
        (-63, None, "killed by signal 63", True),
        (1, None, "ended with exit code 1", True),
        (1, "forward at step 1", "ended with exit code 1 in forward at step 1", False),
        (7, None, "ended with exit code 7", False),
    ],
)
def test_the_end_of_a_process_says_whether_it_came_from_outside(
    code: int, place: str | None, text: str, external: bool
) -> None:
    error: PeerError = ProcessDied(code, place)
    assert str(error) == text
    assert error.external is external
