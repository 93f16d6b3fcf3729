"""How a run ends: by its driver, by the first failure, or by its owner."""

from __future__ import annotations

import threading

import pytest

from annex_actors.runtimes import RunFailedError
from annex_actors.runtimes.hosting.outcome import Outcome


def test_a_wait_returns_when_the_driver_has_finished_also_the_second_time() -> None:
    outcome = Outcome()
    outcome.finish()
    outcome.wait()
    outcome.wait()
    assert not outcome.failed


def test_the_first_failure_is_raised() -> None:
    outcome = Outcome()
    for text in ("first", "second"):
        outcome.fail(RunFailedError(text))
    assert outcome.failed
    for _ in range(2):
        with pytest.raises(RunFailedError, match="first"):
            outcome.wait()


def test_a_failure_that_a_restart_may_heal_does_not_end_the_run() -> None:
    outcome = Outcome()
    outcome.fail(None)
    assert not outcome.failed


def test_after_the_owner_has_closed_the_run_nothing_is_a_failure() -> None:
    outcome = Outcome()
    outcome.close()
    outcome.fail(RunFailedError("the layers' supervisor ended"))
    assert not outcome.failed
    outcome.wait()


def test_a_close_ends_a_wait_in_another_thread() -> None:
    outcome = Outcome()
    waiting = threading.Thread(target=outcome.wait)
    waiting.start()
    outcome.close()
    waiting.join(timeout=60)
    assert not waiting.is_alive()


def test_a_failure_that_was_taken_is_dropped_but_the_run_has_failed() -> None:
    outcome, error = Outcome(), RunFailedError("layer 2 failed")
    outcome.fail(error)
    assert outcome.take_failure() is error
    assert outcome.take_failure() is None
    assert outcome.failed
    with pytest.raises(RunFailedError, match="the run has failed, and its job is closed"):
        outcome.wait()
