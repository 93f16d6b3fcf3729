from __future__ import annotations

from typing import Any

import pytest

from supervisors import (
    Backoff,
    ChildExited,
    ChildSpec,
    ChildStarting,
    ChildState,
    Crashed,
    DynamicSupervisor,
    StillRestarting,
    Strategy,
    Supervisor,
    SupervisorRef,
)
from supervisors.testing import ManualClock, ScriptedStart
from tests.supervisors.stubs import PATIENCE_S, Died, Recorder, Worker, down

BACKOFF = Backoff(min_s=1, max_s=8, factor=2)


class Scene:
    """A supervisor of one scripted child, on a manual clock."""

    def __init__(self, *outcomes: Any, siblings: int = 0, **options: Any) -> None:
        self.clock, self.recorder, self.start = ManualClock(), Recorder(), ScriptedStart(outcomes)
        self.tree: SupervisorRef = Supervisor.start(
            [ChildSpec("w", self.start), *(ChildSpec.of(Worker, id=f"s{n}") for n in range(siblings))],
            **{"strategy": Strategy.ONE_FOR_ONE, "max_restarts": 100, **options},
            backoff=BACKOFF,
            clock=self.clock,
            hooks=[self.recorder],
        )

    def state(self) -> ChildState:
        return self.tree.which_child("w").state

    def crash(self) -> None:
        count = len(self.recorder.of(ChildExited, "w"))
        self.start.child.crash()
        self.recorder.wait_count(ChildExited, count + 1, "w")

    def pause_s(self) -> float:
        """Let the pause go by, and return how long it was."""
        count = len(self.recorder.of(ChildStarting, "w"))
        seconds = self.clock.advance_to_next()
        self.recorder.wait_count(ChildStarting, count + 1, "w")
        return seconds


def test_the_pauses_grow_while_the_child_keeps_failing() -> None:
    scene = Scene()
    pauses = []
    for _ in range(5):
        scene.crash()
        assert scene.state() is ChildState.RESTARTING
        pauses.append(scene.pause_s())
    assert pauses == [1, 2, 4, 8, 8]
    scene.tree.stop()


def test_failed_attempts_lengthen_the_pause_too() -> None:
    scene = Scene(None, Died(), Died())
    scene.crash()
    assert [scene.pause_s() for _ in range(3)] == [1, 2, 4]
    assert scene.state() is ChildState.RUNNING
    scene.tree.stop()


def test_a_child_that_ran_for_the_longest_pause_begins_again_with_the_shortest() -> None:
    scene = Scene()
    for _ in range(3):
        scene.crash()
        scene.pause_s()
    scene.clock.advance(8)
    scene.crash()
    assert scene.pause_s() == 1
    scene.tree.stop()


def test_case_x10_a_stop_gets_in_while_a_restart_is_held_back() -> None:
    scene = Scene()
    scene.crash()
    assert scene.tree.stop(timeout=PATIENCE_S)
    assert len(scene.start.children) == 1


def test_case_x10_terminate_child_cancels_a_restart_that_is_held_back() -> None:
    scene = Scene()
    scene.crash()
    for call in (scene.tree.restart_child, scene.tree.delete_child):
        with pytest.raises(StillRestarting):
            call("w")
    scene.tree.terminate_child("w")
    assert scene.state() is ChildState.STOPPED
    scene.clock.advance(100)
    assert scene.tree.restart_child("w").incarnation == 2
    assert len(scene.start.children) == 2
    scene.tree.stop()


def test_a_restart_that_is_held_back_was_counted_when_the_child_ended() -> None:
    scene = Scene(max_restarts=1)
    scene.crash()
    assert scene.tree.snapshot().restarts_used == 1
    scene.pause_s()
    scene.crash()
    assert isinstance(down(scene.tree).exception, RuntimeError)


def test_one_for_all_stops_the_others_before_the_pause_and_starts_all_after_it() -> None:
    scene = Scene(siblings=2, strategy=Strategy.ONE_FOR_ALL)
    scene.crash()
    assert [info.state for info in scene.tree.which_children()] == [
        ChildState.STOPPED,
        ChildState.STOPPED,
        ChildState.RESTARTING,
    ]
    scene.pause_s()
    assert [info.state for info in scene.tree.which_children()] == [ChildState.RUNNING] * 3
    scene.tree.stop()


def test_children_of_a_dynamic_supervisor_are_held_back_each_by_itself() -> None:
    clock, recorder, starts = ManualClock(), Recorder(), [ScriptedStart(), ScriptedStart()]
    tree = DynamicSupervisor.start(backoff=BACKOFF, clock=clock, hooks=[recorder])
    refs = [tree.start_child(ChildSpec(f"c{n}", start)).ref for n, start in enumerate(starts)]
    starts[0].child.crash()
    recorder.wait_count(ChildExited, 1)
    assert tree.which_child(refs[0]).state is ChildState.RESTARTING
    assert tree.which_child(refs[1]).state is ChildState.RUNNING
    clock.wait_for_waiters()
    clock.advance(1)
    recorder.ready("c0", 2)
    tree.stop()
    assert not isinstance(starts[0].child.reason, Crashed)
