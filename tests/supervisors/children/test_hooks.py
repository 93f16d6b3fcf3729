from __future__ import annotations

from typing import Any

import pytest

from supervisors import (
    SHUTDOWN,
    ChildEvent,
    ChildExited,
    ChildReady,
    ChildRestarted,
    ChildSpec,
    ChildStartFailed,
    ChildStarting,
    Escalated,
    Hook,
    Hooks,
    Registry,
    Restart,
    StartError,
    Strategy,
    Supervisor,
    on,
)
from supervisors.testing import ManualClock, ScriptedStart
from tests.supervisors.stubs import Died, Recorder, Worker, down


def story(recorder: Recorder) -> list[tuple[str, int]]:
    return [(type(event).__name__, event.incarnation) for event in recorder.events]


def test_the_hooks_are_told_the_whole_life_of_a_child_in_order() -> None:
    recorder = Recorder()
    start = ScriptedStart([None, Died("once")])
    with Supervisor.start([ChildSpec("w", start)], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder]):
        start.child.crash()
        recorder.wait_count(ChildRestarted, 1)
    assert story(recorder) == [
        ("ChildStarting", 1),
        ("ChildReady", 1),
        ("ChildExited", 1),
        ("ChildStarting", 2),
        ("ChildStartFailed", 2),
        ("ChildStarting", 3),
        ("ChildReady", 3),
        ("ChildRestarted", 3),
        ("ChildExited", 3),
    ]


def test_an_exit_is_told_before_the_restart_is_made() -> None:
    registry, seen = Registry(), list[Any]()
    recorder = Recorder()

    def look(event: ChildExited) -> None:
        seen.append((registry.whereis("w"), event.incarnation, event.reason))

    specs = [ChildSpec.of(Worker, id="w", name="w")]
    hooks: list[Hook] = [on(ChildExited, look), recorder]
    with Supervisor.start(specs, strategy=Strategy.ONE_FOR_ONE, hooks=hooks, registry=registry) as tree:
        ref = tree.which_child("w").ref
        ref.tell("die")
        recorder.ready("w", 2)
        assert seen == [(None, 1, down(ref))]


def test_an_event_carries_the_path_of_the_supervisor_and_the_specification() -> None:
    recorder = Recorder()
    spec = ChildSpec.of(Worker, id="w")
    inner = ChildSpec.of(Supervisor, [spec], strategy="one_for_one", id="inner")
    with Supervisor.start([inner], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder], name="root"):
        [ready] = recorder.of(ChildReady, "w")
    assert isinstance(ready, ChildEvent)
    assert (ready.supervisor, ready.spec) == ("root/inner", spec)


def test_an_escalation_is_told_with_its_reason() -> None:
    recorder, start = Recorder(), ScriptedStart()
    tree = Supervisor.start(
        [ChildSpec("w", start)], strategy=Strategy.ONE_FOR_ONE, max_restarts=0, hooks=[recorder], clock=ManualClock()
    )
    start.child.crash(Died("too often"))
    down(tree)
    [event] = recorder.of(Escalated)
    assert isinstance(event, Escalated)
    assert str(event.reason.exception) == "too often"


def test_a_failed_start_is_told_with_its_error() -> None:
    recorder, error = Recorder(), Died()
    with pytest.raises(StartError):
        Supervisor.start([ChildSpec("w", ScriptedStart([error]))], strategy="one_for_one", hooks=[recorder])
    [event] = recorder.of(ChildStartFailed)
    assert isinstance(event, ChildStartFailed)
    assert event.error is error
    assert recorder.of(ChildReady) == []


@pytest.mark.parametrize("error", [ValueError("not mine"), SystemExit(1), KeyboardInterrupt()], ids=repr)
def test_a_hook_that_raises_is_logged_removed_and_harms_nothing_else(
    caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    calls: list[str] = []
    recorder = Recorder()

    def bad(event: Any) -> None:
        calls.append(type(event).__name__)
        raise error

    with Supervisor.start([Worker], strategy=Strategy.ONE_FOR_ONE, hooks=[bad, recorder]) as tree:
        assert tree.which_child("Worker").ref.ask("ping") == 1
    assert calls == ["ChildStarting"]
    assert "a hook raised on ChildStarting of 'Worker' and is removed" in caplog.text
    assert [type(event) for event in recorder.events] == [ChildStarting, ChildReady, ChildExited]


def test_hooks_can_be_added_and_removed_while_the_tree_runs() -> None:
    recorder = Recorder()
    hooks = Hooks()
    with Supervisor.start([], strategy=Strategy.ONE_FOR_ONE, hooks=hooks) as tree:
        tree.start_child(ChildSpec.of(Worker, id="a"))
        hooks.add(recorder)
        tree.start_child(ChildSpec.of(Worker, id="b"))
        hooks.remove(recorder)
        hooks.remove(recorder)
        tree.start_child(ChildSpec.of(Worker, id="c"))
    assert {event.id for event in recorder.events} == {"b"}


def test_an_orderly_stop_of_a_child_is_told_as_an_exit_too() -> None:
    recorder = Recorder()
    spec = ChildSpec.of(Worker, id="w", restart=Restart.TEMPORARY)
    with Supervisor.start([spec], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder]) as tree:
        tree.terminate_child("w")
    [event] = recorder.of(ChildExited)
    assert isinstance(event, ChildExited)
    assert event.reason == SHUTDOWN
