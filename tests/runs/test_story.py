from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from annex_actors.runs.story import story

RELU = {"address": "stage-1", "label": "layer 1 relu"}
DENSE = {"address": "stage-0", "label": "layer 0 dense:4"}
COST = {"address": "stage-2", "label": "layer 2 mse"}
RAISED = "layer 1 (relu) failed in forward at step 3 microbatch 0, given (2, 4) float32: ValueError: no"
KILLED = "killed by SIGKILL in forward at step 3 microbatch 0"
START = [
    {"type": "run", "version": 1},
    {"type": "event", "event": "PeerStarted", "time": 100.0, "incarnation": 1, **RELU},
]


def exited(time: float, reason: str, peer: dict[str, str] = RELU, **more: Any) -> dict[str, Any]:
    return {"type": "event", "event": "PeerExited", "time": time, "reason": reason, "orderly": False, **peer, **more}


def started(time: float, incarnation: int, peer: dict[str, str] = RELU) -> dict[str, Any]:
    return {"type": "event", "event": "PeerStarted", "time": time, "incarnation": incarnation, **peer}


def thrice(reason: str, since: float = 102.5) -> list[dict[str, Any]]:
    restarts = [(exited(since + n, reason, where="mine.py:3 in f"), started(since + n + 0.25, n + 2)) for n in range(3)]
    return [record for pair in restarts for record in pair][:-1]


def test_a_run_without_a_failure_has_no_story() -> None:
    orderly = {**exited(103.0, "shutdown"), "orderly": True}
    assert story([*START, started(100.0, 1, DENSE), orderly]) == []


def test_the_error_comes_first_and_attempts_at_one_message_are_one_line() -> None:
    error = f"{RAISED} (mine.py:3 in f; failed 3 times at the same message)"
    assert story([*START, *thrice(RAISED)], error) == [
        error,
        "the first of 3 such failures was after 2.50 s; layer 1 relu was restarted 2 times",
    ]


def test_what_was_survived_before_is_told_in_order() -> None:
    survived = [exited(101.0, KILLED, DENSE), started(101.125, 2, DENSE)]
    error = f"{RAISED} (failed 3 times at the same message)"
    assert story([*START, *survived, *thrice(RAISED)], error)[1:] == [
        f"after 1.00 s: layer 0 dense:4: {KILLED}; restarted, in 125 ms",
        "the first of 3 such failures was after 2.50 s; layer 1 relu was restarted 2 times",
    ]


def test_of_two_layers_that_fail_at_the_same_time_both_are_told_in_order() -> None:
    other = "layer 0 (dense:4) failed in backward at step 3 microbatch 0, given (2, 4) float32: TypeError: two"
    records = [*START, exited(102.0, other, DENSE), *thrice(RAISED), started(106.0, 2, DENSE)]
    assert story(records, f"{RAISED} (failed 3 times at the same message)")[1:] == [
        f"after 2.00 s: {other}; restarted, in 4.0 s",
        "the first of 3 such failures was after 2.50 s; layer 1 relu was restarted 2 times",
    ]


def test_layers_that_are_restarted_with_the_one_that_failed_are_named() -> None:
    restarted = [exited(101.0, RAISED), started(101.5, 2, DENSE), started(101.5, 2), started(101.5, 2, COST)]
    assert story([*START, *restarted]) == [
        f"after 1.00 s: {RAISED}; restarted together with layer 0 dense:4 and layer 2 mse, in 500 ms"
    ]


def test_a_failure_that_a_run_survives_again_and_again_is_one_line_with_its_place() -> None:
    assert story([*START, *thrice(RAISED), started(104.75, 4)]) == [
        f"after 2.50 s: {RAISED} (mine.py:3 in f), 3 times; restarted 3 times, in 250 ms"
    ]


def test_an_error_that_no_event_explains_stands_alone() -> None:
    assert story(START, "the run stands still: trainer waits") == ["the run stands still: trainer waits"]
    diverged = "expected a finite cost, got nan at step 2 microbatch 0"
    assert story([*START, exited(101.0, f"DivergedError: {diverged}")], diverged) == [diverged]


def test_checkpoints_that_could_not_be_saved_are_one_line_for_each_reason() -> None:
    failed = [
        {"type": "event", "event": "CheckpointFailed", "time": 101.0 + step, "step": step, "reason": "no space left"}
        for step in (10, 20, 30)
    ]
    assert story([*START, *failed]) == [
        "after 11.00 s: the checkpoint of step 10 and 2 later ones could not be saved: no space left"
    ]


def test_only_the_last_start_is_told() -> None:
    assert story([*START, *thrice(RAISED), *START]) == []


def test_of_very_many_failures_the_first_and_the_last_are_told() -> None:
    records = [exited(101.0 + step, f"killed by SIGKILL in forward at step {step}") for step in range(50)]
    lines = story([*START, *records])
    assert len(lines) == 11
    assert lines[0].endswith("step 0")
    assert lines[5] == "and 40 other failures"
    assert lines[-1].endswith("step 49")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
KEYS = st.sampled_from(
    ["type", "event", "time", "address", "label", "incarnation", "reason", "where", "orderly", "step"]
)
KINDS = st.sampled_from(["run", "event", "PeerExited", "PeerStarted", "PeerHung", "CheckpointFailed"])


@given(st.lists(st.dictionaries(KEYS, KINDS | ANYTHING), max_size=8), st.none() | st.text(max_size=9))
def test_damaged_records_are_told_as_lines_as_well(records: list[dict[str, Any]], error: str | None) -> None:
    lines = story(records, error)
    assert all("\n" not in line for line in lines[1 if error else 0 :])


@given(st.integers(1, 40), st.integers(1, 5))
def test_nothing_is_told_twice(times: int, reasons: int) -> None:
    records = [exited(101.0 + n, f"killed by signal {n % reasons} in forward at step 1") for n in range(times)]
    lines = story([*START, *records])
    assert len(lines) == len(set(lines)) == min(times, reasons)
