"""What a stage commits, and that nothing of it changes afterwards."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.peers.stage_state import CostLog, LayerState, StageState
from annex_actors.protocol.routing import stage_address
from annex_actors.protocol.snapshot import Snapshot

CHUNK = 256


def log_of(costs: list[float]) -> CostLog:
    log = CostLog()
    for cost in costs:
        log = log.append(cost)
    return log


@settings(deadline=None, print_blob=True, max_examples=25)
@given(st.lists(st.floats(allow_nan=False), max_size=5), st.integers(0, 3 * CHUNK))
def test_a_cost_log_gives_back_what_was_appended_in_order(tail: list[float], more: int) -> None:
    costs = [*map(float, range(more)), *tail]
    assert log_of(costs).costs() == costs


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7])
def test_a_cost_log_is_whole_on_both_sides_of_a_full_chunk(length: int) -> None:
    assert log_of([*map(float, range(length))]).costs() == [*map(float, range(length))]


def test_appending_changes_no_log_that_was_committed_before() -> None:
    before = log_of([1.0, 2.0])
    after = before.append(3.0)
    assert before.costs() == [1.0, 2.0]
    assert after.costs() == [1.0, 2.0, 3.0]


def test_appending_copies_no_full_chunk() -> None:
    log = log_of([*map(float, range(3 * CHUNK))])
    longer = log.append(1.0)
    assert all(old is new for old, new in zip(log.full, longer.full, strict=True))
    assert len(longer.last) == 1


def test_a_short_part_is_all_that_appending_ever_copies() -> None:
    log = CostLog()
    for cost in range(4 * CHUNK):
        log = log.append(float(cost))
        assert len(log.last) < CHUNK


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (Snapshot(stage_address(0), 1, None), "state"),
        (Snapshot(stage_address(0), 1, None), "outbox"),
        (StageState(()), "layers"),
        (LayerState({}, {}), "parameters"),
        (CostLog(), "last"),
    ],
)
def test_nothing_that_was_committed_can_be_changed(value: object, field: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(value, field, None)
