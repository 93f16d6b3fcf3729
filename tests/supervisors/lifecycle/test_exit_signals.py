from __future__ import annotations

import threading
from typing import Any

import pytest

from supervisors import KILLED, NOPROC, NORMAL, SHUTDOWN, Actor, Crashed, Down, Exit, Reason, Ref, Shutdown
from supervisors.lifecycle.signals import ExitSignal, takes_effect
from tests.supervisors.stubs import PATIENCE_S, Gate, Worker, down


class Listener(Worker):
    """Keeps every `Down` and `Exit` that it gets."""

    def __init__(self, *, trapping: bool = False) -> None:
        super().__init__()
        self.trap_exit = trapping
        self.heard: list[Down | Exit] = []
        self.hears = threading.Condition()

    def on_receive(self, message: Any) -> Any:
        if not isinstance(message, Down | Exit):
            return super().on_receive(message)
        with self.hears:
            self.heard.append(message)
            self.hears.notify_all()
        return None


def listener(*, trapping: bool = False) -> tuple[Ref[Listener], Listener]:
    """Start one; return it and, for its public condition only, its object."""
    ref = Listener.start(trapping=trapping)
    actor: Listener = ref.ask(lambda actor: actor)
    return ref, actor


def hear(actor: Listener, count: int = 1) -> list[Down | Exit]:
    with actor.hears:
        assert actor.hears.wait_for(lambda: len(actor.heard) >= count, PATIENCE_S)
        return list(actor.heard)


@pytest.mark.parametrize("end", ["stop", "die", SHUTDOWN, Shutdown("why")], ids=str)
def test_a_monitor_gives_one_down_with_the_reason(end: Any) -> None:
    watcher, actor = listener()
    watched = Worker.start()
    monitor = watcher.ask(lambda actor: actor.monitor(watched))
    watched.tell(end)
    [message] = hear(actor)
    assert message == Down(watched, down(watched), monitor)
    watcher.stop()


def test_every_monitor_is_one_of_its_own() -> None:
    watcher, actor = listener()
    watched = Worker.start()
    monitors = [watcher.ask(lambda actor: actor.monitor(watched)) for _ in range(3)]
    watched.stop()
    assert [message.monitor for message in hear(actor, 3) if isinstance(message, Down)] == monitors
    watcher.stop()


def test_after_demonitor_no_down_comes() -> None:
    watcher, actor = listener()
    watched = Worker.start()
    forgotten = watcher.ask(lambda actor: actor.monitor(watched))
    kept = watcher.ask(lambda actor: actor.monitor(watched))
    watcher.ask(lambda actor: actor.demonitor(watched, forgotten))
    watched.stop()
    assert [message.monitor for message in hear(actor) if isinstance(message, Down)] == [kept]
    watcher.stop()


def test_case_x2_monitoring_a_dead_actor_gives_noproc_at_once() -> None:
    watcher, actor = listener()
    watched = Worker.start()
    watched.stop()
    watcher.ask(lambda actor: actor.monitor(watched))
    assert [message.reason for message in hear(actor)] == [NOPROC]
    watcher.stop()


def test_a_crash_goes_over_a_link_with_its_reason() -> None:
    one, other = Worker.start(), Worker.start()
    one.ask(lambda actor: actor.link(other))
    other.tell("die")
    assert down(one) is down(other)
    assert isinstance(down(one), Crashed)


def test_a_link_works_in_both_directions() -> None:
    one, other = Worker.start(), Worker.start()
    one.ask(lambda actor: actor.link(other))
    one.tell("die")
    assert down(other) is down(one)


def test_a_normal_end_is_no_reason_for_a_linked_actor_to_end() -> None:
    one, other = Worker.start(), Worker.start()
    one.ask(lambda actor: actor.link(other))
    other.stop()
    assert one.ask("ping") == 1
    one.stop()


def test_a_shutdown_is_a_reason_for_a_linked_actor_to_end() -> None:
    one, other = Worker.start(), Worker.start()
    one.ask(lambda actor: actor.link(other))
    other.tell(SHUTDOWN)
    assert down(one) == SHUTDOWN


