"""Ctrl-C ends a run in an orderly way, at a step that every layer has committed, and leaves nothing behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters
from annex_actors.layers import sequence
from annex_actors.layers.activations import Activation, Relu
from annex_actors.protocol.events import EpochFinished, Event
from annex_actors.protocol.instrument import Point
from annex_actors.protocol.messages import Message
from annex_actors.runtimes import Crash, Job, Program, RunFailedError, Runtime, runtime
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner import Learner
from annex_actors.training.result import InterruptedRun
from tests.leaks import no_thread_left
from tests.trainings import Training, When, after_step, at_every_step, fingerprints

ENDLESS = Training(microbatches=3, epochs=1000)
"""Three steps an epoch: far more than an interrupted run gets through."""

RUNTIMES = ["inline", "threads", "schedulers", "processes"]


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Give the test Python's own handling of Ctrl-C; check that handlers and threads are as before afterwards."""
    with no_thread_left():
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, before)


def press() -> None:
    """Press Ctrl-C: interrupt the main thread, from any thread."""
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


def interrupted(
    host: str | Runtime, condition: Callable[[Event], bool], crashes: tuple[Crash, ...] = ()
) -> tuple[Learner, InterruptedRun]:
    """Train, and press Ctrl-C once, at the first event that meets ``condition``."""
    learner = ENDLESS.learner(host)
    pressed = threading.Event()

    def once() -> None:
        if not pressed.is_set():
            pressed.set()
            press()

    with pytest.raises(InterruptedRun) as caught:
        learner.train(ENDLESS.dataset, epochs=1000, batch_size=5, crashes=crashes, observers=[When(condition, once)])
    return learner, caught.value


def expected(step: int) -> Checkpoint:
    """Return what an undisturbed run has committed after ``step`` steps."""
    return at_every_step(replace(ENDLESS, epochs=step // 3 + 1))[step]


def assert_consistent(checkpoint: Checkpoint | None) -> None:
    assert checkpoint is not None
    assert checkpoint.step < ENDLESS.steps
    assert fingerprints(checkpoint) == fingerprints(expected(checkpoint.step))


@pytest.mark.parametrize("host", RUNTIMES)
@pytest.mark.parametrize("step", [0, 1, 2, 7])
def test_an_interrupted_run_is_the_beginning_of_the_whole_one(host: str, step: int) -> None:
    learner, interruption = interrupted(host, after_step(step))
    result = interruption.result
    assert result.interrupted
    assert result.checkpoint.step > step
    assert_consistent(result.checkpoint)
    assert learner.result is result
    assert learner.checkpoint is result.checkpoint
    assert str(interruption) == f"interrupted after step {result.checkpoint.step}"


def test_an_interrupted_run_finishes_the_steps_in_flight_and_no_more() -> None:
    _, interruption = interrupted("inline", after_step(3))
    assert 4 <= interruption.result.checkpoint.step <= 6


@pytest.mark.parametrize("host", RUNTIMES)
def test_an_interrupted_run_keeps_its_finished_epochs(host: str) -> None:
    _, interruption = interrupted(host, after_step(7))
    history = interruption.result.history
    assert len(history) >= 2
    assert [epoch.epoch for epoch in history] == list(range(len(history)))
    assert history[-1].steps <= interruption.result.checkpoint.step


@pytest.mark.parametrize("host", RUNTIMES)
def test_ctrl_c_at_the_end_of_an_epoch_is_no_special_case(host: str) -> None:
    _, interruption = interrupted(host, lambda event: isinstance(event, EpochFinished))
    assert_consistent(interruption.result.checkpoint)


@pytest.mark.parametrize("host", RUNTIMES)
def test_a_layer_that_crashes_while_the_run_is_interrupted_changes_nothing(host: str) -> None:
    crashes = tuple(Crash(layer=layer, step=step, at=Point.COMMIT) for layer in (0, 3, 4) for step in (4, 5))
    _, interruption = interrupted(host, after_step(4), crashes)
    assert_consistent(interruption.result.checkpoint)


@pytest.mark.parametrize("host", RUNTIMES)
def test_an_interrupted_learner_can_predict(host: str) -> None:
    learner, _ = interrupted(host, after_step(1))
    assert learner.predict(np.ones((2, 4))).shape == (2, 3)


class Staged:
    """A runtime that performs actions when a run starts, halts or closes, besides those of the real one."""

    def __init__(self, name: str, **actions: Callable[[], object]) -> None:
        self.name = name
        self._actions = actions

    def start(self, program: Program) -> Job:
        job = runtime(self.name).start(program)
        self._actions.get("start", bool)()
        return StagedJob(job, self._actions)


class StagedJob:
    """A job of `Staged`."""

    def __init__(self, job: Job, actions: dict[str, Callable[[], object]]) -> None:
        self._job = job
        self._actions = actions

    @property
    def restarts(self) -> int:
        return self._job.restarts

    @property
    def seconds(self) -> float:
        return self._job.seconds

    def wait(self) -> None:
        self._job.wait()

    def fail(self, error: RunFailedError) -> None:
        self._job.fail(error)

    def emit(self, event: Event) -> None:
        self._job.emit(event)

    def halt(self) -> None:
        self._job.halt()
        self._actions.get("halt", bool)()

    def ask(self, question: Message) -> Message:
        return self._job.ask(question)

    def close(self) -> None:
        self._actions.get("close", bool)()
        self._job.close()


@pytest.mark.parametrize("host", RUNTIMES)
def test_ctrl_c_while_the_actors_are_started_waits_until_they_are_up(host: str) -> None:
    learner, interruption = interrupted(Staged(host, start=press), lambda event: False)
    assert_consistent(interruption.result.checkpoint)
    assert learner.result is interruption.result


@pytest.mark.parametrize("host", RUNTIMES)
def test_ctrl_c_while_the_actors_are_stopped_waits_until_they_are_gone(host: str) -> None:
    learner = Training().learner(Staged(host, close=press))
    with pytest.raises(KeyboardInterrupt):
        learner.train(Training().dataset, epochs=2, batch_size=5)
    assert learner.result is not None
    assert learner.result.checkpoint.step == 6


class Stuck(Activation):
    """A relu that blocks in the fourth step until ``go_on`` is set."""

    reached = threading.Event()
    go_on = threading.Event()

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, object]:
        if key is not None and key.step == 3:
            self.reached.set()
            self.go_on.wait()
        return super().forward(parameters, inputs, key)


def press_when(reached: threading.Event) -> None:
    reached.wait()
    press()


def test_a_second_ctrl_c_ends_the_wait_for_the_steps_in_flight() -> None:
    relu = Stuck(Relu())
    layers = [relu if isinstance(layer, Activation) else layer for layer in ENDLESS.network.layers]
    stuck = replace(ENDLESS, network=sequence(*layers))
    learner = stuck.learner(Staged("threads", halt=press, close=relu.go_on.set))
    impatient = threading.Thread(target=press_when, args=[relu.reached], daemon=True)
    impatient.start()
    with pytest.raises(KeyboardInterrupt) as caught:
        learner.train(ENDLESS.dataset, epochs=1000, batch_size=5)
    impatient.join()
    assert not isinstance(caught.value, InterruptedRun)
    assert learner.result is not None
    assert learner.result.interrupted
    assert learner.result.checkpoint.step >= 3
    assert_consistent(learner.result.checkpoint)
