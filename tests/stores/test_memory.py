"""The memory store keeps the last commit of every peer, even if a thread is killed while committing."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.stores import MemoryStore

A, B = stage_address(0), stage_address(1)


def snapshot(step: int, state: object = None, address: Address = A) -> Snapshot:
    return Snapshot(address, step, state)


def test_before_the_first_commit_there_is_nothing() -> None:
    store = MemoryStore()
    assert store.latest(A) is None
    assert store.at(A, 0) is None
    assert store.open(A) == (1, None)


def test_a_commit_is_the_same_object_afterwards() -> None:
    store, committed = MemoryStore(), snapshot(1)
    number, _ = store.open(A)
    store.commit(committed, number)
    assert store.latest(A) is committed
    assert store.at(A, 1) is committed


def test_incarnations_count_from_1_for_each_address() -> None:
    store = MemoryStore()
    assert [store.open(A)[0], store.open(A)[0], store.open(B)[0]] == [1, 2, 1]


def test_a_new_incarnation_starts_from_the_last_commit() -> None:
    store = MemoryStore()
    number, _ = store.open(A)
    for step in (1, 2, 3):
        store.commit(snapshot(step), number)
    number, last = store.open(A)
    assert number == 2
    assert last is not None
    assert last.step == 3


def test_a_commit_of_a_fenced_incarnation_is_ignored() -> None:
    store = MemoryStore()
    old, _ = store.open(A)
    store.commit(snapshot(1, "old"), old)
    new, _ = store.open(A)
    store.commit(snapshot(2, "too late"), old)
    assert store.latest(A) == store.at(A, 1)
    store.commit(snapshot(2, "new"), new)
    last = store.latest(A)
    assert last is not None
    assert last.state == "new"


def test_fencing_one_peer_fences_no_other() -> None:
    store = MemoryStore()
    first, _ = store.open(A)
    store.open(B)
    store.open(B)
    store.commit(snapshot(1), first)
    assert store.latest(A) is not None


def test_a_second_commit_of_a_step_replaces_the_first() -> None:
    store = MemoryStore()
    number, _ = store.open(A)
    for step, state in ((1, "x"), (2, "first"), (2, "second")):
        store.commit(snapshot(step, state), number)
    assert [(store.at(A, step) or snapshot(0)).state for step in (1, 2)] == ["x", "second"]


def test_the_last_two_commits_are_kept_and_older_ones_are_not() -> None:
    store = MemoryStore()
    number, _ = store.open(A)
    for step in range(1, 6):
        store.commit(snapshot(step), number)
    assert [store.at(A, step) is not None for step in range(1, 6)] == [False, False, False, True, True]


def test_a_deeper_store_keeps_more() -> None:
    store = MemoryStore(depth=4)
    number, _ = store.open(A)
    for step in range(1, 6):
        store.commit(snapshot(step), number)
    assert [store.at(A, step) is not None for step in range(1, 6)] == [False, True, True, True, True]


@settings(deadline=None, print_blob=True)
@given(st.lists(st.one_of(st.tuples(st.just("open"), st.just(0)), st.tuples(st.just("commit"), st.integers(1, 3)))))
def test_a_new_incarnation_gets_the_last_commit_of_the_newest_one_before_it(history: list[tuple[str, int]]) -> None:
    """Each commit is by the newest incarnation or an earlier one; only those of the newest count."""
    store, newest, step, last = MemoryStore(), 0, 0, None
    for what, back in history:
        if what == "open":
            newest, found = store.open(A)
            assert found is last
        elif newest:
            step += 1
            committed = snapshot(step)
            store.commit(committed, newest + 1 - back)
            last = committed if back == 1 else last
    assert store.latest(A) is last


class Killed(BaseException):
    """Stands for the exception by which a thread is killed, raised between two of its lines."""


def kill_before_line(number: int, function: Callable[..., Any], work: Callable[[], object]) -> bool:
    """Do ``work``, and raise `Killed` before the given line of ``function``; return whether there was such a line.

    Lines are counted as they are executed. The line that takes a lock is left out: the interpreter acquires and
    releases a lock in C, without checking for exceptions raised in its thread.
    """
    code, (lines, first) = function.__code__, inspect.getsourcelines(function)
    left = number

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if frame.f_code is not code:
            return None
        locking = lines[frame.f_lineno - first].strip().startswith("with ")
        if event == "line" and not locking:
            left -= 1
            if left < 0:
                raise Killed
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except Killed:
        return True
    finally:
        sys.settrace(before)
    return False


def prepared(step: int) -> tuple[MemoryStore, int]:
    """Return a store with one commit at ``step``, and the incarnation that made it."""
    store = MemoryStore()
    number, _ = store.open(A)
    store.commit(snapshot(step, "old"), number)
    return store, number


@pytest.mark.parametrize("step", [1, 2], ids=["the same step again", "the next step"])
def test_a_kill_at_any_line_of_a_commit_leaves_the_old_or_the_new_one(step: int) -> None:
    line = 0
    while True:
        store, number = prepared(1)
        committed = snapshot(step, "new")
        if not kill_before_line(line, MemoryStore.commit, lambda: store.commit(committed, number)):  # noqa: B023
            break
        last = store.latest(A)
        assert last is not None
        assert last.state in ("old", "new")
        assert store.open(A)[0] == 2, "the lock is free"
        line += 1
    assert line >= 3


def test_a_reader_finds_a_commit_while_a_step_is_committed_again() -> None:
    store, number = prepared(1)
    over, missed = threading.Event(), []

    def read() -> None:
        while not over.is_set():
            if store.latest(A) is None or store.at(A, 1) is None:
                missed.append(1)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(3000):
            store.commit(snapshot(1), number)
    finally:
        over.set()
        reader.join()
        sys.setswitchinterval(interval)
    assert missed == []


def test_once_every_stage_has_committed_a_step_older_commits_are_dropped() -> None:
    store = MemoryStore([A, B])
    for address in (A, B):
        store.open(address)
    store.commit(snapshot(1, address=A), 1)
    store.commit(snapshot(1, address=B), 1)
    store.commit(snapshot(2, address=A), 1)
    assert store.at(A, 1) is not None
    store.commit(snapshot(2, address=B), 1)
    assert [store.at(address, 1) for address in (A, B)] == [None, None]
    assert [store.at(address, 2) for address in (A, B)] == [store.latest(A), store.latest(B)]


def test_commits_of_the_trainer_drop_no_commits_of_stages() -> None:
    store = MemoryStore([A, B])
    for address in (A, B, TRAINER):
        store.open(address)
        store.commit(snapshot(1, address=address), 1)
    store.commit(snapshot(2, address=A), 1)
    store.commit(snapshot(2, address=TRAINER), 1)
    assert store.at(A, 1) is not None
    assert store.at(B, 1) is not None


ADDRESSES = (A, B, TRAINER)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[int, list[tuple[Address, int]], list[tuple[Address, int]]]:
    """Return a depth, commits in the order of a run, and the same commits in any order, some of them twice.

    In a run each stage commits rising steps, and is at most ``depth`` - 1 commits ahead of another.
    """
    depth, told, reached = draw(st.integers(1, 4)), list[tuple[Address, int]](), dict.fromkeys(ADDRESSES, 0)
    for _ in range(draw(st.integers(0, 20))):
        ready = [address for address in ADDRESSES if reached[address] - min(reached.values()) < depth - 1]
        address = draw(st.sampled_from(ready or [min(ADDRESSES, key=lambda each: reached[each])]))
        reached[address] += 1
        told.append((address, 3 * reached[address]))
    again = draw(st.lists(st.sampled_from(told), max_size=6)) if told else []
    return depth, told, draw(st.permutations(told + again))


@given(arrivals())
def test_in_whatever_order_commits_arrive_the_store_ends_with_the_same(
    case: tuple[int, list[tuple[Address, int]], list[tuple[Address, int]]],
) -> None:
    depth, in_order, shuffled = case
    ends = []
    for told in (in_order, shuffled):
        store, cuts = MemoryStore(ADDRESSES, depth=depth), range(0, 3 * len(in_order) + 1, 3)
        for address, step in told:
            store.commit(snapshot(step, address=address), 0)
        ends.append([(address, step) for address in ADDRESSES for step in cuts if store.at(address, step)])
        for address in ADDRESSES:
            kept = [step for each, step in ends[-1] if each == address]
            last = store.latest(address)
            assert (last.step if last else None) == (kept[-1] if kept else None)
    assert ends[0] == ends[1]


def test_a_cut_is_reported_once_however_often_its_commits_arrive() -> None:
    shown = list[int]()
    store = MemoryStore([A, B], every=2, on_cut=lambda step, cut, kept: shown.append(step))
    for _ in range(2):
        for address in (A, B):
            for step in (1, 2):
                store.commit(snapshot(step, address=address), 0)
    assert shown == [2]
