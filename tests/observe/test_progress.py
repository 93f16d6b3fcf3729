from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from annex_actors.data import load
from annex_actors.layers import parse_layers
from annex_actors.observe import LiveProgress, PlainProgress, progress
from annex_actors.observe.lines import status_line
from annex_actors.observe.progress import MOST_LINES, REFRESH_S, SILENCE_S
from annex_actors.protocol.events import (
    CheckpointFailed,
    EpochFinished,
    Finished,
    PeerExited,
    PeerHung,
    PeerStarted,
    StepFinished,
)
from annex_actors.protocol.routing import stage_address
from annex_actors.runs.run_counts import RunCounts
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


def lines_of(epochs: int, finished: int, every: int | None = None, seconds: float = 0.01) -> list[str]:
    stream = io.StringIO()
    with progress(stream, epochs=epochs, steps=epochs, every=every) as observer:
        for epoch in range(finished):
            observer.on_event(EpochFinished(epoch, epoch + 1, 0.5, time=seconds * epoch))
    return [line.split("/")[0].split()[1] for line in stream.getvalue().splitlines()]


def test_many_epochs_have_about_fifty_lines_the_first_and_the_last_one_always() -> None:
    assert len(lines_of(4000, 4000)) == MOST_LINES + 1
    assert lines_of(4000, 4000)[:3] == ["1", "80", "160"]
    assert lines_of(4000, 4000)[-1] == "4000"
    assert lines_of(130, 130)[-2:] == ["129", "130"]


def test_few_epochs_have_a_line_each() -> None:
    assert lines_of(50, 50) == [str(epoch) for epoch in range(1, 51)]


def test_the_last_epoch_of_a_run_that_ends_early_has_its_line() -> None:
    assert lines_of(4000, 1234)[-2:] == ["1200", "1234"]


def test_a_user_says_how_many_epochs_are_between_two_lines() -> None:
    assert lines_of(100, 100, every=40, seconds=99) == ["1", "40", "80", "100"]


def test_a_slow_run_is_not_silent_for_long() -> None:
    assert lines_of(4000, 10, seconds=SILENCE_S / 2) == ["1", "3", "5", "7", "9", "10"]


def test_what_does_not_fit_a_narrow_terminal_is_left_out_of_the_bar() -> None:
    counts = RunCounts()
    for event in (StepFinished(0, 0, 0.5, 32, time=1.0), EpochFinished(0, 1, 0.5, None, {"accuracy": 0.5}, time=2.0)):
        counts.count(event)
    assert status_line(counts, 3, 60) == "epoch 2/3 step 1 cost 0.5000 accuracy 0.5000 32/s"
    assert status_line(counts, 3, 30) == "epoch 2/3 cost 0.5000 32/s"


def test_an_incident_is_wrapped_at_a_space(bar: Progress) -> None:
    live = LiveProgress(bar, epochs=EPOCHS, steps=STEPS)
    live.on_event(PeerExited(stage_address(1), "layer 1 relu", 1, "x" * 60 + " " + "y" * 60))
    live.on_event(PeerStarted(stage_address(1), "layer 1 relu", 2))
    shown = bar.console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert [line for line in shown.splitlines() if "yyy" in line] == ["y" * 60]


def test_a_layer_that_fails_again_at_the_same_message_is_not_described_twice() -> None:
    stream = io.StringIO()
    plain = PlainProgress(stream, epochs=EPOCHS)
    reason = "layer 1 (relu) failed in forward at step 7 microbatch 0: ValueError: no"
    for incarnation in (1, 2, 3):
        plain.on_event(PeerExited(stage_address(1), "layer 1 relu", incarnation, reason))
        plain.on_event(PeerStarted(stage_address(1), "layer 1 relu", incarnation + 1))
    told = [reason, "layer 1 relu is up again, incarnation 2"]
    assert stream.getvalue().splitlines() == told
    plain.on_event(CheckpointFailed(7, "no space left"))
    assert stream.getvalue().splitlines() == [
        *told,
        "layer 1 relu failed 2 more times at the same message",
        "the checkpoint of step 7 could not be saved: no space left; the run goes on",
    ]


def test_a_layer_that_is_killed_again_is_shown_again() -> None:
    stream = io.StringIO()
    plain = PlainProgress(stream, epochs=EPOCHS)
    for incarnation in (1, 2):
        plain.on_event(PeerExited(stage_address(1), "layer 1 relu", incarnation, "killed by SIGKILL"))
        plain.on_event(PeerStarted(stage_address(1), "layer 1 relu", incarnation + 1))
    assert stream.getvalue().count("layer 1 relu ended: killed by SIGKILL") == 2


def test_a_hang_and_the_end_by_force_are_one_failure() -> None:
    stream = io.StringIO()
    plain = PlainProgress(stream, epochs=EPOCHS)
    place = "forward at step 7 microbatch 0"
    for incarnation in (1, 2):
        plain.on_event(PeerHung(stage_address(1), "layer 1 relu", incarnation, place, 1.0))
        plain.on_event(PeerExited(stage_address(1), "layer 1 relu", incarnation, f"hung for 1 s in {place}"))
        plain.on_event(PeerStarted(stage_address(1), "layer 1 relu", incarnation + 1))
    assert stream.getvalue().splitlines() == [
        "layer 1 relu hangs: forward at step 7 microbatch 0 for more than 1 s",
        "layer 1 relu is up again, incarnation 2",
    ]


def test_layers_that_are_restarted_because_of_another_have_no_lines() -> None:
    stream = io.StringIO()
    plain = PlainProgress(stream, epochs=EPOCHS)
    plain.on_event(PeerExited(stage_address(1), "layer 1 relu", 1, "killed"))
    plain.on_event(PeerExited(stage_address(0), "layer 0 dense:3", 1, "shutdown", orderly=True))
    plain.on_event(PeerStarted(stage_address(0), "layer 0 dense:3", 2))
    plain.on_event(PeerStarted(stage_address(1), "layer 1 relu", 2))
    assert stream.getvalue().splitlines() == ["layer 1 relu ended: killed", "layer 1 relu is up again, incarnation 2"]


def test_a_failure_that_ends_the_run_is_left_to_the_error() -> None:
    stream = io.StringIO()
    with progress(stream, epochs=EPOCHS, steps=STEPS) as observer:
        observer.on_event(PeerExited(stage_address(1), "layer 1 relu", 1, "DivergedError: no finite cost"))
    assert stream.getvalue() == ""
