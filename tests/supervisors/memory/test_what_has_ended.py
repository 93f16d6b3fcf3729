"""What has ended holds nothing: no thread, no timer, no message, no monitor, no actor, nothing that it worked on."""

from __future__ import annotations

import gc
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from supervisors import (
    KILLED,
    NORMAL,
    Actor,
    ActorDead,
    ChildExited,
    ChildSpec,
    Ref,
    Registry,
    Restart,
    ScheduledActor,
    Scheduler,
    StartError,
    Supervisor,
)
from tests.supervisors.memory.traced import (
    BORN,
    Broken,
    Failing,
    Parcel,
    Traced,
    TracedScheduled,
    cycles,
    scheduled,
    trace,
)
from tests.supervisors.stubs import PATIENCE_S, Died, Recorder, down, tell_and_see_die

HOUR_S = 3600.0


def living(kind: type) -> int:
    """Return how many traced things of one kind are in memory."""
    return sum(isinstance(thing(), kind) for _, thing in BORN)


def test_what_refers_to_itself_is_found() -> None:
    trace(registry := Registry())
    registry.itself = registry  # type: ignore[attr-defined]
    del registry
    assert living(Registry) == 1
    assert len(cycles()) == 1
    gc.collect()


def make_parcel() -> Parcel:
    parcel = Parcel()
    trace(parcel)
    return parcel


class Holder(Traced):
    """Works on a parcel, and crashes in the way that it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.parcel = make_parcel()

    def on_receive(self, message: Any) -> Any:
        match message:
            case "attribute":
                return self.no_such_attribute  # type: ignore[attr-defined]
            case "cause":
                try:
                    self.fail()
                except Died as error:
                    raise ValueError from error
            case "group":
                raise ExceptionGroup("several", [self.error(), ExceptionGroup("inner", [self.error()])])
            case "exit":
                self.exit(self.error())
            case "base":
                raise KeyboardInterrupt
        return super().on_receive(message)

    def fail(self) -> None:
        parcel = make_parcel()
        raise Died(str(id(parcel)))

    def error(self) -> Exception:
        try:
            self.fail()
        except Died as error:
            return error
        raise AssertionError

    def on_failure(self, kind: Any, error: Any, trace_back: Any) -> None:
        """Find all that there was."""
        assert any("self" in frame.f_locals for frame, _ in traceback.walk_tb(trace_back))


WAYS = ["die", "attribute", "cause", "group", "exit", "base"]


@pytest.mark.parametrize("way", WAYS)
def test_references_of_crashed_actors_hold_neither_them_nor_their_work_and_their_reasons_print(way: str) -> None:
    refs = [Holder.start() for _ in range(10)]
    reasons = [tell_and_see_die(ref, way) for ref in refs]
    assert (living(Holder), living(Parcel)) == (0, 0)
    for reason in reasons:
        assert reason.exc_info is not None
        assert "test_what_has_ended.py" in "".join(traceback.format_exception(*reason.exc_info))


class Nested:
    """What proxies reach through an actor."""

    pykka_traversable = True

    def __init__(self) -> None:
        self.number = 3


class Reached(Holder):
    """Has an attribute with attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.nested = Nested()


PROXIES: dict[str, Callable[[Any], Any]] = {
    "a proxy": lambda proxy: proxy,
    "a method of a proxy": lambda proxy: proxy.on_receive,
    "a proxy of an attribute": lambda proxy: (proxy, proxy.nested),
    "a future of a proxy": lambda proxy: proxy.incarnation,
}


@pytest.mark.parametrize("end", ["stop", "die"])
@pytest.mark.parametrize("kept", PROXIES.values(), ids=PROXIES)
def test_proxies_of_actors_that_have_ended_do_not_hold_them(kept: Callable[[Any], Any], end: str) -> None:
    proxies = []
    for _ in range(10):
        ref = Reached.start()
        proxies.append(kept(ref.proxy()))
        assert ref.ask("ping") == 1
        ref.stop() if end == "stop" else tell_and_see_die(ref)
        down(ref)
    assert (living(Reached), living(Parcel)) == (0, 0)
    assert len(proxies) == 10


def test_a_proxy_of_an_actor_that_has_ended_says_so() -> None:
    ref = Reached.start()
    proxy, again = ref.proxy(), ref.proxy()
    assert proxy == again
    assert hash(proxy) == hash(again)
    assert proxy.nested.number.get() == 3
    assert proxy.nested == again.nested
    assert proxy.nested != proxy
    ref.stop()
    down(ref)
    with pytest.raises(ActorDead):
        proxy.incarnation.get()
    with pytest.raises(ActorDead):
        proxy.nested.number.get()


