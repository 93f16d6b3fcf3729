"""How an actor on a scheduler ends, and that no other is harmed by it."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Any

import pytest

from supervisors import (
    KILLED,
    SHUTDOWN,
    ActorDead,
    ChildSpec,
    Down,
    ScheduledActor,
    Scheduler,
    Supervisor,
    abandoned_threads,
)
from supervisors.rules.reasons import Abandoned, Crashed
from tests.supervisors.scheduled.pupils import Pupil, child, held
from tests.supervisors.stubs import PATIENCE_S, Gate, Recorder, down

# A kill in a destructor is reported by Python, and not raised: the actor ends before its next message.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_an_exception_ends_the_actor_and_no_other(one: Scheduler) -> None:
    bad, good = Pupil.start(one), Pupil.start(one)
    bad.tell("die")
    assert isinstance(down(bad), Crashed)
    assert good.ask("hello") == "hello"
    with pytest.raises(ActorDead):
        bad.ask("hello")
    good.stop()


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_nothing_that_is_raised_in_a_turn_ends_a_thread(one: Scheduler, error: type[BaseException]) -> None:
    class Raises(Pupil):
        def on_turn(self) -> None:
            raise error

    bad, good = Raises.start(one), Pupil.start(one)
    bad.tell(1)
    reason = down(bad)
    assert isinstance(reason.exception, error)
    assert good.ask("hello") == "hello"
    good.stop()


def test_monitors_are_notified_of_an_end(one: Scheduler) -> None:
    watcher, watched = Pupil.start(one), Pupil.start(one)
    future = watcher.ask(lambda actor: (actor.monitor(watched), actor.receive(Down))[1], block=False)
    watched.tell("die")
    assert isinstance(future.get(timeout=PATIENCE_S).reason, Crashed)
    watcher.stop()


def test_a_kill_ends_an_actor_before_its_next_message(one: Scheduler) -> None:
    ref, gate = held(one)
    ref.tell("never seen")
    ref.exit(KILLED)
    gate.opened.set()
    assert down(ref) == KILLED
    assert ref.dead_letters == 1


def test_a_kill_ends_the_actor_that_it_is_meant_for_and_no_other(whole: bool) -> None:
    """One thread runs victims and bystanders by turns; the kills come at any instant."""
    with Scheduler(1, blocked_after_s=30) as scheduler:

        class Spin(ScheduledActor):
            kill_grace_s = 0.05
            turns = 0

            def __init__(self, scheduler: Scheduler, busy: bool) -> None:
                super().__init__(scheduler)
                self.busy = busy

            def on_receive(self, message: Any) -> Any:
                return self.turns

            def urgency(self) -> int | None:
                return self.turns

            def on_turn(self) -> None:
                self.turns += 1

        bystanders = [Spin.start(scheduler, True) for _ in range(3)]
        for _ in range(400 if whole else 60):
            victim = Spin.start(scheduler, True)
            victim.exit(KILLED)
            assert down(victim) == KILLED
        before = [ref.ask(None) for ref in bystanders]
        assert all(ref.is_alive() for ref in bystanders)
        assert all(now >= then for now, then in zip([ref.ask(None) for ref in bystanders], before, strict=True))
        for ref in bystanders:
            ref.stop()


def test_kills_of_actors_that_send_lock_no_other_out(two: Scheduler, whole: bool) -> None:
    sink = Pupil.start(two)

    class Chatterbox(Pupil):
        def urgency(self) -> int | None:
            return 0

        def on_turn(self) -> None:
            for _ in range(20):
                sink.tell("word")

    for _ in range(600 if whole else 80):
        ref = Chatterbox.start(two)
        ref.exit(KILLED)
        assert down(ref) == KILLED
    assert sink.ask("still here", timeout=PATIENCE_S) == "still here"
    sink.stop()


def test_an_actor_past_its_deadline_is_abandoned_and_restarted_and_the_others_go_on() -> None:
    recorder, gates = Recorder(), SimpleQueue[Gate]()

    class Hangs(Pupil):
        def on_receive(self, message: Any) -> Any:
            if message == "hang":
                gate = Gate()
                gates.put(gate)
                gate.pass_through()
            return self.incarnation

    with Scheduler(1, blocked_after_s=0.02, deadline_s=0.1) as scheduler:
        specs = [ChildSpec.of(Hangs, scheduler, id=name, name=name) for name in ("bad", "good")]
        with Supervisor.start(specs, strategy="one_for_one", hooks=[recorder]) as tree:
            recorder.ready("good", 1)
            bad = child(tree, "bad")
            bad.tell("hang")
            gate = gates.get(timeout=PATIENCE_S)
            recorder.ready("bad", 2)
            assert isinstance(down(bad), Abandoned)
            assert child(tree, "bad").ask("hello") == 2
            assert child(tree, "good").ask("hello") == 1
            assert abandoned_threads() == ["Hangs 'bad'"]
            gate.opened.set()
    assert abandoned_threads() == []


def test_a_stopped_scheduler_leaves_no_thread_and_no_question_unanswered() -> None:
    before = set(threading.enumerate())
    scheduler = Scheduler(2)
    ref, gate = held(scheduler)
    idle = Pupil.start(scheduler)
    gate.opened.set()
    scheduler.stop()
    assert set(threading.enumerate()) <= before
    with pytest.raises(ActorDead):
        idle.ask("hello", timeout=PATIENCE_S)
    ref.tell("hello")
    assert (down(idle), down(ref)) == (SHUTDOWN, SHUTDOWN)
