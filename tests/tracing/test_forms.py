"""What the forms of a trace show is what the trace says: diagrams, charts, and the format of Chrome."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.data import load
from annex_actors.layers import dense, sequence
from annex_actors.protocol.messages import WHOLE_STEP, Address
from annex_actors.tracing.gantt import Bar, gantt_of, ideal_bars, real_bars, window_of
from annex_actors.tracing.ideal import ideal_of, times_of
from annex_actors.tracing.perfetto import perfetto_of
from annex_actors.tracing.sequence import MOST, mermaid_of, picture_of, sequence_of
from annex_actors.tracing.trace import Trace
from annex_actors.tracing.tracer import trace
from annex_actors.training.learner import Learner

FIRST, LAST, TRAINER = Address("stage", 0), Address("stage", 1), Address("trainer")


@pytest.fixture
def short() -> Trace:
    """The trace of one step of two microbatches, in one thread, and of the prediction after it."""
    return traced(epochs=1)


@pytest.fixture
def long() -> Trace:
    """The trace of several steps."""
    return traced(epochs=9)


def traced(epochs: int) -> Trace:
    with trace() as tracer:
        learner = Learner(sequence(dense(2)), microbatches=2, schedule="gpipe", runtime="inline")
        learner.train(load("xor"), epochs=epochs, batch_size=4)
    return tracer.trace


def without_ends(lines: list[str]) -> str:
    return "\n".join(line.strip() for line in lines)


SEQUENCE = """
    trainer         stage-0         stage-1
        │────────── target 0 ──────────►│
        │── forward 0 ─►│               │
        │────────── target 1 ──────────►│
        │── forward 1 ─►│               │
        │               │── forward 0 ─►│
        │               │── forward 1 ─►│
        │◄────────── report ────────────│
        │               │◄ backward 0 ──│
        │               │◄ backward 1 ──│
"""


def test_the_messages_of_a_step_are_drawn_in_text(short: Trace) -> None:
    assert sequence_of(short, 0) == SEQUENCE.strip("\n")


ALL_STEPS = """
     trainer           stage-0           stage-1
         │─────────── target 0.0 ───────────►│
         │── forward 0.0 ─►│                 │
         │─────────── target 0.1 ───────────►│
         │── forward 0.1 ─►│                 │
         │                 │── forward 0.0 ─►│
         │                 │── forward 0.1 ─►│
         │◄─────────── report 0 ─────────────│
         │                 │◄ backward 0.0 ──│
         │                 │◄ backward 0.1 ──│
         │── predict 1.0 ─►│                 │
         │                 │── predict 1.0 ─►│
         │◄────────── predict 1.0 ───────────│
"""


def test_the_messages_of_all_steps_have_the_step_in_their_names(short: Trace) -> None:
    assert sequence_of(short) == ALL_STEPS.strip("\n")


MERMAID = """
sequenceDiagram
    participant trainer as trainer
    participant stage_0 as layer 0 dense:2
    participant stage_1 as layer 1 softmax_cross_entropy
    trainer->>stage_1: target 0
    trainer->>stage_0: forward 0
    trainer->>stage_1: target 1
    trainer->>stage_0: forward 1
    stage_0->>stage_1: forward 0
    stage_0->>stage_1: forward 1
    stage_1->>trainer: report
    stage_1->>stage_0: backward 0
    stage_1->>stage_0: backward 1
