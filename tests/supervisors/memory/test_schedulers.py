from __future__ import annotations

import pytest

from supervisors import (
    KILLED,
    ActorDead,
    ChildSpec,
    Scheduler,
    StartError,
    Supervisor,
)
from tests.supervisors.memory.traced import (
    TracedScheduled,
    scheduled,
    trace,
    traced,
)
from tests.supervisors.stubs import PATIENCE_S, Died, Gate, Recorder, down, tell_and_see_die


def test_scheduled_actors_stop_and_crash_and_are_killed() -> None:
    with Scheduler(2) as scheduler:
        trace(scheduler)
        scheduled(scheduler).stop()
        tell_and_see_die(scheduled(scheduler))
        with pytest.raises(Died):
            scheduled(scheduler).ask("die")
        ref = scheduled(scheduler)
        ref.exit(KILLED)
        assert down(ref) == KILLED


def test_scheduled_actors_do_not_start() -> None:
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
        with pytest.raises(StartError):
            BrokenScheduled.start(scheduler)


def test_a_scheduled_tree_stops_after_restarts() -> None:
    recorder = Recorder()
    with Scheduler(2) as scheduler:
        specs = [ChildSpec.of(TracedScheduled, scheduler, id=id) for id in "ab"]
        with traced(Supervisor.start(specs, strategy="one_for_all", hooks=[recorder])) as tree:
            tell_and_see_die(tree.which_child("a").ref)
            recorder.ready("b", 2)


def test_a_scheduled_actor_past_its_deadline_is_abandoned() -> None:
    gate = Gate()
    with Scheduler(1, deadline_s=0.05) as scheduler:
        ref = scheduled(scheduler)
        ref.tell(lambda actor: gate.pass_through())
        gate.entered.wait(PATIENCE_S)
        down(ref)
        gate.opened.set()


def test_scheduled_actors_are_idle_when_their_scheduler_stops() -> None:
    with Scheduler(1) as scheduler:
        ref = scheduled(scheduler)
        assert ref.ask("hello") == "hello"
    with pytest.raises(ActorDead):
        ref.ask("hello")


# Time
