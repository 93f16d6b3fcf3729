"""What the buttons do to a real run, on every runtime; and what they cannot do, in one line."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.control.journal import Journal
from annex_actors.control.view import View
from annex_actors.page.run_actions import RunActions
from annex_actors.runtimes import Job, Program
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.result import InterruptedRun, Result
from annex_actors.training.session import Session
from tests.kills import KILLS_THREADS
from tests.trainings import Training

pytestmark = KILLS_THREADS
TRAINING = Training(microbatches=2, epochs=60)
HOSTED = ["threads", "schedulers", "processes"]


class Pressing:
    """Presses a button as soon as the run is up."""

    def __init__(self, runtime: str, press: Callable[[RunActions], str]) -> None:
        self._runtime = runtime
        self._press = press
        self.said = ""

    @contextmanager
    def attend(self, job: Job, program: Program) -> Iterator[None]:
        """Press during the block."""
        actions = RunActions()
        actions.begin(View("run", self._runtime, job, program, Journal()))
        self.said = self._press(actions)
        yield
        actions.end()
        with pytest.raises(ConfigError, match="expected a run that goes on"):
            actions.kill("stage-0")


def result_of(runtime: str, press: Callable[[RunActions], str]) -> tuple[Result, str]:
    learner, pressing = TRAINING.learner(runtime), Pressing(runtime, press)
    prepared = PreparedTraining.of(learner.spec, TRAINING.dataset, epochs=TRAINING.epochs, batch_size=5)
    return Session(prepared, attendants=[pressing]).run(), pressing.said


@pytest.mark.parametrize("runtime", HOSTED)
@pytest.mark.parametrize("actor", ["stage-1", "trainer"])
def test_an_actor_that_is_killed_is_restarted_and_no_bit_changes(runtime: str, actor: str) -> None:
    undisturbed, _ = result_of(runtime, lambda actions: "")
    killed, said = result_of(runtime, lambda actions: actions.kill(actor))
    assert said == f"{actor} was killed; it was incarnation 1"
    assert killed.restarts >= 1
    assert killed.checkpoint.hashes == undisturbed.checkpoint.hashes


@pytest.mark.parametrize("runtime", HOSTED)
def test_a_layer_that_is_moved_goes_to_the_other_kind_of_worker_where_there_is_one(runtime: str) -> None:
    undisturbed, _ = result_of(runtime, lambda actions: "")
    moved, said = result_of(runtime, lambda actions: actions.move("stage-1"))
    assert said.startswith("stage-1 moves to a thread; ")
    assert moved.restarts == 1
    assert moved.checkpoint.hashes == undisturbed.checkpoint.hashes


def test_a_layer_in_a_process_is_slowed() -> None:
    slowed, said = result_of("processes", lambda actions: actions.slow("stage-0"))
    assert said == "stage-0 takes 50 ms longer at its next piece of work"
    assert slowed.restarts == 0


@pytest.mark.parametrize("runtime", HOSTED)
def test_a_run_that_is_stopped_has_finished_its_steps(runtime: str) -> None:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as the command line handles it
    try:
        with pytest.raises(InterruptedRun):
            result_of(runtime, lambda actions: actions.stop())
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("runtime", "press", "words"),
    [
        ("threads", lambda actions: actions.kill("stage-99"), "expected a layer's index, or an actor's id"),
        ("threads", lambda actions: actions.kill("run"), "expected a layer's index, or an actor's id"),
        ("threads", lambda actions: actions.move("trainer"), "expected a layer or the reader, one of stage-0"),
        ("threads", lambda actions: actions.slow("trainer"), "expected a layer that is up, got trainer"),
        ("threads", lambda actions: actions.slow("stage-0"), "expected the runtime processes"),
        (
            "inline",
            lambda actions: actions.kill("stage-0"),
            "expected a runtime whose actors can be reached",
        ),
    ],
)
def test_what_cannot_be_done_is_said(runtime: str, press: Callable[[RunActions], str], words: str) -> None:
    def pressed(actions: RunActions) -> str:
        with pytest.raises(ConfigError, match=words):
            press(actions)
        return "refused"

    _, said = result_of(runtime, pressed)
    assert said == "refused"


def test_no_signal_is_sent_where_no_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *given: sent.append(given))
    with pytest.raises(ConfigError, match="expected a run that goes on"):
        RunActions().stop()
    assert sent == []
