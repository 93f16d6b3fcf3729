from __future__ import annotations

import threading
from typing import Any

import pytest

from supervisors import (
    INFINITY,
    NORMAL,
    SHUTDOWN,
    BadSpec,
    ChildSpec,
    Crashed,
    DynamicSupervisor,
    NotFound,
    Shutdown,
)
from supervisors.testing import ManualClock, ScriptedStart
from tests.supervisors.dynamic.children import scripted
from tests.supervisors.stubs import (
    PATIENCE_S,
    Died,
    Gate,
    Stubborn,
    Worker,
    down,
)


def test_case_36_children_shut_down_in_parallel() -> None:
    clock = ManualClock()
    tree = DynamicSupervisor.start(clock=clock)
    gate = Gate()
    together = threading.Barrier(6)

    class Slow(Worker):
        def on_stop(self) -> None:
            together.wait(PATIENCE_S)

    refs = [tree.start_child(ChildSpec.of(Slow, shutdown=5)).ref for _ in range(5)]
    stopping = tree.stop(block=False)
    together.wait(PATIENCE_S)
    stopping.get(timeout=PATIENCE_S)
    assert [down(ref) for ref in refs] == [SHUTDOWN] * 5
    assert clock.monotonic() == 0
    assert not gate.entered.is_set()


@pytest.mark.parametrize("shutdown", [0, 1])
def test_case_d29_shutdown_times_0_and_1_are_accepted(shutdown: int) -> None:
    start, spec = scripted(shutdown=shutdown)
    with DynamicSupervisor.start() as tree:
        tree.start_child(spec)
    assert start.child.reason == SHUTDOWN


def test_case_d30_a_negative_shutdown_time_is_refused() -> None:
    with DynamicSupervisor.start() as tree, pytest.raises(BadSpec, match="`shutdown`"):
        tree.start_child({"id": "x", "start": ScriptedStart(), "shutdown": -1})


def stopped_with(shutdown: float, reason: Any = None) -> Any:
    """Return why a child ended that was told to stop, with a reason of its own perhaps."""
    tree = DynamicSupervisor.start()
    actor_class, args = (Worker, ()) if reason is None else (Stubborn, (reason,))
    ref = tree.start_child(ChildSpec.of(actor_class, *args, shutdown=shutdown)).ref
    tree.stop()
    return down(ref)


def test_case_d32_infinity_ends_in_shutdown() -> None:
    assert stopped_with(INFINITY) == SHUTDOWN


def test_case_d33_infinity_lets_the_child_choose_its_shutdown_reason() -> None:
    assert stopped_with(INFINITY, Shutdown("mine")) == Shutdown("mine")


def test_case_d34_seconds_end_in_shutdown() -> None:
    assert stopped_with(5) == SHUTDOWN


def test_case_d35_seconds_let_the_child_choose_its_reason() -> None:
    assert stopped_with(5, NORMAL) == NORMAL


def test_case_22_a_child_may_end_for_another_reason_when_told_to_stop() -> None:
    error = Crashed(Died())
    tree = DynamicSupervisor.start()
    ref = tree.start_child(ChildSpec.of(Stubborn, error)).ref
    assert tree.stop()
    assert (down(ref), down(tree)) == (error, SHUTDOWN)


def test_case_d40_terminate_child_gives_the_child_its_time() -> None:
    with DynamicSupervisor.start() as tree:
        ref = tree.start_child(ChildSpec.of(Worker, shutdown=5)).ref
        tree.terminate_child(ref)
        assert down(ref) == SHUTDOWN
        assert tree.which_children() == []
        with pytest.raises(NotFound):
            tree.terminate_child(ref)
