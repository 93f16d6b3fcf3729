from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from supervisors import (
    BRUTAL_KILL,
    KILLED,
    SHUTDOWN,
    Abandoned,
    BadSpec,
    ChildAbandoned,
    ChildShutdownFailed,
    ChildSpec,
    DynamicSupervisor,
    KillRefused,
    NotFound,
    Registry,
    Rung,
    StartError,
    Strategy,
    Supervisor,
)
from supervisors.testing import ManualClock, ScriptedChild, ScriptedStart
from tests.supervisors.children.stuck import Busy, open_and_end, stuck_at
from tests.supervisors.stubs import PATIENCE_S, Gate, Recorder, Worker, down

# A kill in a callback of the garbage collector is printed by the interpreter, and lost.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_case_19_a_brutal_kill_of_a_child_that_can_be_killed_ends_in_killed_and_is_no_fault() -> None:
    recorder, start = Recorder(), ScriptedStart(heeds_shutdown=False)
    tree = Supervisor.start(
        [ChildSpec("brutal", start, shutdown=BRUTAL_KILL), ChildSpec.of(Worker, id="other")],
        strategy=Strategy.ONE_FOR_ONE,
        hooks=[recorder],
    )
    other = tree.which_child("other").ref
    tree.stop()
    assert (start.child.reason, other.exit_reason) == (KILLED, SHUTDOWN)
    assert recorder.of(ChildShutdownFailed) == []


def test_case_19_a_brutal_kill_of_a_thread_gives_no_time_to_stop_in_order() -> None:
    stops: list[str] = []

    class Tidy(Worker):
        def on_stop(self) -> None:
            stops.append("in order")

    tree = Supervisor.start(
        [ChildSpec.of(Tidy, id="t", shutdown=BRUTAL_KILL, may_abandon=True)], strategy="one_for_one"
    )
    ref = tree.which_child("t").ref
    tree.stop()
    assert ref.exit_reason == KILLED
    assert stops == []


def test_case_19_a_brutal_kill_of_a_stuck_thread_abandons_it() -> None:
    recorder, gate = Recorder(), Gate()
    specs = [ChildSpec.of(Worker, id="stuck", shutdown=BRUTAL_KILL, may_abandon=True), ChildSpec.of(Worker, id="other")]
    tree = Supervisor.start(specs, strategy=Strategy.ONE_FOR_ONE, hooks=[recorder])
    stuck, other = tree.which_child("stuck").ref, tree.which_child("other").ref
    stuck_at(gate, stuck)
    tree.stop()
    assert isinstance(stuck.exit_reason, Abandoned)
    assert other.exit_reason == SHUTDOWN
    assert [event.id for event in recorder.of(ChildAbandoned)] == ["stuck"]
    open_and_end(gate, stuck)


def test_case_20_ten_brutal_kills_at_once() -> None:
    tree = DynamicSupervisor.start()
    spec = ChildSpec.of(Worker, shutdown=BRUTAL_KILL, may_abandon=True)
    refs = [tree.start_child(spec).ref for _ in range(10)]
    works, gates = [Busy() for _ in range(3)], [Gate() for _ in range(3)]
    for ref, work in zip(refs[:3], works, strict=True):
        ref.tell(work)
        work.entered.wait(PATIENCE_S)
    for ref, gate in zip(refs[3:6], gates, strict=True):
        stuck_at(gate, ref)
    tree.stop()
    assert [down(ref) for ref in refs[:3] + refs[6:]] == [KILLED] * 7
    assert [type(down(ref)) for ref in refs[3:6]] == [Abandoned] * 3
    for ref, gate in zip(refs[3:6], gates, strict=True):
        open_and_end(gate, ref)


def test_the_graces_of_many_stuck_children_run_at_once() -> None:
    class Slow(ScriptedChild):
        def ladder(self) -> Any:
            return tuple(Rung(name, partial(pulled.append, name), 0.0) for name in ("first", "second"))

    pulled: list[str] = []
    tree = DynamicSupervisor.start()
    for _ in range(3):
        tree.start_child(ChildSpec("s", lambda context: Slow(context, heeds_shutdown=False), shutdown=0))
    tree.stop()
    assert pulled == ["first"] * 3 + ["second"] * 3


def test_case_d31_all_children_that_are_killed_end_in_killed() -> None:
    tree = DynamicSupervisor.start()
    start = ScriptedStart(heeds_shutdown=False)
    for _ in range(3):
        tree.start_child(ChildSpec("k", start, shutdown=BRUTAL_KILL))
    gate = Gate()
    stuck = tree.start_child(ChildSpec.of(Worker, shutdown=BRUTAL_KILL, may_abandon=True)).ref
    stuck_at(gate, stuck)
    tree.stop()
    assert [child.reason for child in start.children] == [KILLED] * 3
    assert isinstance(down(stuck), Abandoned)
    open_and_end(gate, stuck)


