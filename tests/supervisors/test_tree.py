from __future__ import annotations

import pytest

from supervisors import (
    Actor,
    ActorDead,
    BadSpec,
    ChildSpec,
    DynamicSupervisor,
    Restart,
    Strategy,
    Supervisor,
    find_actors,
    render_tree,
)
from supervisors.testing import ManualClock, ScriptedStart
from tests.supervisors.stubs import PATIENCE_S, Gate, Recorder, Worker


def test_the_tree_is_drawn_with_strategy_restarts_state_incarnation_mailbox_and_uptime() -> None:
    clock, recorder, gate = ManualClock(), Recorder(), Gate()
    crashing = ScriptedStart()
    layers = [ChildSpec.of(Worker, id="first"), ChildSpec("second", crashing)]
    tree = Supervisor.start(
        [
            ChildSpec.of(Worker, id="store"),
            ChildSpec.of(Supervisor, layers, strategy="one_for_all", max_restarts=5, max_seconds=10, id="layers"),
            ChildSpec.of(DynamicSupervisor, id="pool"),
            ChildSpec.of(Worker, id="log", restart=Restart.TRANSIENT),
        ],
        strategy=Strategy.REST_FOR_ONE,
        clock=clock,
        hooks=[recorder],
        name="run",
    )
    clock.advance(2.5)
    crashing.child.crash()
    recorder.ready("second", 2)
    clock.advance(4)
    tree.terminate_child("log")
    store = tree.which_child("store").ref
    store.tell(gate)
    gate.entered.wait(PATIENCE_S)
    store.tell("ping")
    clock.advance(1)
    drawn = render_tree(tree)
    gate.opened.set()
    tree.stop()
    assert drawn.splitlines() == [
        "run  rest_for_one, restarts 0 used and 3 left in 5 s",
        "├── store   running 7.5 s, incarnation 1, mailbox 1",
        "├── layers  running 7.5 s, incarnation 1, mailbox 0  one_for_all, restarts 1 used and 4 left in 10 s",
        "│   ├── first   running 5.0 s, incarnation 2, mailbox 0",
        "│   └── second  running 5.0 s, incarnation 2, mailbox 0",
        "├── pool    running 7.5 s, incarnation 1, mailbox 0  dynamic, restarts 0 used and 3 left in 5 s",
        "└── log     stopped 1.0 s, incarnation 1",
    ]


def test_a_supervisor_that_is_busy_or_has_ended_is_drawn_as_that() -> None:
    gate = Gate()

    class Slow(Worker):
        def on_stop(self) -> None:
            gate.pass_through()

    inner = ChildSpec.of(Supervisor, [ChildSpec.of(Slow, id="slow")], strategy="one_for_one", id="inner")
    tree = Supervisor.start([inner], strategy=Strategy.ONE_FOR_ONE, name="root", clock=ManualClock())
    busy = tree.which_child("inner").ref
    stopping = busy.stop(block=False)
    gate.entered.wait(PATIENCE_S)
    lines = render_tree(tree, timeout=0.01).splitlines()
    assert lines[1] == "└── inner  running 0.0 s, incarnation 1, mailbox 0  stopping"
    gate.opened.set()
    stopping.get(timeout=PATIENCE_S)
    tree.stop()
    assert render_tree(tree) == "root  ended: shutdown"


def test_the_number_of_abandoned_children_is_drawn() -> None:
    gate = Gate()
    tree = Supervisor.start([ChildSpec.of(Worker, id="w", shutdown=0)], strategy=Strategy.ONE_FOR_ONE, name="root")
    ref = tree.which_child("w").ref
    ref.tell(gate)
    gate.entered.wait(PATIENCE_S)
    tree.terminate_child("w")
    assert render_tree(tree).splitlines()[0] == "root  one_for_one, restarts 0 used and 3 left in 5 s, 1 abandoned"
    gate.opened.set()
    tree.stop()


def test_actors_are_found_by_their_class_in_the_whole_tree() -> None:
    class Special(Worker):
        pass

    inner = ChildSpec.of(Supervisor, [ChildSpec.of(Special, id="s"), Worker], strategy="one_for_one", id="inner")
    with Supervisor.start([ChildSpec.of(Worker, id="w"), inner], strategy="one_for_one") as tree:
        assert [ref.actor_class for ref in find_actors(tree, Worker)] == [Worker, Special, Worker]
        assert [ref.actor_class for ref in find_actors(tree, Supervisor)] == [Supervisor]
        assert len(find_actors(tree, Actor)) == 4
        for ref in find_actors(tree, Special):
            assert ref.ask("ping") == 1
        with pytest.raises(BadSpec, match="expected a subclass of"):
            find_actors(tree, int)  # type: ignore[type-var]  # what is tested
        with pytest.raises(BadSpec, match="expected the reference of a supervisor"):
            find_actors(find_actors(tree, Special)[0], Worker)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(ActorDead):
        find_actors(tree, Worker)