"""


def test_the_messages_of_a_step_are_drawn_by_mermaid(short: Trace) -> None:
    assert mermaid_of(short, 0) == MERMAID.strip("\n")


def test_a_message_that_was_lost_ends_in_a_cross(short: Trace) -> None:
    vars(short)["flows"] = tuple(
        replace(each, received=None) if each.kind == "backward" and each.microbatch == 0 else each
        for each in short.flows
    )
    lines = sequence_of(short, 0).splitlines()
    assert [line.strip("│ ") for line in lines if "lost" in line] == ["x backward 0 (lost) ──"]
    assert [line.strip() for line in mermaid_of(short, 0).splitlines() if "-x" in line] == [
        "stage_1-xstage_0: backward 0 (lost)"
    ]


def test_a_label_is_no_code_of_mermaid(short: Trace) -> None:
    short.labels[FIRST] = 'layer 0 <img src=x>; note: "#quot" %%\nend'
    lines = mermaid_of(short, 0).splitlines()
    assert lines[2] == "    participant stage_0 as layer 0  img src=x   note:   quot     end"
    assert len(lines) == len(MERMAID.strip("\n").splitlines())


def test_a_diagram_of_too_many_messages_asks_for_a_step(short: Trace) -> None:
    vars(short)["flows"] = short.flows * MOST
    with pytest.raises(DataError, match=r"expected a diagram of at most 500 messages, got [\d,]+; choose a `step`"):
        sequence_of(short)


def test_the_bars_of_a_chart_are_the_work_and_the_waits_of_its_steps(long: Trace) -> None:
    window = range(2, 5)
    rows, bars, wall = real_bars(long, window)
    assert rows == [FIRST, LAST, TRAINER]
    inside = [each for peer in rows for each in long.work[peer] if each.on_step and each.step in window]
    begin, end = min(each.start for each in inside), max(each.end for each in inside)
    assert wall == (end - begin) * 1e3
    for work in inside:
        name = work.letter if work.microbatch == WHOLE_STEP else f"{work.letter}{work.microbatch}"
        start, until = (work.start - begin) * 1e3, (work.end - begin) * 1e3
        assert Bar(rows.index(work.peer), start, until, work.letter, name) in bars
    shown = [(bar.row, bar.start, bar.end, bar.reason) for bar in bars if bar.reason]
    for row, peer in enumerate(rows):
        for idle in long.idle[peer]:
            if begin < idle.end and idle.start < end:
                start, until = max(idle.start, begin), min(idle.end, end)
                assert (row, (start - begin) * 1e3, (until - begin) * 1e3, idle.reason) in shown
        assert sum(min(bar.end, wall) - max(bar.start, 0) for bar in bars if bar.row == row) == pytest.approx(wall)


def test_the_ideal_bars_are_the_simulation_with_the_measured_times(long: Trace) -> None:
    bars, simulation = ideal_bars(long, 2, [FIRST, LAST]), ideal_of(long, 2)
    assert [(bar.row, bar.start, bar.end, bar.letter) for bar in bars] == [
        (piece.stage.number, piece.start * 1e3, piece.end * 1e3, piece.work) for piece in simulation.pieces
    ]
    assert [bar.name for bar in bars if bar.row == 0][:6] == ["F0", "F1", "B0", "B1", "W", "F0"]
    assert [times.forward > 0 and times.backward > 0 for times in times_of(long)] == [True, True]


def test_a_window_is_a_step_that_was_traced_and_those_after_it(long: Trace) -> None:
    assert window_of(long, 3, 2) == range(3, 5)
    assert window_of(long, 7, 100) == range(7, 9)
    assert window_of(long, steps=100) == range(9)
    for step in range(1, 9):
        assert window_of(long, None, step).start in long.steps
    with pytest.raises(DataError, match="expected a step that was traced, from 0 to 8, got 9"):
        window_of(long, 9)


@pytest.mark.parametrize("picture_format", ["svg", "png", "pdf"])
def test_the_same_trace_is_the_same_picture_to_the_byte(picture_format: str, long: Trace) -> None:
    pytest.importorskip("matplotlib")
    assert gantt_of(long, picture_format) == long.gantt(picture_format)
    assert picture_of(long, 1, picture_format) == picture_of(long, 1, picture_format)


def test_what_a_form_cannot_show_is_refused_in_a_line(long: Trace) -> None:
    with pytest.raises(ConfigError, match="expected `picture_format` to be one of svg, png, pdf, got 'gif'"):
        long.gantt("gif")
    with pytest.raises(ConfigError, match="expected `steps` to be an integer >= 1, got 0"):
        long.gantt(steps=0)
    with pytest.raises(ConfigError, match="expected `step` to be an integer >= 0, got -1"):
        long.sequence(-1)


def test_a_prediction_has_no_chart_and_no_ideal() -> None:
    learner = Learner(sequence(dense(2)), runtime="inline")
    learner.train(load("xor"), epochs=1)
    with trace() as tracer:
        learner.predict(load("xor").train.inputs)
    assert tracer.trace.figures().ideal_bubble is None
    with pytest.raises(DataError, match="expected a trace with steps, got one of predictions; trace a training"):
        tracer.trace.gantt()
    assert "predict" in tracer.sequence()


def test_chrome_is_shown_deaths_and_not_that_peers_end_with_the_run(short: Trace) -> None:
    def ends() -> list[str]:
        return [each["name"] for each in json.loads(perfetto_of(short))["traceEvents"] if each["ph"] == "i"]

    ended = {"peer": "stage-1", "time": short.end, "reason": "shutdown", "orderly": True}
    died = {"peer": "stage-0", "time": short.begin, "reason": "killed by SIGKILL", "orderly": False}
    elsewhere = {**died, "peer": "stage-77"}
    short.header = {**short.header, "exits": [ended, died, elsewhere]}
    assert ends() == ["killed by SIGKILL"]


def test_the_work_in_chromes_format_is_that_of_the_trace_in_microseconds(short: Trace) -> None:
    events = json.loads(short.perfetto())["traceEvents"]
    tracks = {each["tid"]: each["args"]["name"] for each in events if each["name"] == "thread_name"}
    shown = [
        (tracks[each["tid"]], each["cat"], each["args"]["step"], each["args"]["microbatch"], each["ts"])
        for each in events
        if each["ph"] == "X" and each["pid"] == 1
    ]
    assert shown == [
        (short.labels[peer], each.kind, each.step, each.microbatch, round((each.start - short.begin) * 1e6, 3))
        for peer in short.peers
        for each in short.work[peer]
    ]
