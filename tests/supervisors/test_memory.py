"""What has ended is freed by reference counting alone: nothing waits for the garbage collector.

Each story builds something, ends it, and forgets it, with the collector switched off. Then every actor, reference,
mailbox and thread of it must be gone, and the collector must find nothing that refers to itself.
"""

from __future__ import annotations

import gc
import logging
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pykka
import pytest

from supervisors import (
    BRUTAL_KILL,
    KILLED,
    SHUTDOWN,
    Actor,
    ActorDead,
    AlreadyStarted,
    Backoff,
    ChildExited,
    ChildSpec,
    ChildStartFailed,
    DeadlineExceeded,
    Down,
    DynamicSupervisor,
    Escalated,
    Exit,
    Ignore,
    MailboxFull,
    MailboxLimit,
    Overflow,
    PartitionSupervisor,
    Ref,
    Registry,
    ScheduledActor,
    Scheduler,
    StartError,
    Supervisor,
    TaskSupervisor,
    exit,
    on,
    render_tree,
)
from supervisors.testing import ManualClock, ScriptedStart
from tests.supervisors.stubs import PATIENCE_S, Died, Gate, Recorder, Worker, down, tell_and_see_die

BORN: list[tuple[str, weakref.ref[Any]]] = []
"""Everything that must be gone in the end."""


def trace(*things: Any) -> None:
    BORN.extend((repr(thing), weakref.ref(thing)) for thing in things)


class Traced(Worker):
    """A worker whose parts are traced."""

    def __init__(self, *names: Any) -> None:
        super().__init__()
        trace(self, self.actor_ref, self.actor_inbox)

    def on_start(self) -> None:
        trace(threading.current_thread())


class Small(Traced):
    """A worker with room for one message."""

    mailbox_limit = MailboxLimit(1, Overflow.FAIL)


class Failing(Traced):
    """Crashes in its first hook."""

    def on_start(self) -> None:
        raise Died("in on_start")


class Broken(Traced):
    """Crashes in its constructor, after the superclass's."""

    def __init__(self) -> None:
        super().__init__()
        raise Died("in __init__")


class Unwilling(Traced):
    """Does not want to run."""

    def on_start(self) -> None:
        raise Ignore


class TracedScheduled(ScheduledActor):
    """The same on a scheduler; does what it is told."""

    kill_grace_s = 0.05

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler)
        trace(self, self.actor_ref, self.actor_inbox)

    def on_receive(self, message: Any) -> Any:
        if message == "die":
            raise Died("told to")
        return message(self) if callable(message) else message


def traced(tree: Any) -> Any:
    trace(tree, tree.actor_inbox)
    return tree


STORIES: list[Callable[[], None]] = []


def story(function: Callable[[], None]) -> Callable[[], None]:
    STORIES.append(function)
    return function


# Actors alone


@story
def an_actor_stops() -> None:
    Traced.start().stop()


@story
def an_actor_crashes_at_a_message() -> None:
    ref = Traced.start()
    tell_and_see_die(ref)
    assert ref.exit_reason is not None


@story
def an_actor_crashes_at_a_question() -> None:
    with pytest.raises(Died):
        Traced.start().ask("die")


@story
def an_actor_is_killed() -> None:
    ref, gate = Traced.start(), Gate()
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    exit(ref, KILLED)
    gate.opened.set()
    assert down(ref) == KILLED


@story
def an_actor_does_not_start() -> None:
    with pytest.raises(StartError):
        Failing.start()
    with pytest.raises(Died):
        Broken.start()
    with pytest.raises(Ignore):
        Unwilling.start()


@story
def a_question_to_a_dead_actor_fails() -> None:
    ref = Traced.start()
    assert ref.stop()
    with pytest.raises(ActorDead):
        ref.ask("ping")
    ref.tell("ping")
    assert not ref.stop()
    assert ref.stop(block=False).get(timeout=PATIENCE_S) is False


@story
def messages_and_questions_are_left_in_the_mailbox() -> None:
    ref, gate = Traced.start(), Gate()
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    ref.tell(lambda actor: ref)
    asked = [ref.ask("ping", block=False)]
    exit(ref, SHUTDOWN)
    gate.opened.set()
    with pytest.raises(ActorDead):
        asked.pop().get(timeout=PATIENCE_S)  # a variable of this function that held the failed future would be a cycle
    down(ref)


@story
def a_bounded_mailbox_is_full() -> None:
    ref, gate = Small.start(), Gate()
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    ref.tell("ping")
    with pytest.raises(MailboxFull):
        ref.ask("ping")
    gate.opened.set()
    ref.stop()


