"""What happens to a child that does not stop: asked, cancelled, interrupted, at last abandoned; never called killed."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from supervisors import (
    BRUTAL_KILL,
    KILLED,
    SHUTDOWN,
    Abandoned,
    ActorDead,
    BadSpec,
    ChildAbandoned,
    ChildExited,
    ChildShutdownFailed,
    ChildSpec,
    DynamicSupervisor,
    Event,
    KillRefused,
    NotFound,
    Registry,
    Rung,
    StartError,
    Strategy,
    Supervisor,
    abandoned_threads,
    exit,
)
from supervisors.lifecycle.signals import Kill
from supervisors.testing import ManualClock, ScriptedChild, ScriptedStart
from tests.supervisors.stubs import PATIENCE_S, Gate, Recorder, Worker, down

# A kill that strikes while the garbage collector calls somebody back is printed by the interpreter, and gone.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Busy:
    """A handler that loops in Python: an asynchronous exception reaches it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.left_by: BaseException | None = None

    def __call__(self, _actor: Worker) -> None:
        try:
            self.entered.set()
            while True:
                pass
        except BaseException as error:
            self.left_by = error
            raise


class Polite:
    """A handler that loops and looks at its cancel token."""

    def __init__(self) -> None:
        self.entered = threading.Event()

    def __call__(self, actor: Worker) -> None:
        self.entered.set()
        actor.cancelled.wait()


def stuck_at(gate: Gate, ref: Any) -> None:
    """Make an actor wait inside C code, where nothing reaches it."""
    ref.tell(gate)
    assert gate.entered.wait(PATIENCE_S)


def open_and_end(gate: Gate, ref: Any) -> None:
    """Let an abandoned thread go, and wait for its end."""
    gate.opened.set()
    ref.actor_state.thread.join(PATIENCE_S)


def kinds(recorder: Recorder, id: str) -> list[str]:
    return [type(event).__name__ for event in recorder.events if event.id == id]


def test_an_idle_child_needs_no_ladder() -> None:
    recorder = Recorder()
    Supervisor.start([ChildSpec.of(Worker, id="w")], strategy="one_for_one", hooks=[recorder]).stop()
    assert [event.reason for event in recorder.events if isinstance(event, ChildExited)] == [SHUTDOWN]
    assert recorder.of(ChildShutdownFailed) == []


def test_a_stop_comes_before_the_messages_that_still_wait() -> None:
    handled: list[str] = []
    gate = Gate()
    tree = Supervisor.start([ChildSpec.of(Worker, id="w")], strategy="one_for_one")
    ref = tree.which_child("w").ref
    stuck_at(gate, ref)
    ref.tell(lambda _: handled.append("late"))
    stopping = tree.stop(block=False)
    while not ref.actor_state.mailbox.signals:
        tree.wait(0.001)
    gate.opened.set()
    stopping.get()
    assert down(tree) == SHUTDOWN
    assert handled == []
    assert ref.dead_letters == 1


def test_work_may_look_whether_somebody_waits_for_its_end() -> None:
    entered = threading.Event()

    def until_asked(actor: Worker) -> None:
        entered.set()
        while not actor.stop_requested:
            pass

    tree = Supervisor.start([ChildSpec.of(Worker, id="w")], strategy="one_for_one")
    ref = tree.which_child("w").ref
    ref.tell(until_asked)
    entered.wait(PATIENCE_S)
    tree.stop()
    assert ref.exit_reason == SHUTDOWN


def test_a_child_that_heeds_its_cancel_token_ends_without_an_exception() -> None:
    work = Polite()
    tree = Supervisor.start([ChildSpec.of(Worker, id="w", shutdown=0)], strategy="one_for_one")
    ref = tree.which_child("w").ref
    ref.tell(work)
    work.entered.wait(PATIENCE_S)
    tree.stop()
    assert ref.exit_reason in (SHUTDOWN, KILLED)
    assert abandoned_threads() == []


