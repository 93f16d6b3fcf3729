from __future__ import annotations

from typing import Any

import pytest

from supervisors import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    AutoShutdown,
    Backoff,
    BadSpec,
    ChildExited,
    ChildReady,
    ChildSpec,
    ChildState,
    Crashed,
    DynamicSupervisor,
    Flags,
    Restart,
    Strategy,
    Supervisor,
    SupervisorRef,
)
from supervisors.testing import ManualClock, ScriptedStart
from tests.supervisors.stubs import Died, Recorder, down

ANY, ALL, NEVER = AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT, AutoShutdown.NEVER
ENDS = [NORMAL, SHUTDOWN, KILLED, Crashed(Died())]


class Scene:
    """A supervisor with two significant children and one that is not."""

    def __init__(self, restart: Restart, mode: AutoShutdown, *, significant: bool = True) -> None:
        self.recorder = Recorder()
        self.starts = {id: ScriptedStart() for id in ("one", "two", "other")}
        self.tree: SupervisorRef = Supervisor.start(
            [
                ChildSpec(id, start, restart=restart, significant=significant and id != "other")
                for id, start in self.starts.items()
            ],
            strategy=Strategy.ONE_FOR_ONE,
            auto_shutdown=mode,
            hooks=[self.recorder],
        )

    def end(self, id: str, reason: Any) -> None:
        count = len(self.recorder.of(ChildExited, id))
        self.starts[id].child.exit(reason)
        self.recorder.wait_for(lambda _: len(self.recorder.of(ChildExited, id)) > count)

    def has_ended(self) -> bool:
        """Return whether the supervisor ended by itself; stop it if not."""
        ended = self.tree.wait(0) is not None or not self._answers()
        assert down(self.tree) == SHUTDOWN if ended else self.tree.stop()
        return ended

    def _answers(self) -> bool:
        try:
            self.tree.which_children()
        except Exception:  # noqa: BLE001 - any error is no answer
            return False
        return True


@pytest.mark.parametrize("reason", ENDS, ids=str)
@pytest.mark.parametrize("mode", AutoShutdown)
def test_case_57_a_child_that_is_not_significant_never_ends_its_supervisor(mode: AutoShutdown, reason: Any) -> None:
    scene = Scene(Restart.TEMPORARY, mode, significant=False)
    for id in ("one", "two", "other"):
        scene.end(id, reason)
    assert not scene.has_ended()


@pytest.mark.parametrize("reason", ENDS, ids=str)
def test_case_59_any_end_of_a_significant_temporary_child_ends_the_supervisor(reason: Any) -> None:
    scene = Scene(Restart.TEMPORARY, ANY)
    scene.end("one", reason)
    assert scene.has_ended()


@pytest.mark.parametrize("reason", ENDS, ids=str)
def test_case_59_with_all_the_last_significant_temporary_child_ends_the_supervisor(reason: Any) -> None:
    scene = Scene(Restart.TEMPORARY, ALL)
    scene.end("one", reason)
    assert scene._answers()
    scene.end("two", reason)
    assert scene.has_ended()


@pytest.mark.parametrize("mode", [ANY, ALL])
@pytest.mark.parametrize("restart", [Restart.TEMPORARY, Restart.TRANSIENT])
def test_case_59_terminating_significant_children_does_not_end_the_supervisor(
    mode: AutoShutdown, restart: Restart
) -> None:
    scene = Scene(restart, mode)
    scene.tree.terminate_child("one")
    scene.tree.terminate_child("two")
    assert not scene.has_ended()


@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN], ids=str)
def test_case_60_an_orderly_end_of_a_significant_transient_child_ends_the_supervisor(reason: Any) -> None:
    scene = Scene(Restart.TRANSIENT, ANY)
    scene.end("one", reason)
    assert scene.has_ended()


@pytest.mark.parametrize("reason", [KILLED, Crashed(Died())], ids=str)
def test_case_60_a_crash_of_a_significant_transient_child_is_a_restart_and_no_end(reason: Any) -> None:
    scene = Scene(Restart.TRANSIENT, ANY)
    scene.end("one", reason)
    scene.recorder.ready("one", 2)
    assert not scene.has_ended()


def test_case_60_with_all_a_child_that_was_terminated_before_counts_as_ended() -> None:
    scene = Scene(Restart.TRANSIENT, ALL)
    scene.tree.terminate_child("one")
    scene.end("two", NORMAL)
    assert scene.has_ended()