@story
def a_proxy_is_used() -> None:
    ref = Traced.start()
    assert ref.proxy().incarnation.get(timeout=PATIENCE_S) == 1
    ref.stop()


@story
def a_question_is_too_slow() -> None:
    ref, gate = Traced.start(), Gate()
    ref.tell(gate)
    with pytest.raises(pykka.Timeout):
        ref.ask("ping", timeout=0.001)
    with pytest.raises(DeadlineExceeded):
        ref.ask("ping", deadline_s=0.001)
    gate.opened.set()
    ref.stop()


@story
def timers_are_due_after_the_end() -> None:
    ref = Traced.start()
    ref.ask(lambda actor: setattr(actor, "timer", actor.send_after(3600, actor.actor_ref)))
    assert ref.ask("ping", deadline_s=3600) == 1
    ref.stop()


@story
def a_hook_waits_for_a_message_that_does_not_come() -> None:
    def wait(actor: Actor) -> None:
        with pytest.raises(pykka.Timeout):
            actor.receive(str, timeout_s=0.001)

    ref = Traced.start()
    ref.ask(wait)
    ref.stop()


# Links and monitors


@story
def linked_actors_end_together() -> None:
    one, other = Traced.start(), Traced.start()
    one.ask(lambda actor: actor.link(other))
    one.ask(lambda actor: setattr(actor, "other", other))
    other.ask(lambda actor: setattr(actor, "other", one))
    tell_and_see_die(one)
    down(other)


@story
def linked_actors_end_at_the_same_time() -> None:
    one, other, gates = Traced.start(), Traced.start(), (Gate(), Gate())
    one.ask(lambda actor: actor.link(other))
    for ref, gate in zip((one, other), gates, strict=True):
        ref.tell(gate)
        gate.entered.wait(PATIENCE_S)
        exit(ref, KILLED)
    for gate in gates:
        gate.opened.set()
    down(one), down(other)


@story
def an_exit_signal_comes_too_late() -> None:
    one, other = Traced.start(), Traced.start()
    one.stop()
    exit(one, SHUTDOWN)

    def link(actor: Actor) -> None:
        actor.trap_exit = True
        actor.link(one)
        actor.receive(Exit)

    other.ask(link)
    other.stop()


@story
def monitors_are_notified_or_forgotten() -> None:
    one, other, third = Traced.start(), Traced.start(), Traced.start()
    third.ask(lambda actor: actor.demonitor(one, actor.monitor(one)))
    heard = other.ask(lambda actor: (actor.monitor(one), actor.receive(Down))[1], block=False)
    tell_and_see_die(one)
    assert heard.get(timeout=PATIENCE_S).ref is one
    other.ask(lambda actor: actor.monitor(one) and None)
    other.stop()
    third.stop()


# Supervisors


def nested() -> list[ChildSpec]:
    inner = [ChildSpec.of(Traced, id=id) for id in "ab"]
    return [
        ChildSpec.of(Supervisor, inner, strategy=strategy, id=strategy)
        for strategy in ("one_for_one", "one_for_all", "rest_for_one")
    ]


@story
def a_tree_stops() -> None:
    tree = traced(Supervisor.start(nested(), strategy="one_for_all", hooks=[lambda event: None]))
    trace(*(child.ref for child in tree.which_children()))
    assert render_tree(tree)
    tree.stop()


@story
def children_crash_and_are_restarted() -> None:
    recorder = Recorder()
    with traced(Supervisor.start(nested(), strategy="one_for_all", hooks=[recorder])) as tree:
        for supervisor in tree.which_children():
            tell_and_see_die(supervisor.ref.which_child("a").ref)
        for supervisor in tree.which_children():
            recorder.wait_for(lambda e: e.id == "a" and e.incarnation == 2 and type(e).__name__ == "ChildRestarted")
            assert supervisor.ref.which_child("a").ref.ask("ping") == 2


@story
def a_supervisor_gives_up_and_then_the_root() -> None:
    recorder = Recorder()
    spec = ChildSpec.of(Supervisor, [Traced], strategy="one_for_one", max_restarts=0, id="inner")
    tree = traced(Supervisor.start([spec], strategy="one_for_one", max_restarts=0, hooks=[recorder]))
    tell_and_see_die(tree.which_child("inner").ref.which_child("Traced").ref)
    assert down(tree).exception is not None
    assert len(recorder.of(Escalated)) == 2


@story
def a_tree_does_not_start() -> None:
    children = [ChildSpec.of(Traced, id="a"), ChildSpec.of(Failing, id="b"), ChildSpec.of(Traced, id="c")]
    for specs in (
        children,
        [ChildSpec.of(Broken)],
        [ChildSpec.of(Supervisor, children, strategy="one_for_all", id="i")],
    ):
        with pytest.raises(StartError):
            Supervisor.start(specs, strategy="one_for_one")