def test_so_it_is_for_actors_on_a_scheduler() -> None:
    class Working(TracedScheduled):
        def __init__(self, scheduler: Scheduler) -> None:
            super().__init__(scheduler)
            self.parcel = make_parcel()

    with Scheduler(1) as scheduler:
        trace(scheduler)
        refs: list[Ref[Any]] = [Working.start(scheduler) for _ in range(10)]
        for ref in refs:
            tell_and_see_die(ref)
            tell_and_see_die(ref, "late")
        while living(ScheduledActor):  # the thread is at its last lines
            pass
        assert living(Parcel) == 0


def test_stored_events_hold_neither_the_children_nor_the_supervisor() -> None:
    recorder = Recorder()
    specs = [ChildSpec.of(Holder, id=way, restart=Restart.TEMPORARY) for way in WAYS]
    with Supervisor.start(specs, strategy="one_for_one", hooks=[recorder]) as tree:
        trace(tree, tree.actor_inbox)
        for way in WAYS:
            tree.which_child(way).ref.tell(way)
            recorder.wait_count(ChildExited, 1, way)
        for wrong in (Failing, Broken):
            with pytest.raises(StartError):
                tree.start_child(wrong)
    down(tree)
    assert (living(Actor), living(Parcel)) == (0, 0)
    assert len(recorder.of(ChildExited)) == len(WAYS)
    # The event of a failed start has frames of the supervisor's thread, which know the hooks, and so this recorder.
    recorder.events.clear()


@pytest.mark.parametrize("end", ["stop", "die", KILLED], ids=str)
def test_a_timer_that_is_pending_does_not_keep_its_actor_or_its_message(end: Any) -> None:
    with Supervisor.start([], strategy="one_for_one") as tree:
        trace(tree)
        for _ in range(20):
            ref = tree.start_child(ChildSpec.of(Holder, restart=Restart.TEMPORARY)).ref
            timer = ref.ask(lambda actor: actor.send_after(HOUR_S, (actor, make_parcel())))
            ref.exit(KILLED) if end is KILLED else ref.tell(end)
            down(ref)
            assert not timer.pending
        tree.which_children()
        assert (living(Holder), living(Parcel)) == (0, 0)


def test_a_timer_of_a_dead_actor_is_never_pending() -> None:
    kept: list[Any] = []
    ref = Traced.start()
    ref.tell(lambda actor: kept.append(actor.send_after))
    ref.stop()
    assert not kept.pop()(HOUR_S, "late").pending


def test_questions_with_a_deadline_to_dead_actors_start_no_thread() -> None:
    before = set(threading.enumerate())
    for _ in range(10):
        ref = Traced.start()
        ref.stop()
        for _ in range(2):
            with pytest.raises(ActorDead):
                ref.ask("ping", deadline_s=HOUR_S)
    assert set(threading.enumerate()) <= before


def test_a_question_that_was_answered_has_no_deadline_left() -> None:
    with Supervisor.start([Traced], strategy="one_for_one") as tree:
        trace(tree)
        ref = tree.which_child("Traced").ref
        for _ in range(10):
            assert ref.ask(lambda actor: None, deadline_s=HOUR_S) is None
        assert not any(timer.pending for timer in tree.actor_state.timers._heap)


def test_an_actor_that_others_would_have_notified_is_forgotten_by_them_when_it_ends() -> None:
    watched = Traced.start()

    def watch(actor: Actor) -> None:
        actor.monitor(watched)
        actor.monitor(watched)
        actor.link(watched)

    for _ in range(10):
        ref = Holder.start()
        ref.ask(watch)
        ref.stop()
    watched.ask("ping")
    assert (living(Holder), living(Parcel)) == (0, 0)
    links = watched.actor_state.links
    assert (len(links._watchers), len(links.linked)) == (0, 0)
    watched.stop()


def test_a_supervisor_holds_nothing_of_children_that_have_ended() -> None:
    recorder = Recorder()
    specs = [ChildSpec.of(Holder, id=str(number), restart=Restart.TRANSIENT) for number in range(3)]
    with Supervisor.start(specs, strategy="one_for_one", hooks=[recorder]) as tree:
        trace(tree)
        for number in range(3):
            tree.which_child(str(number)).ref.stop()
            recorder.wait_count(ChildExited, 1, str(number))
        tree.which_children()
        assert (living(Holder), living(Parcel)) == (0, 0)


def test_a_future_that_was_answered_holds_no_actor() -> None:
    ref = Holder.start()
    futures = [ref.ask("ping", block=False) for _ in range(3)]
    assert futures[2].get(timeout=PATIENCE_S) == 1
    ref.stop()
    assert down(ref) == NORMAL
    del ref
    assert (living(Holder), living(Parcel)) == (0, 0)


def test_a_scheduled_actor_that_has_ended_is_not_kept_by_its_timers() -> None:
    with Scheduler(1) as scheduler:
        trace(scheduler)
        ref = scheduled(scheduler)
        assert ref.ask(lambda actor: actor.send_after(HOUR_S, actor)).pending
        ref.stop()
