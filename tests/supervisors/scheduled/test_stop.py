"""A scheduler that stops ends its actors in order, at once and with their last hook."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from supervisors import SHUTDOWN, ActorDead, ScheduledActor, Scheduler, StartError, Supervisor
from supervisors.rules.errors import SupervisionError
from tests.supervisors.scheduled.pupils import Pupil, held
from tests.supervisors.stubs import PATIENCE_S, down


class Noting(Pupil):
    """Notes its last hook."""

    ended: list[Any]

    def on_stop(self) -> None:
        self.ended.append(self.exit_reason)


def noting() -> Any:
    return type("Noting", (Noting,), {"ended": []})


@pytest.mark.parametrize("count", [1, 50])
def test_idle_actors_end_in_order_at_once(count: int) -> None:
    actor_class = noting()
    with Scheduler(2) as scheduler:
        refs = [actor_class.start(scheduler) for _ in range(count)]
    assert [ref.exit_reason for ref in refs] == [SHUTDOWN] * count
    assert actor_class.ended == [SHUTDOWN] * count


def test_an_actor_with_work_of_its_own_ends_after_the_present_piece() -> None:
    class Restless(Noting):
        ended: list[Any] = []  # noqa: RUF012

        def urgency(self) -> int:
            return 1

        def on_turn(self) -> None:
            pass

    with Scheduler(1) as scheduler:
        refs = [Restless.start(scheduler) for _ in range(3)]
    assert {down(ref) for ref in refs} == {SHUTDOWN}
    assert len(Restless.ended) == 3


def test_an_actor_may_ask_another_in_its_last_hook_or_find_that_it_has_ended() -> None:
    class Asking(Noting):
        ended: list[Any] = []  # noqa: RUF012
        other: Any = None

        def on_stop(self) -> None:
            try:
                self.ended.append(self.other.ask("hello"))
            except ActorDead:
                self.ended.append("dead")

    with Scheduler(1) as scheduler:
        for _ in range(3):
            Asking.start(scheduler)
        Asking.other = Pupil.start(scheduler)
    assert len(Asking.ended) == 3


def test_an_actor_may_stop_its_own_scheduler() -> None:
    scheduler, actor_class = Scheduler(2), noting()
    refs = [actor_class.start(scheduler) for _ in range(3)]
    refs[0].tell(lambda actor: scheduler.stop())
    assert {down(ref) for ref in refs} == {SHUTDOWN}
    assert len(actor_class.ended) == 3
    scheduler.stop()


def test_an_actor_is_not_started_on_a_scheduler_that_has_stopped() -> None:
    scheduler = Scheduler(1, name="gone")
    scheduler.stop()
    with pytest.raises(SupervisionError, match="gone was stopped"):
        Pupil.start(scheduler)
    with pytest.raises(StartError):
        Supervisor.start([(Pupil, scheduler)], strategy="one_for_one")


def test_a_stop_waits_for_the_actor_that_is_at_work() -> None:
    scheduler = Scheduler(1)
    ref, gate = held(scheduler)
    stopping = threading.Thread(target=scheduler.stop)
    stopping.start()
    gate.opened.set()
    stopping.join(PATIENCE_S)
    assert ref.exit_reason == SHUTDOWN


def test_a_stop_twice_is_no_error() -> None:
    scheduler = Scheduler(1)
    scheduler.stop()
    scheduler.stop()


def test_an_actor_that_hangs_is_left_behind_and_ends_when_it_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("supervisors.threads.scheduler.JOIN_S", 0.05)
    scheduler = Scheduler(1)
    ref, gate = held(scheduler)
    asked = ref.ask("hello", block=False)
    scheduler.stop()
    assert ref.exit_reason is None
    gate.opened.set()
    with pytest.raises(ActorDead):
        asked.get(timeout=PATIENCE_S)
    assert down(ref) == SHUTDOWN


def test_a_scheduler_keeps_no_actor_that_has_ended() -> None:
    with Scheduler(1) as scheduler:
        for _ in range(10):
            Pupil.start(scheduler).stop()
        never: ScheduledActor | None = None
        assert never is None
        assert scheduler._living == set()