@story
def a_child_does_not_start_in_a_living_tree() -> None:
    with traced(Supervisor.start([Unwilling], strategy="one_for_one")) as tree:
        for spec in (Failing, Broken):
            with pytest.raises(StartError):
                tree.start_child(spec)
    with traced(DynamicSupervisor.start()) as dynamic:
        with pytest.raises(StartError):
            dynamic.start_child(Failing)
        assert dynamic.start_child(Unwilling).ref is None


@story
def a_restart_fails_until_the_supervisor_gives_up() -> None:
    start = ScriptedStart([None, *(Died(str(number)) for number in range(4))])
    tree = traced(Supervisor.start([ChildSpec("s", start)], strategy="one_for_one"))
    start.child.crash()
    assert down(tree).exception is not None


@story
def a_tree_stops_between_two_attempts() -> None:
    ended: SimpleQueue[str] = SimpleQueue()
    specs = [ChildSpec.of(Traced, id=id) for id in "ab"]
    backoff, hook = Backoff(min_s=3600, max_s=3600), on(ChildExited, lambda event: ended.put(event.id))
    with traced(Supervisor.start(specs, strategy="one_for_one", backoff=backoff, hooks=[hook])) as tree:
        for id in "ab":
            tell_and_see_die(tree.which_child(id).ref)
            assert ended.get(timeout=PATIENCE_S) == id


@story
def a_supervisor_is_killed() -> None:
    tree = traced(Supervisor.start(nested(), strategy="one_for_one"))
    children = [child.ref for child in tree.which_children()]
    workers = [child.ref for supervisor in children for child in supervisor.which_children()]
    exit(tree, KILLED)
    assert {down(ref) for ref in (tree, *children, *workers)}


@story
def a_supervisor_is_killed_between_two_attempts() -> None:
    failed = threading.Event()
    start = ScriptedStart([None, Died("again")])
    backoff, hook = Backoff(min_s=0.01, max_s=0.01), on(ChildStartFailed, lambda event: failed.set())
    tree = traced(
        Supervisor.start([ChildSpec("s", start)], strategy="one_for_one", backoff=backoff, hooks=[hook], max_restarts=1)
    )
    start.children.pop().crash()
    assert failed.wait(PATIENCE_S)
    exit(tree, KILLED)
    down(tree)


@story
def a_child_is_killed_and_abandoned_and_ends_after_all() -> None:
    class Deaf(Traced):
        interruptible = False

    gate = Gate()
    tree = traced(Supervisor.start([ChildSpec.of(Deaf, shutdown=0.01)], strategy="one_for_one"))
    ref = tree.which_child("Deaf").ref
    thread = ref.ask(lambda actor: threading.current_thread())
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    tree.stop()
    ref.tell("late")
    gate.opened.set()
    thread.join(PATIENCE_S)


@story
def a_child_is_interrupted() -> None:
    spec = ChildSpec.of(Traced, shutdown=BRUTAL_KILL, may_abandon=True)
    with traced(Supervisor.start([spec], strategy="one_for_one")) as tree:
        tree.which_child("Traced").ref.tell(lambda actor: [None for _ in iter(int, 1)])


@story
def dynamic_children_come_and_go() -> None:
    recorder = Recorder()
    with traced(DynamicSupervisor.start(hooks=[recorder], mailbox_sample_s=3600)) as tree:
        refs = [tree.start_child((Traced, number)).ref for number in range(4)]
        tell_and_see_die(refs[0])
        tree.terminate_child(refs[1])
        recorder.ready("Traced", 2)


@story
def partitions_are_routed_to() -> None:
    with traced(PartitionSupervisor.start(Traced, partitions=3)) as tree:
        assert tree.route("key").ask("ping") == 1
        tree.resize(1)


@story
def tasks_end_and_fail() -> None:
    owner = Traced.start()
    with traced(TaskSupervisor.start()) as tree:
        assert tree.run(sum, [1, 2]).result(PATIENCE_S) == 3
        with pytest.raises(ZeroDivisionError):
            tree.run(lambda: 1 / 0).result(PATIENCE_S)
        owner.ask(lambda actor: tree.run_linked(actor, lambda: 1 / 0) and None)
        down(owner)


# Names