def test_case_d36_when_the_time_is_over_the_busy_one_is_forced_and_the_others_have_ended_in_order() -> None:
    clock, gate = ManualClock(), Gate()
    tree = DynamicSupervisor.start(clock=clock)
    refs = [tree.start_child(ChildSpec.of(Worker, shutdown=5.0)).ref for _ in range(3)]
    stuck_at(gate, refs[1])
    stopping = tree.stop(block=False)
    clock.wait_for_waiters()
    assert refs[1].is_alive()
    clock.advance(5.0)
    stopping.get(timeout=PATIENCE_S)
    assert [refs[0].exit_reason, refs[2].exit_reason] == [SHUTDOWN, SHUTDOWN]
    assert isinstance(refs[1].exit_reason, Abandoned)
    open_and_end(gate, refs[1])


def test_case_d38_different_shutdown_times_run_at_once() -> None:
    clock = ManualClock()
    tree = DynamicSupervisor.start(clock=clock)
    start, gate = ScriptedStart(heeds_shutdown=False), Gate()
    for shutdown in (7, BRUTAL_KILL, 3, 7):
        tree.start_child(ChildSpec("d", start, shutdown=shutdown))
    stuck = tree.start_child(ChildSpec.of(Worker, shutdown=3)).ref
    stuck_at(gate, stuck)
    stopping = tree.stop(block=False)
    reasons = []
    for _ in range(2):
        clock.wait_for_waiters()
        reasons.append([child.reason for child in start.children])
        clock.advance(3 if len(reasons) == 1 else 4)
    stopping.get(timeout=PATIENCE_S)
    assert reasons == [[None, KILLED, None, None], [None, KILLED, KILLED, None]]
    assert [child.reason for child in start.children] == [KILLED] * 4
    assert isinstance(down(stuck), Abandoned)
    assert clock.monotonic() == 7
    open_and_end(gate, stuck)


def test_case_d39_a_brutal_child_is_terminated_and_a_second_call_finds_nothing() -> None:
    with DynamicSupervisor.start() as tree:
        ref = tree.start_child(ChildSpec.of(Worker, shutdown=BRUTAL_KILL, may_abandon=True)).ref
        tree.terminate_child(ref)
        assert ref.exit_reason == KILLED
        with pytest.raises(NotFound):
            tree.terminate_child(ref)


def test_case_d39_a_brutal_child_that_is_stuck_is_abandoned_and_a_second_call_finds_nothing() -> None:
    gate = Gate()
    with DynamicSupervisor.start() as tree:
        ref = tree.start_child(ChildSpec.of(Worker, shutdown=BRUTAL_KILL, may_abandon=True)).ref
        stuck_at(gate, ref)
        tree.terminate_child(ref)
        assert isinstance(ref.exit_reason, Abandoned)
        with pytest.raises(NotFound):
            tree.terminate_child(ref)
        open_and_end(gate, ref)


def test_case_79_the_children_of_a_killed_supervisor_end_with_it_and_their_names_are_free() -> None:
    registry, gate = Registry(), Gate()
    tree = Supervisor.start(
        [ChildSpec.of(Worker, id="a", name="a"), ChildSpec.of(Worker, id="stuck", name="stuck", shutdown=0.01)],
        strategy=Strategy.ONE_FOR_ONE,
        registry=registry,
        name="killed",
    )
    refs: list[Any] = [registry.whereis("a"), registry.whereis("stuck")]
    a, stuck = refs
    stuck_at(gate, stuck)
    tree.actor_state.abandon()
    assert isinstance(down(tree), Abandoned)
    assert not down(a).is_orderly
    assert registry.names() == ["stuck"]
    open_and_end(gate, stuck)
    assert registry.names() == []


def test_case_79_a_kill_sent_to_a_supervisor_ends_its_children_too() -> None:
    tree = Supervisor.start([ChildSpec.of(Worker, id="a")], strategy=Strategy.ONE_FOR_ONE)
    ref = tree.which_child("a").ref
    tree.exit(KILLED)
    assert down(tree) == KILLED
    assert down(ref) == KILLED


@pytest.mark.parametrize("actor", [True, False], ids=["thread", "double"])
def test_a_demand_for_a_real_kill_is_refused_where_there_is_none(actor: bool) -> None:
    start: Any = ChildSpec.of(Worker).start if actor else ScriptedStart(can_be_killed=False)
    with pytest.raises(StartError, match="demands a real kill") as caught:
        Supervisor.start([ChildSpec("w", start, shutdown=BRUTAL_KILL)], strategy=Strategy.ONE_FOR_ONE)
    assert isinstance(caught.value.__cause__, KillRefused)
    assert isinstance(caught.value.__cause__, BadSpec)
    if isinstance(start, ScriptedStart):
        assert start.child.reason == SHUTDOWN


def test_a_demand_for_a_real_kill_can_be_made_with_a_shutdown_time_too() -> None:
    with pytest.raises(StartError, match="demands a real kill"):
        Supervisor.start([ChildSpec.of(Worker, may_abandon=False)], strategy=Strategy.ONE_FOR_ONE)


def test_a_brutal_kill_that_may_end_in_abandoning_is_not_refused() -> None:
    spec = ChildSpec.of(Worker, id="w", shutdown=BRUTAL_KILL, may_abandon=True)
    with Supervisor.start([spec], strategy=Strategy.ONE_FOR_ONE) as tree:
        assert tree.which_child("w").ref.ask("ping") == 1
