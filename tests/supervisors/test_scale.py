"""Many children. Time is for the benchmark; here work is counted, as the calls that the supervisor's thread makes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from supervisors import ChildExited, ChildReady, ChildSpec, DynamicSupervisor, Restart, Strategy, Supervisor
from supervisors.testing import ScriptedStart
from tests.supervisors.stubs import PATIENCE_S, Recorder, Worker, down

LINEAR = 1.3
"""Ten times the children may take so much more than ten times the work."""


def work_of(many: Callable[[int], None], count: int) -> int:
    """Return how many functions, Python's and C's, are called in the threads that ``many(count)`` starts."""
    calls = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    threading.setprofile(note)
    try:
        many(count)
    finally:
        threading.setprofile(None)
    return calls


def start_and_stop(count: int) -> None:
    start = ScriptedStart()
    Supervisor.start([ChildSpec(str(n), start) for n in range(count)], strategy=Strategy.ONE_FOR_ONE).stop()
    assert len(start.children) == count


def crash_each_once(count: int) -> None:
    recorder, start = Recorder(), ScriptedStart()
    specs = [ChildSpec(str(n), start) for n in range(count)]
    with Supervisor.start(specs, strategy="one_for_one", max_restarts=count, hooks=[recorder]):
        for child in tuple(start.children):
            child.crash()
        recorder.ready(str(count - 1), 2)


def terminate_temporary(count: int) -> None:
    start = ScriptedStart()
    with DynamicSupervisor.start() as tree:
        refs = [tree.start_child(ChildSpec("t", start, restart=Restart.TEMPORARY)).ref for _ in range(count)]
        for ref in refs:
            tree.terminate_child(ref)
        assert tree.count_children().specs == 0


def test_case_88_starting_and_stopping_ten_times_the_children_is_ten_times_the_work() -> None:
    assert work_of(start_and_stop, 1000) < 10 * LINEAR * work_of(start_and_stop, 100)


def test_case_77_terminating_ten_times_the_temporary_children_is_ten_times_the_work() -> None:
    assert work_of(terminate_temporary, 1000) < 10 * LINEAR * work_of(terminate_temporary, 100)


def test_restarting_ten_times_the_children_is_ten_times_the_work() -> None:
    assert work_of(crash_each_once, 1000) < 10 * LINEAR * work_of(crash_each_once, 100)


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ONE, Strategy.REST_FOR_ONE])
def test_a_thousand_actors_start_crash_once_each_and_stop_without_a_thread_left(strategy: Strategy) -> None:
    count = 1000 if strategy is Strategy.ONE_FOR_ONE else 20
    before = set(threading.enumerate())
    recorder = Recorder()
    specs = [ChildSpec.of(Worker, id=str(n)) for n in range(count)]
    tree = Supervisor.start(specs, strategy=strategy, max_restarts=count, hooks=[recorder])
    assert threading.active_count() == len(before) + count + 1
    for info in reversed(tree.which_children()):
        ref = tree.which_child(info.id).ref
        while ref is None or not ref.is_alive():
            ref = tree.which_child(info.id).ref
        ref.tell("die")
        down(ref)
    recorder.wait_count(ChildReady, 2 * count if strategy is Strategy.ONE_FOR_ONE else count + count * (count + 1) // 2)
    children = tree.which_children()
    assert len(children) == count
    assert all(info.ref.ask("ping", timeout=PATIENCE_S) >= 2 for info in children)
    tree.stop()
    assert set(threading.enumerate()) == before
    assert len(recorder.of(ChildExited)) == len(recorder.of(ChildReady))