@story
def names_are_registered() -> None:
    heard: list[object] = []
    registry = Registry(listeners=[lambda event: heard.append(type(event))])
    specs = [ChildSpec.of(Traced, id=id, name=id) for id in "ab"]
    with traced(Supervisor.start(specs, strategy="one_for_one", registry=registry)):
        registry.register("more", registry.whereis("a"), value="value")
        with pytest.raises(AlreadyStarted):
            registry.register("a", registry.whereis("b"))
    assert registry.count() == 0


@story
def a_name_is_taken() -> None:
    registry, other = Registry(), Traced.start()
    registry.register("a", other)
    with traced(Supervisor.start([], strategy="one_for_one", registry=registry)) as tree, pytest.raises(StartError):
        tree.start_child(ChildSpec.of(Traced, name="a"))
    other.stop()


# Actors on a scheduler


def scheduled(scheduler: Scheduler) -> Ref[TracedScheduled]:
    return TracedScheduled.start(scheduler)


@story
def scheduled_actors_stop_and_crash_and_are_killed() -> None:
    with Scheduler(2) as scheduler:
        trace(scheduler)
        scheduled(scheduler).stop()
        tell_and_see_die(scheduled(scheduler))
        with pytest.raises(Died):
            scheduled(scheduler).ask("die")
        ref = scheduled(scheduler)
        exit(ref, KILLED)
        assert down(ref) == KILLED


@story
def scheduled_actors_do_not_start() -> None:
    class FailingScheduled(TracedScheduled):
        def on_start(self) -> None:
            raise Died("in on_start")

    class BrokenScheduled(TracedScheduled):
        def __init__(self, scheduler: Scheduler) -> None:
            super().__init__(scheduler)
            raise Died("in __init__")

    with Scheduler(1) as scheduler:
        with pytest.raises(StartError):
            FailingScheduled.start(scheduler)
        with pytest.raises(Died):
            BrokenScheduled.start(scheduler)


@story
def a_scheduled_tree_stops_after_restarts() -> None:
    recorder = Recorder()
    with Scheduler(2) as scheduler:
        specs = [ChildSpec.of(TracedScheduled, scheduler, id=id) for id in "ab"]
        with traced(Supervisor.start(specs, strategy="one_for_all", hooks=[recorder])) as tree:
            tell_and_see_die(tree.which_child("a").ref)
            recorder.ready("b", 2)


@story
def a_scheduled_actor_past_its_deadline_is_abandoned() -> None:
    gate = Gate()
    with Scheduler(1, deadline_s=0.05) as scheduler:
        ref = scheduled(scheduler)
        ref.tell(lambda actor: gate.pass_through())
        gate.entered.wait(PATIENCE_S)
        down(ref)
        gate.opened.set()


@story
def scheduled_actors_are_idle_when_their_scheduler_stops() -> None:
    with Scheduler(1) as scheduler:
        ref = scheduled(scheduler)
        assert ref.ask("hello") == "hello"
    with pytest.raises(ActorDead):
        ref.ask("hello")


# Time


@story
def a_tree_runs_on_a_manual_clock() -> None:
    clock = ManualClock()
    trace(clock)
    with traced(Supervisor.start([Traced], strategy="one_for_one", clock=clock)) as tree:
        tree.which_child("Traced").ref.ask(lambda actor: actor.send_after(5, "ping") and None)
        clock.wait_for_waiters()
        clock.advance(5)


@pytest.fixture(autouse=True)
def _no_collector(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Collect only when told to; and log nothing, since a log record holds exceptions."""
    caplog.set_level(logging.CRITICAL + 1, "supervisors")
    BORN.clear()
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def cycles() -> list[str]:
    """Return everything of ours that only the collector would free."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return [
            repr(each) for each in gc.garbage if type(each).__module__.partition(".")[0] in ("supervisors", "pykka")
        ]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


@pytest.mark.parametrize("tell", STORIES, ids=lambda function: function.__name__)
def test_nothing_is_left_when(tell: Callable[[], None]) -> None:
    tell()
    assert BORN
    assert [name for name, thing in BORN if thing() is not None] == []
    assert cycles() == []


class Carrier(Traced):
    """Crashes with something in hand."""

    def on_receive(self, message: Any) -> Any:
        parcel = Parcel()
        trace(parcel)
        raise Died(f"of {parcel}")


class Parcel:
    """Something that an actor works on."""


def test_a_reason_keeps_neither_its_actor_nor_the_work_of_that_and_still_prints_its_traceback() -> None:
    ref = Carrier.start()
    reason = tell_and_see_die(ref)
    assert [name for name, thing in BORN if isinstance(thing(), Carrier | Parcel)] == []
    assert reason.exc_info is not None
    assert traceback.extract_tb(reason.exc_info[2])[-1].line == 'raise Died(f"of {parcel}")'