@pytest.mark.parametrize("end", ["stop", "die", SHUTDOWN], ids=str)
def test_one_that_traps_exits_gets_a_message_instead(end: Any) -> None:
    trapper, actor = listener(trapping=True)
    other = Worker.start()
    trapper.ask(lambda actor: actor.link(other))
    other.tell(end)
    assert hear(actor) == [Exit(other, down(other))]
    trapper.stop()


def test_a_trapped_exit_comes_after_the_messages_that_were_there_before() -> None:
    trapper, _ = listener(trapping=True)
    other = Worker.start()
    gate = Gate()
    order: list[str] = []
    trapper.ask(lambda actor: actor.link(other))
    trapper.tell(gate)
    gate.entered.wait(PATIENCE_S)
    trapper.tell(lambda _: order.append("message"))
    other.tell("die")
    down(other)
    trapper.tell(lambda actor: order.append(f"{len(actor.heard)} exits"))
    gate.opened.set()
    trapper.ask("ping")
    assert order == ["message", "0 exits"]
    trapper.stop()


def test_linking_to_a_dead_actor_is_an_exit_with_noproc() -> None:
    one, other = Worker.start(), Worker.start()
    other.stop()
    one.tell(lambda actor: actor.link(other))
    assert down(one) == NOPROC


def test_linking_to_itself_is_nothing() -> None:
    one = Worker.start()
    one.ask(lambda actor: actor.link(one))
    assert one.stop()


def test_case_x3_a_repeated_link_is_one_link() -> None:
    trapper, actor = listener(trapping=True)
    other = Worker.start()
    for _ in range(3):
        trapper.ask(lambda actor: actor.link(other))
    other.tell("die")
    down(other)
    trapper.ask("ping")
    assert len(hear(actor)) == 1
    trapper.stop()


def test_case_x3_after_unlink_no_exit_signal_has_any_effect() -> None:
    one, other = Worker.start(), Worker.start()
    gate = Gate()

    def unlink_when_it_is_dead(actor: Actor) -> None:
        actor.link(other)
        gate.pass_through()
        actor.unlink(other)

    one.tell(unlink_when_it_is_dead)
    gate.entered.wait(PATIENCE_S)
    other.tell("die")
    down(other)
    gate.opened.set()
    assert one.ask("ping") == 1
    one.stop()


def test_an_exit_sent_on_purpose_ends_an_actor_with_its_reason() -> None:
    one = Worker.start()
    one.exit(Shutdown("on purpose"))
    assert down(one) == Shutdown("on purpose")


def test_an_exit_sent_on_purpose_can_be_trapped() -> None:
    trapper, actor = listener(trapping=True)
    trapper.exit(SHUTDOWN)
    assert hear(actor) == [Exit(None, SHUTDOWN)]
    trapper.stop()


def test_a_kill_sent_on_purpose_cannot_be_trapped() -> None:
    trapper, _ = listener(trapping=True)
    trapper.exit(KILLED)
    assert down(trapper) == KILLED


def test_a_kill_that_comes_over_a_link_can_be_trapped_and_keeps_its_name() -> None:
    trapper, actor = listener(trapping=True)
    other = Worker.start()
    trapper.ask(lambda actor: actor.link(other))
    other.exit(KILLED)
    assert hear(actor) == [Exit(other, KILLED)]
    trapper.stop()


def test_a_kill_that_comes_over_a_link_ends_one_that_does_not_trap_by_the_same_reason() -> None:
    one, other = Worker.start(), Worker.start()
    one.ask(lambda actor: actor.link(other))
    other.exit(KILLED)
    assert down(one) == KILLED


def test_an_exit_for_a_normal_reason_is_dropped_unless_it_comes_from_oneself() -> None:
    one = Worker.start()
    one.exit(NORMAL)
    assert one.ask("ping") == 1
    one.tell(lambda _: one.exit(NORMAL))
    assert down(one) == NORMAL


@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, KILLED, NOPROC], ids=str)
@pytest.mark.parametrize("from_self", [False, True])
def test_the_rule_for_exit_signals(reason: Reason, from_self: bool) -> None:
    assert takes_effect(ExitSignal(None, None, reason), from_self=from_self) == (reason != NORMAL or from_self)
