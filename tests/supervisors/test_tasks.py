from __future__ import annotations

import threading
from typing import Any

import pykka
import pytest

from supervisors import (
    NORMAL,
    SHUTDOWN,
    ActorDead,
    ChildSpec,
    Exit,
    MaxChildren,
    Strategy,
    Supervisor,
    TaskSupervisor,
    TaskSupervisorRef,
)
from tests.supervisors.stubs import PATIENCE_S, Died, Gate, Worker, down


def add(first: int, *, second: int) -> int:
    return first + second


def fail() -> None:
    raise Died("in the task")


def test_a_task_returns_its_result_and_ends() -> None:
    with TaskSupervisor.start() as tasks:
        task = tasks.run(add, 2, second=3)
        assert task.result(PATIENCE_S) == 5
        assert down(task.ref) == NORMAL
        assert task.is_done()


def test_tasks_run_at_the_same_time() -> None:
    together = threading.Barrier(4)
    with TaskSupervisor.start() as tasks:
        running = [tasks.run(together.wait, PATIENCE_S) for _ in range(4)]
        assert sorted(task.result(PATIENCE_S) for task in running) == [0, 1, 2, 3]


def test_a_task_that_fails_raises_where_its_result_is_wanted_and_nowhere_else() -> None:
    with TaskSupervisor.start() as tasks:
        task = tasks.run(fail)
        with pytest.raises(Died, match="in the task"):
            task.result(PATIENCE_S)
        assert isinstance(down(task.ref).exception, Died)
        assert tasks.run(add, 1, second=1).result(PATIENCE_S) == 2


def test_a_task_that_is_not_finished_has_no_result_yet() -> None:
    gate = Gate()
    with TaskSupervisor.start() as tasks:
        task = tasks.run(gate.pass_through)
        gate.entered.wait(PATIENCE_S)
        assert not task.is_done()
        with pytest.raises(pykka.Timeout):
            task.result(0.001)
        gate.opened.set()
        assert task.result(PATIENCE_S) is None


def test_tasks_are_never_restarted_and_leave_nothing_behind() -> None:
    with TaskSupervisor.start() as tasks:
        for _ in range(5):
            down(tasks.run(fail).ref)
        down(tasks.run(add, 1, second=1).ref)
        assert tasks.count_children().specs == 0


def test_a_stopped_task_has_no_result_but_an_error() -> None:
    gate = Gate()
    tasks = TaskSupervisor.start()
    task = tasks.run(gate.pass_through)
    gate.entered.wait(PATIENCE_S)
    stopping = tasks.stop(block=False)
    while not task.ref.actor_state.mailbox.signals:
        tasks.wait(0.001)
    gate.opened.set()
    stopping.get(timeout=PATIENCE_S)
    assert task.result(PATIENCE_S) is None
    assert down(task.ref) == SHUTDOWN


def test_a_task_that_is_abandoned_has_an_error_for_a_result() -> None:
    gate = Gate()
    with TaskSupervisor.start() as tasks:
        task = tasks.run(gate.pass_through)
        gate.entered.wait(PATIENCE_S)
        task.ref.actor_state.abandon()
        with pytest.raises(ActorDead, match="abandoned"):
            task.result(PATIENCE_S)
        gate.opened.set()


def test_only_so_many_tasks_may_run_at_a_time() -> None:
    gate = Gate()
    with TaskSupervisor.start(max_children=1) as tasks:
        task = tasks.run(gate.pass_through)
        gate.entered.wait(PATIENCE_S)
        with pytest.raises(MaxChildren):
            tasks.run(add, 1, second=1)
        gate.opened.set()
        down(task.ref)


def test_a_linked_task_that_fails_ends_its_owner() -> None:
    owner = Worker.start()
    with TaskSupervisor.start() as tasks:
        owner.tell(lambda actor: tasks.run_linked(actor, fail))
        assert isinstance(down(owner).exception, Died)


def test_a_linked_task_that_succeeds_leaves_its_owner_alone() -> None:
    owner = Worker.start()
    with TaskSupervisor.start() as tasks:
        task = owner.ask(lambda actor: tasks.run_linked(actor, add, 1, second=2))
        assert task.result(PATIENCE_S) == 3
        down(task.ref)
        assert owner.ask("ping") == 1
    owner.stop()


def test_a_linked_task_ends_with_its_owner() -> None:
    owner, gate = Worker.start(), Gate()
    with TaskSupervisor.start() as tasks:
        task = owner.ask(lambda actor: tasks.run_linked(actor, gate.pass_through))
        gate.entered.wait(PATIENCE_S)
        owner.tell("die")
        reason = down(owner)
        gate.opened.set()
        assert down(task.ref) is reason


def test_an_owner_that_traps_exits_is_told_of_the_failure() -> None:
    told: list[Any] = []

    class Trapper(Worker):
        def on_receive(self, message: Any) -> Any:
            if isinstance(message, Exit):
                told.append(message)
                self.exit()
            return super().on_receive(message)

    owner = Trapper.start()
    with TaskSupervisor.start() as tasks:

        def begin(actor: Worker) -> Any:
            actor.trap_exit = True
            return tasks.run_linked(actor, fail)

        task = owner.ask(begin)
        down(owner)
        assert told == [Exit(task.ref, down(task.ref))]


def test_it_is_a_child_like_any_other() -> None:
    with Supervisor.start([ChildSpec.of(TaskSupervisor, id="tasks")], strategy=Strategy.ONE_FOR_ONE) as tree:
        tasks: TaskSupervisorRef = tree.which_child("tasks").ref
        assert tasks.run(add, 1, second=2).result(PATIENCE_S) == 3
