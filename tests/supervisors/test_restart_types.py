from __future__ import annotations

from typing import Any

import pytest

from supervisors import (
    NORMAL,
    SHUTDOWN,
    ChildExited,
    ChildSpec,
    ChildState,
    NotFound,
    Restart,
    Shutdown,
    Strategy,
    Supervisor,
    SupervisorRef,
)
from supervisors.children.records import Counts
from tests.supervisors.stubs import Recorder, Worker, tell_and_see_die

SHUTDOWNS: list[Any] = [SHUTDOWN, Shutdown("why")]


def one_child(restart: Restart, recorder: Recorder) -> SupervisorRef:
    return Supervisor.start(
        [ChildSpec.of(Worker, id="w", restart=restart)], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder]
    )


def is_restarted(restart: Restart, end: Any) -> None:
    recorder = Recorder()
    with one_child(restart, recorder) as tree:
        old = tree.which_child("w").ref
        tell_and_see_die(old, end)
        recorder.ready("w", 2)
        new = tree.which_child("w").ref
        assert new is not old
        assert new.ask("ping") == 2


def is_kept(restart: Restart, end: Any) -> None:
    recorder = Recorder()
    with one_child(restart, recorder) as tree:
        tell_and_see_die(tree.which_child("w").ref, end)
        recorder.wait_for(lambda event: isinstance(event, ChildExited))
        assert tree.which_child("w").state is ChildState.STOPPED
        assert tree.count_children() == Counts(specs=1, active=0, supervisors=0, workers=1)
        assert tree.restart_child("w").ref.ask("ping") == 2


def is_gone(restart: Restart, end: Any) -> None:
    recorder = Recorder()
    with one_child(restart, recorder) as tree:
        tell_and_see_die(tree.which_child("w").ref, end)
        recorder.wait_for(lambda event: isinstance(event, ChildExited))
        assert tree.which_children() == []
        with pytest.raises(NotFound):
            tree.which_child("w")
        assert tree.start_child(ChildSpec.of(Worker, id="w")).ref.ask("ping") == 1


def test_case_45_a_permanent_child_is_restarted_after_a_normal_end() -> None:
    is_restarted(Restart.PERMANENT, NORMAL)


def test_case_46_a_transient_child_is_kept_after_a_normal_end() -> None:
    is_kept(Restart.TRANSIENT, NORMAL)


def test_case_47_a_temporary_child_is_gone_after_a_normal_end() -> None:
    is_gone(Restart.TEMPORARY, NORMAL)


@pytest.mark.parametrize("end", SHUTDOWNS, ids=str)
def test_case_48_a_permanent_child_is_restarted_after_a_shutdown(end: Any) -> None:
    is_restarted(Restart.PERMANENT, end)


@pytest.mark.parametrize("end", SHUTDOWNS, ids=str)
def test_case_49_a_transient_child_is_kept_after_a_shutdown(end: Any) -> None:
    is_kept(Restart.TRANSIENT, end)


@pytest.mark.parametrize("end", SHUTDOWNS, ids=str)
def test_case_50_a_temporary_child_is_gone_after_a_shutdown_and_its_id_free(end: Any) -> None:
    is_gone(Restart.TEMPORARY, end)


def test_case_52_a_permanent_child_is_restarted_after_a_crash() -> None:
    is_restarted(Restart.PERMANENT, "die")


def test_case_53_a_transient_child_is_restarted_after_a_crash() -> None:
    is_restarted(Restart.TRANSIENT, "die")


def test_case_54_a_temporary_child_is_gone_after_a_crash() -> None:
    is_gone(Restart.TEMPORARY, "die")


def test_a_restarted_child_has_an_empty_mailbox_and_the_state_of_its_arguments() -> None:
    recorder = Recorder()
    seen: list[str] = []
    with one_child(Restart.PERMANENT, recorder) as tree:
        ref = tree.which_child("w").ref
        ref.tell("die")
        ref.tell(lambda _: seen.append("meant for the dead one"))
        recorder.ready("w", 2)
        assert tree.which_child("w").ref.ask("ping") == 2
        assert seen == []


def test_incarnations_are_counted_per_child_and_begin_again_with_a_new_specification() -> None:
    recorder = Recorder()
    with one_child(Restart.PERMANENT, recorder) as tree:
        tree.start_child(ChildSpec.of(Worker, id="v"))
        for incarnation in (2, 3):
            tree.which_child("w").ref.tell("die")
            recorder.ready("w", incarnation)
        assert tree.which_child("w").ref.incarnation == 3
        assert tree.which_child("v").ref.incarnation == 1
        tree.terminate_child("w")
        tree.delete_child("w")
        assert tree.start_child(ChildSpec.of(Worker, id="w")).incarnation == 1


def test_the_lineage_of_a_later_start_is_greater_even_when_the_supervisor_was_itself_restarted() -> None:
    recorder = Recorder()
    lineages: list[tuple[int, ...]] = []

    class Noting(Worker):
        def on_start(self) -> None:
            lineages.append(self.context.lineage)

    inner = ChildSpec.of(Supervisor, [ChildSpec.of(Noting, id="n")], strategy="one_for_one", max_restarts=1, id="inner")
    with Supervisor.start([inner], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder]) as tree:
        for _ in range(2):
            before = len(lineages)
            ref = tree.which_child("inner").ref.which_child("n").ref
            tell_and_see_die(ref)
            recorder.wait_for(lambda _, before=before: len(lineages) > before)  # type: ignore[misc]
    assert lineages == sorted(set(lineages))
    assert lineages[-1] == (1, 2, 1)