def test_case_17_a_child_busy_past_its_time_is_killed_by_an_exception_and_its_sibling_ends_in_order() -> None:
    recorder, work = Recorder(), Busy()
    tree = Supervisor.start(
        [ChildSpec.of(Worker, id="idle"), ChildSpec.of(Worker, id="busy", shutdown=0.01)],
        strategy=Strategy.ONE_FOR_ONE,
        hooks=[recorder],
    )
    idle, busy = tree.which_child("idle").ref, tree.which_child("busy").ref
    busy.tell(work)
    work.entered.wait(PATIENCE_S)
    tree.stop()
    assert (idle.exit_reason, busy.exit_reason) == (SHUTDOWN, KILLED)
    assert isinstance(work.left_by, Kill)
    assert [event.id for event in recorder.of(ChildShutdownFailed)] == ["busy"]


def test_case_17_a_child_stuck_past_its_time_is_abandoned_reported_and_counted() -> None:
    recorder, gate = Recorder(), Gate()
    tree = Supervisor.start(
        [ChildSpec.of(Worker, id="idle"), ChildSpec.of(Worker, id="stuck", shutdown=0.01)],
        strategy=Strategy.ONE_FOR_ONE,
        hooks=[recorder],
    )
    idle, stuck = tree.which_child("idle").ref, tree.which_child("stuck").ref
    stuck_at(gate, stuck)
    tree.terminate_child("stuck")
    assert isinstance(stuck.exit_reason, Abandoned)
    assert "pass_through" in stuck.exit_reason.stack
    assert kinds(recorder, "stuck")[2:] == ["ChildExited", "ChildAbandoned", "ChildShutdownFailed"]
    assert tree.snapshot().abandoned == 1
    assert abandoned_threads() == ["Worker 'stuck'"]
    tree.stop()
    assert idle.exit_reason == SHUTDOWN
    open_and_end(gate, stuck)
    assert abandoned_threads() == []
    assert isinstance(stuck.exit_reason, Abandoned)


def test_case_18_the_same_for_a_dynamic_supervisor() -> None:
    gate, work = Gate(), Busy()
    tree = DynamicSupervisor.start()
    idle, stuck, busy = (tree.start_child(ChildSpec.of(Worker, shutdown=0.01)).ref for _ in range(3))
    stuck_at(gate, stuck)
    busy.tell(work)
    work.entered.wait(PATIENCE_S)
    tree.stop()
    assert idle.exit_reason == SHUTDOWN
    assert busy.exit_reason == KILLED
    assert isinstance(stuck.exit_reason, Abandoned)
    open_and_end(gate, stuck)


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


def test_an_actor_that_must_not_be_interrupted_is_abandoned_without_an_exception() -> None:
    work, enough = Busy(), threading.Event()

    class Careful(Worker):
        interruptible = False

    def busy(_actor: Worker) -> None:
        work.entered.set()
        while not enough.is_set():
            pass

    tree = Supervisor.start([ChildSpec.of(Careful, id="w", shutdown=0)], strategy=Strategy.ONE_FOR_ONE)
    ref = tree.which_child("w").ref
    ref.tell(busy)
    work.entered.wait(PATIENCE_S)
    tree.stop()
    assert isinstance(down(ref), Abandoned)
    enough.set()
    ref.actor_state.thread.join(PATIENCE_S)


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
    exit(tree, KILLED)
    assert down(tree) == KILLED
    assert down(ref) == KILLED