def test_with_all_a_significant_child_that_is_being_restarted_has_not_ended() -> None:
    clock, recorder, starts = ManualClock(), Recorder(), [ScriptedStart(), ScriptedStart()]
    specs = [
        ChildSpec(id, start, restart=Restart.TRANSIENT, significant=True)
        for id, start in zip("ab", starts, strict=True)
    ]
    options: dict[str, Any] = {"backoff": Backoff(min_s=5), "clock": clock, "hooks": [recorder]}
    tree = Supervisor.start(specs, strategy=Strategy.ONE_FOR_ONE, auto_shutdown=ALL, **options)
    starts[0].child.crash()
    recorder.wait_count(ChildExited, 1)
    starts[1].child.exit(NORMAL)
    recorder.wait_count(ChildExited, 2)
    assert tree.which_child("a").state is ChildState.RESTARTING
    clock.advance_to_next()
    recorder.ready("a", 2)
    starts[0].child.exit(NORMAL)
    assert down(tree) == SHUTDOWN


def test_the_death_of_a_sibling_is_no_end_by_itself() -> None:
    recorder, starts = Recorder(), {id: ScriptedStart() for id in ("first", "significant")}
    specs = [
        ChildSpec("first", starts["first"]),
        ChildSpec("significant", starts["significant"], restart=Restart.TRANSIENT, significant=True),
    ]
    with Supervisor.start(specs, strategy=Strategy.ONE_FOR_ALL, auto_shutdown=ANY, hooks=[recorder]) as tree:
        starts["first"].child.crash()
        recorder.ready("significant", 2)
        assert len(tree.which_children()) == 2
        assert len(recorder.of(ChildReady)) == 4


def test_case_61_there_are_no_significant_children_under_a_dynamic_supervisor() -> None:
    with DynamicSupervisor.start() as tree:
        with pytest.raises(BadSpec, match="expected `significant` to be False"):
            tree.start_child(ChildSpec("s", ScriptedStart(), restart=Restart.TEMPORARY, significant=True))
        assert tree.count_children().specs == 0


def specs_of(scene: Scene, *, significant: bool) -> list[ChildSpec]:
    return [
        ChildSpec(id, start, restart=Restart.TEMPORARY, significant=significant)
        for id, start in scene.starts.items()
        if id != "other"
    ]


def changed(old: AutoShutdown, new: AutoShutdown) -> Scene:
    """Return a scene that ran under one mode and runs under another now."""
    scene = Scene(Restart.TEMPORARY, old, significant=old is not NEVER)
    flags = Flags(Strategy.ONE_FOR_ONE, auto_shutdown=new)
    scene.tree.reconfigure(flags, children=specs_of(scene, significant=new is not NEVER))
    return scene


def test_case_64_from_never_to_any() -> None:
    scene = changed(NEVER, ANY)
    scene.end("one", NORMAL)
    assert scene.has_ended()


def test_case_65_from_any_to_never() -> None:
    scene = changed(ANY, NEVER)
    scene.end("one", NORMAL)
    scene.end("two", NORMAL)
    assert not scene.has_ended()


def test_case_66_from_never_to_all() -> None:
    scene = changed(NEVER, ALL)
    scene.end("one", NORMAL)
    assert scene._answers()
    scene.end("two", NORMAL)
    assert scene.has_ended()


def test_case_67_from_all_to_never() -> None:
    scene = changed(ALL, NEVER)
    scene.end("one", NORMAL)
    scene.end("two", NORMAL)
    assert not scene.has_ended()


def test_case_68_from_any_to_all() -> None:
    scene = changed(ANY, ALL)
    scene.end("one", NORMAL)
    assert scene._answers()
    scene.end("two", NORMAL)
    assert scene.has_ended()


def test_case_69_from_all_to_any() -> None:
    scene = changed(ALL, ANY)
    scene.end("two", NORMAL)
    assert scene.has_ended()


def test_case_70_a_childs_significant_changed_counts_at_its_end() -> None:
    scene = Scene(Restart.TEMPORARY, ANY)
    scene.tree.reconfigure(children=specs_of(scene, significant=False))
    scene.end("one", NORMAL)
    assert scene._answers()
    scene.tree.reconfigure(children=specs_of(scene, significant=True)[1:])
    scene.end("two", NORMAL)
    assert scene.has_ended()


def test_a_change_that_would_leave_significant_children_without_a_rule_is_refused() -> None:
    scene = Scene(Restart.TEMPORARY, ANY)
    with pytest.raises(BadSpec, match="is significant, but `auto_shutdown` is 'never'"):
        scene.tree.reconfigure(Flags(Strategy.ONE_FOR_ONE))
    scene.end("one", NORMAL)
    assert scene.has_ended()
