from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from annex_actors.data import load
from annex_actors.layers import parse_layers
from annex_actors.observe import LiveProgress, PlainProgress, progress
from annex_actors.observe.progress import REFRESH_S
from annex_actors.protocol.events import EpochFinished, Finished, PeerExited, PeerStarted, StepFinished
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import parse_crash
from annex_actors.training.learner import Learner
from supervisors.testing import ManualClock
from tests.leaks import no_thread_left

EPOCHS, STEPS = 3, 6


class Terminal(io.StringIO):
    """A text stream that claims to be a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def test_each_epoch_crash_and_restart_is_a_plain_line() -> None:
    stream = io.StringIO()
    plain = PlainProgress(stream, epochs=EPOCHS)
    plain.on_event(PeerStarted(stage_address(1), "layer 1 relu", 1, time=10.0))
    plain.on_event(PeerExited(stage_address(1), "layer 1 relu", 1, "killed"))
    plain.on_event(PeerStarted(stage_address(1), "layer 1 relu", 2))
    plain.on_event(StepFinished(0, 0, 0.5, 32, time=11.0))
    plain.on_event(EpochFinished(0, 1, 0.5, 0.25, {"accuracy": 1.0}, time=12.0))
    assert stream.getvalue().splitlines() == [
        "layer 1 relu ended: killed",
        "layer 1 relu is up again, incarnation 2",
        "epoch 1/3  step 1  cost 0.5000  test cost 0.2500  accuracy 1.0000  16/s",
    ]


def test_a_repeated_epoch_is_shown_once() -> None:
    stream = io.StringIO()
    plain = PlainProgress(stream, epochs=EPOCHS)
    for _ in range(2):
        plain.on_event(EpochFinished(0, 2, 0.5))
    assert len(stream.getvalue().splitlines()) == 1


def test_an_actor_that_ends_after_the_run_is_no_incident() -> None:
    stream = io.StringIO()
    plain = PlainProgress(stream, epochs=EPOCHS)
    plain.on_event(Finished(6))
    plain.on_event(PeerExited(stage_address(1), "layer 1 relu", 1, "killed"))
    assert stream.getvalue() == ""


def test_without_a_terminal_there_is_no_bar() -> None:
    with progress(io.StringIO(), epochs=EPOCHS, steps=STEPS) as observer:
        assert type(observer) is PlainProgress


def test_on_a_terminal_the_lines_are_above_a_bar_that_disappears_at_the_end() -> None:
    stream = Terminal()
    with progress(stream, epochs=EPOCHS, steps=STEPS) as observer:
        assert type(observer) is LiveProgress
        observer.on_event(EpochFinished(0, 2, 0.5, None, {"accuracy": 0.75}))
    assert "epoch 1/3  step 2  cost 0.5000  accuracy 0.7500" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K")  # the cursor is back, the bar's line is empty


@pytest.fixture
def bar() -> Progress:
    """A bar that records its description and draws nothing."""
    console = Console(file=Terminal(), width=100, force_terminal=True)
    return Progress(TextColumn("{task.description}"), console=console, auto_refresh=False)


def test_the_bar_shows_step_cost_metric_throughput_and_restarts(bar: Progress) -> None:
    clock = ManualClock()
    live = LiveProgress(bar, epochs=EPOCHS, steps=STEPS, clock=clock.monotonic)
    live.on_event(PeerStarted(stage_address(1), "layer 1 relu", 2, time=5.0))
    clock.advance(1.0)
    live.on_event(StepFinished(0, 0, 0.5, 32, time=6.0))
    assert bar.tasks[0].description == "epoch 1/3 step 1 cost 0.5000 32/s 1 restart"
    live.on_event(EpochFinished(0, 2, 0.5, None, {"accuracy": 0.75}, time=7.0))
    clock.advance(1.0)
    live.on_event(StepFinished(2, 1, 0.25, 32, time=8.0))
    assert bar.tasks[0].description == "epoch 2/3 step 3 cost 0.2500 accuracy 0.7500 16/s 1 restart"
    assert (bar.tasks[0].completed, bar.tasks[0].total) == (3, STEPS)


def test_the_bar_is_not_drawn_for_every_step(bar: Progress) -> None:
    clock = ManualClock()
    live = LiveProgress(bar, epochs=EPOCHS, steps=STEPS, clock=clock.monotonic)
    for step in range(3):
        clock.advance(REFRESH_S / 4)
        live.on_event(StepFinished(step, 0, 0.5, 32))
    assert bar.tasks[0].completed == 0


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
@pytest.mark.parametrize("runtime", ["threads", "inline"])
def test_a_real_run_is_shown_and_no_thread_is_left(kind: type[io.StringIO], runtime: str) -> None:
    stream = kind()
    learner = Learner(parse_layers("dense:4 tanh dense:2"), runtime=runtime)
    with no_thread_left(), progress(stream, epochs=EPOCHS, steps=EPOCHS) as observer:
        crash = parse_crash("layer=1,step=1,at=backward")
        learner.train(load("xor"), epochs=EPOCHS, batch_size=4, crashes=[crash], observers=[observer])
    text = stream.getvalue()
    assert "layer 1 (tanh) failed in backward at step 1 microbatch 0" in text
    assert "InjectedCrash: crash on order" in text
    assert "layer 1 tanh is up again, incarnation 2" in text
    assert f"epoch {EPOCHS}/{EPOCHS}  step {EPOCHS}" in text