def test_case_x4_what_an_abandoned_thread_still_sends_and_answers_is_dropped() -> None:
    gate = Gate()
    received: list[str] = []
    outcome: list[BaseException] = []
    receiver = Worker.start()

    def late(actor: Worker) -> str:
        with suppress(Kill):
            gate.pass_through()
        receiver.tell(lambda _: received.append("late tell"))
        try:
            receiver.ask("ping")
        except ActorDead as error:
            outcome.append(error)
        return "late answer"

    tree = Supervisor.start([ChildSpec.of(Worker, id="w", shutdown=0)], strategy=Strategy.ONE_FOR_ONE)
    ref = tree.which_child("w").ref
    answer = ref.ask(late, block=False)
    gate.entered.wait(PATIENCE_S)
    tree.terminate_child("w")
    with pytest.raises(ActorDead, match="abandoned"):
        answer.get(timeout=PATIENCE_S)
    successor = tree.restart_child("w").ref
    open_and_end(gate, ref)
    assert receiver.ask("ping") == 1
    assert received == []
    assert "abandoned" in str(outcome[0])
    assert ref.late_sends == 2
    assert successor.ask("ping") == 2
    tree.stop()
    receiver.stop()


def test_case_x4_an_abandoned_actor_cannot_take_its_name_back() -> None:
    registry, gate = Registry(), Gate()
    refused: list[BaseException] = []

    def late(actor: Worker) -> None:
        with suppress(Kill):
            gate.pass_through()
        try:
            registry.register("other", actor.actor_ref)
        except ActorDead as error:
            refused.append(error)

    spec = ChildSpec.of(Worker, id="w", name="w", shutdown=0)
    tree = Supervisor.start([spec], strategy=Strategy.ONE_FOR_ONE, registry=registry)
    ref: Any = registry.whereis("w")
    ref.tell(late)
    gate.entered.wait(PATIENCE_S)
    tree.terminate_child("w")
    assert registry.whereis("w") is None
    open_and_end(gate, ref)
    assert len(refused) == 1
    assert registry.whereis("other") is None
    tree.stop()


def test_one_that_catches_everything_and_goes_on_is_abandoned() -> None:
    entered, enough = threading.Event(), threading.Event()

    def swallow(_actor: Worker) -> None:
        while not enough.is_set():
            try:
                entered.set()
                enough.wait(0.001)
            except BaseException:  # noqa: BLE001 - what it must not do, and does
                pass

    tree = Supervisor.start([ChildSpec.of(Worker, id="w", shutdown=0)], strategy=Strategy.ONE_FOR_ONE)
    ref = tree.which_child("w").ref
    ref.tell(swallow)
    entered.wait(PATIENCE_S)
    tree.stop()
    assert isinstance(ref.exit_reason, Abandoned)
    enough.set()
    ref.actor_state.thread.join(PATIENCE_S)


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


def test_who_says_that_abandoning_is_acceptable_is_not_refused() -> None:
    spec = ChildSpec.of(Worker, id="w", shutdown=BRUTAL_KILL, may_abandon=True)
    with Supervisor.start([spec], strategy=Strategy.ONE_FOR_ONE) as tree:
        assert tree.which_child("w").ref.ask("ping") == 1


def test_an_abandoned_child_can_be_restarted() -> None:
    gates = [Gate(), Gate()]
    tree = Supervisor.start([ChildSpec.of(Worker, id="w", shutdown=0)], strategy=Strategy.ONE_FOR_ONE)
    refs = []
    for gate in gates:
        refs.append(tree.which_child("w").ref)
        stuck_at(gate, refs[-1])
        tree.terminate_child("w")
        tree.restart_child("w")
    assert tree.snapshot().abandoned == 2
    assert tree.which_child("w").incarnation == 3
    tree.stop()
    for gate, ref in zip(gates, refs, strict=True):
        open_and_end(gate, ref)


def test_events_never_call_an_abandoned_child_killed() -> None:
    recorder, gate = Recorder(), Gate()
    tree = Supervisor.start([ChildSpec.of(Worker, id="w", shutdown=0)], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder])
    ref = tree.which_child("w").ref
    stuck_at(gate, ref)
    tree.stop()
    told = [getattr(event, "reason", None) for event in recorder.events]
    assert KILLED not in told
    assert [type(event) for event in recorder.of(ChildAbandoned)] == [ChildAbandoned]
    assert issubclass(ChildAbandoned, Event)
    open_and_end(gate, ref)
