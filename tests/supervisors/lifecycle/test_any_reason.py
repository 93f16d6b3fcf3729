"""Any value is an exit reason, as in OTP, and none can harm a supervisor, a watcher or a log."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from supervisors import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    Actor,
    ChildExited,
    ChildSpec,
    Crashed,
    Down,
    DynamicSupervisor,
    Exit,
    Exited,
    Killed,
    Reason,
    Scheduler,
    Shutdown,
    Supervisor,
    on,
)
from supervisors.rules.reasons import as_reason
from supervisors.testing import ScriptedStart
from tests.supervisors.scheduled.pupils import Pupil
from tests.supervisors.stubs import PATIENCE_S, Recorder, Worker, down


class Hostile:
    """A value whose every method raises."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")

    def __hash__(self) -> int:
        raise RuntimeError("not hashable")

    def __repr__(self) -> str:
        raise RuntimeError("not printable")

    def __bool__(self) -> bool:
        raise RuntimeError("neither true nor false")


class Own(Reason):
    """A reason of a program's own."""


TERMS: list[Any] = [
    "done",
    "kill",
    None,
    0,
    (),
    {"any": 1},
    [Hostile()],
    Hostile(),
    object(),
    Hostile,
    ValueError("told"),
    ValueError,
    KeyboardInterrupt,
    UnicodeDecodeError,
    Crashed,
    Reason(),
    Own(),
    Own,
    Shutdown(Hostile()),
    Shutdown,
    Killed(),
    NORMAL,
]
LEVELS = [logging.DEBUG, logging.CRITICAL + 1]


def named(value: Any) -> str:
    return type(value).__name__ + "-" + getattr(value, "__name__", "value")


@pytest.fixture(autouse=True, params=LEVELS, ids=["logged", "silent"])
def _at_any_log_level(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(request.param, "supervisors")


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
@pytest.mark.parametrize("term", TERMS, ids=named)
def test_no_reason_of_a_child_harms_its_supervisor_or_its_siblings(restart: Any, term: Any) -> None:
    recorder = Recorder()
    specs = [ChildSpec.of(Worker, id="w", restart=restart), ChildSpec.of(Worker, id="other")]
    with Supervisor.start(specs, strategy="one_for_one", max_restarts=9, hooks=[recorder]) as tree:
        other = tree.which_child("other").ref

        def exit_itself(actor: Actor) -> None:
            actor.exit(term)

        may_be_told = restart != "temporary" and not as_reason(term).is_orderly
        for told in (True, False) if may_be_told else (False,):
            ref = tree.which_child("w").ref
            if told:
                ref.exit(term)
            else:
                ref.tell(exit_itself)
            assert isinstance(down(ref), Reason)
            assert str(down(ref))
            recorder.wait_count(ChildExited, ref.incarnation, "w")
            last = recorder.of(ChildExited, "w")[-1]
            assert isinstance(last, ChildExited)
            assert last.reason is ref.exit_reason
            if restart == "permanent" or (restart == "transient" and not as_reason(term).is_orderly):
                recorder.ready("w", ref.incarnation + 1)
        assert tree.which_child("other").ref is other
        assert other.ask("ping") == 1


@pytest.mark.parametrize("term", TERMS, ids=named)
def test_no_reason_harms_a_dynamic_supervisor(term: Any) -> None:
    with DynamicSupervisor.start(max_restarts=9) as tree:
        ref, other = tree.start_child(Worker).ref, tree.start_child(Worker).ref
        ref.tell(lambda actor: actor.exit(term))
        assert isinstance(down(ref), Reason)
        assert other.ask("ping") == 1
        assert tree.count_children().specs == 2


@pytest.mark.parametrize("term", TERMS, ids=named)
def test_no_reason_of_a_child_that_is_told_to_stop_harms_its_supervisor(term: Any) -> None:
    class Defiant(Worker):
        def on_stop(self) -> None:
            self.exit(term)

    tree = Supervisor.start([Defiant], strategy="one_for_one")
    ref = tree.which_child("Defiant").ref
    assert tree.stop()
    assert (down(tree), isinstance(down(ref), Reason)) == (SHUTDOWN, True)


@pytest.mark.parametrize("term", TERMS, ids=named)
def test_no_reason_of_a_child_on_another_host_harms_its_supervisor(term: Any) -> None:
    start, ended = ScriptedStart(), Recorder()
    with Supervisor.start([ChildSpec("s", start)], strategy="one_for_one", hooks=[on(ChildExited, ended)]) as tree:
        start.child.exit(term)
        event = ended.wait_for(lambda _: True)
        assert isinstance(event, ChildExited)
        assert isinstance(event.reason, Reason)
        assert tree.which_child("s").incarnation == 2


@pytest.mark.parametrize("term", TERMS, ids=named)
def test_a_class_may_say_for_which_reason_it_stops(term: Any) -> None:
    ref = Worker.start()
    ref.exit(term)
    if isinstance(as_reason(term), type(NORMAL)):
        ref.stop()
    assert isinstance(down(ref), Reason)


@pytest.mark.parametrize("term", TERMS, ids=named)
def test_links_and_monitors_are_given_any_reason(term: Any) -> None:
    ended, linked = Worker.start(), Worker.start()

    def watch(actor: Actor) -> tuple[Any, Any]:
        actor.trap_exit = True
        actor.link(ended)
        actor.monitor(ended)
        ended.tell(lambda other: other.exit(term))
        return actor.receive(Exit, timeout=PATIENCE_S), actor.receive(Down, timeout=PATIENCE_S)

    signal, notice = linked.ask(watch)
    assert signal.reason is notice.reason is down(ended)
    linked.stop()


@pytest.mark.parametrize("term", TERMS, ids=named)
def test_a_scheduled_actor_may_end_for_any_reason(term: Any) -> None:
    with Scheduler(1) as scheduler:
        ref = Pupil.start(scheduler)
        ref.tell(lambda actor: actor.exit(term))
        assert isinstance(down(ref), Reason)


def test_an_exception_is_a_crash_a_reason_is_itself_and_any_other_value_is_kept() -> None:
    error = ValueError("told")
    assert as_reason(error).exception is error
    assert isinstance(as_reason(ValueError).exception, ValueError)
    assert as_reason(Killed) == KILLED
    assert as_reason(SHUTDOWN) is SHUTDOWN
    done = as_reason("done")
    assert isinstance(done, Exited)
    assert (done.term, done.is_orderly, str(done), done == as_reason("done")) == ("done", False, "exit: 'done'", True)
    assert str(as_reason(Hostile())) == "exit: a Hostile that cannot be printed"
