"""Every host of children keeps the same rules: a new host is one more line in `HOSTS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from supervisors import Child, ScheduledActor, Scheduler, StartContext, ThreadChild
from supervisors.testing import CHILD_CHECKS, ScriptedChild, ScriptedStart, check_child
from supervisors.testing.check_child import Subject
from tests.supervisors.stubs import PATIENCE_S, Gate, Worker, thread_child


def thread_subject() -> Subject:
    gates: list[Gate] = []

    def hang(child: Child) -> None:
        gates.append(Gate())
        child.ref.tell(gates[-1])
        assert gates[-1].entered.wait(PATIENCE_S)

    def unhang(child: Child) -> None:
        gates[-1].opened.set()
        child.ref.actor_state.thread.join(PATIENCE_S)

    return Subject(
        start=lambda context: thread_child(Worker, context),
        crash=lambda child: child.ref.tell("die"),
        hang=hang,
        unhang=unhang,
        timeout=PATIENCE_S,
    )


def scheduled_subject() -> Subject:
    scheduler = Scheduler(2)
    gates: list[Gate] = []

    def hang(child: Child) -> None:
        gates.append(Gate())
        child.ref.tell(gates[-1])
        assert gates[-1].entered.wait(PATIENCE_S)

    def unhang(child: Child) -> None:
        gates[-1].opened.set()

    def start(context: StartContext) -> ThreadChild:
        SCHEDULERS.append(scheduler)
        return thread_child(ScheduledWorker, context, scheduler)

    return Subject(start, crash=lambda child: child.ref.tell("die"), hang=hang, unhang=unhang, timeout=PATIENCE_S)


def double_subject(*, can_be_killed: bool) -> Subject:
    def hang(child: Any) -> None:
        child.heeds_shutdown = False

    return Subject(
        start=ScriptedStart(can_be_killed=can_be_killed),
        crash=lambda child: child.ref.crash(),
        hang=hang,
        unhang=lambda _: None,
        timeout=PATIENCE_S,
    )


SCHEDULERS: list[Scheduler] = []


@pytest.fixture(autouse=True)
def _no_scheduler_is_left() -> Iterator[None]:
    yield
    while SCHEDULERS:
        SCHEDULERS.pop().stop()


class ScheduledWorker(ScheduledActor):
    """A `Worker` on a scheduler."""

    kill_grace_s = Worker.kill_grace_s
    on_receive = Worker.on_receive


HOSTS: dict[str, Callable[[], Subject]] = {
    "thread": thread_subject,
    "scheduled": scheduled_subject,
    "double with a kill": lambda: double_subject(can_be_killed=True),
    "double without a kill": lambda: double_subject(can_be_killed=False),
}


@pytest.mark.parametrize("check", CHILD_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("host", HOSTS)
def test_a_host_keeps_the_rule(host: str, check: Callable[[Subject], None]) -> None:
    check(HOSTS[host]())


def test_check_child_runs_all_checks() -> None:
    subject = thread_subject()
    check_child(subject.start, crash=subject.crash, hang=subject.hang, unhang=subject.unhang)


class NoRef(ScriptedChild):
    """Has no reference."""

    @property
    def ref(self) -> Any:
        return None


class Chatty(ScriptedChild):
    """Tells its watchers of its end twice."""

    def watch(self, on_exit: Any) -> None:
        super().watch(on_exit)
        super().watch(on_exit)


class Fickle(ScriptedChild):
    """Ends for another reason than it was given."""

    def shutdown(self, reason: Any) -> None:
        self.crash()


class Liar(ScriptedChild):
    """Calls an abandonment a kill."""

    def abandon(self) -> None:
        self.exit(self.ladder()[0])  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize("broken", [NoRef, Chatty, Fickle, Liar])
def test_check_child_finds_a_host_that_breaks_a_rule(broken: type[ScriptedChild]) -> None:
    def start(context: StartContext) -> Child:
        return broken(context, can_be_killed=False)

    subject = double_subject(can_be_killed=False)
    with pytest.raises(AssertionError, match="expected"):
        check_child(start, crash=subject.crash, hang=subject.hang, unhang=subject.unhang, timeout=0.05)
