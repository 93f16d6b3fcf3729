"""Many actors on few threads: whose turn it is, and that nobody is forgotten, run twice, or held up by another."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from random import Random
from typing import Any

import pytest

from supervisors import (
    KILLED,
    SHUTDOWN,
    ActorDead,
    BadSpec,
    ChildSpec,
    Down,
    MailboxLimit,
    Overflow,
    Ref,
    ScheduledActor,
    Scheduler,
    Supervisor,
    abandoned_threads,
    exit,
)
from supervisors.rules.reasons import Abandoned, Crashed
from tests.supervisors.stubs import PATIENCE_S, Died, Gate, Recorder, down

# A kill that strikes in a destructor is reported by Python, and not raised: the actor ends before its next message.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Log(list[int]):
    """What was done, in order; can be waited at."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def append(self, item: int) -> None:
        with self._changed:
            super().append(item)
            self._changed.notify_all()

    def wait(self, count: int) -> list[int]:
        """Wait until so much was done, and return it."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self) >= count, PATIENCE_S), self
        return list(self)


class Pupil(ScheduledActor):
    """Does what it is told: answers, dies, waits at a gate, calls a function, notes down work of a given urgency."""

    kill_grace_s = 0.05

    def __init__(self, scheduler: Scheduler, log: Log | None = None) -> None:
        super().__init__(scheduler)
        self.log = Log() if log is None else log
        self.work: list[int] = []

    def on_receive(self, message: Any) -> Any:
        match message:
            case int():
                self.work.append(message)
            case "die":
                raise Died("told to")
            case Gate():
                message.pass_through()
            case _ if callable(message):
                return message(self)
        return message

    def urgency(self) -> int | None:
        return min(self.work, default=None)

    def on_turn(self) -> None:
        self.work.remove(min_work := min(self.work))
        self.log.append(min_work)


@pytest.fixture
def one() -> Iterator[Scheduler]:
    """A scheduler with one thread."""
    with Scheduler(1, blocked_after_s=30) as scheduler:
        yield scheduler


@pytest.fixture
def two() -> Iterator[Scheduler]:
    """A scheduler with two threads that is quick to see that one blocks."""
    with Scheduler(2, blocked_after_s=0.02) as scheduler:
        yield scheduler


def held(scheduler: Scheduler) -> tuple[Ref[Pupil], Gate]:
    """Return an actor that occupies a thread, and the gate that lets it go on."""
    ref, gate = Pupil.start(scheduler), Gate()
    ref.tell(gate)
    assert gate.entered.wait(PATIENCE_S)
    return ref, gate


def test_an_answer_comes_from_a_thread_of_the_scheduler(one: Scheduler) -> None:
    ref = Pupil.start(one)
    assert ref.ask("hello") == "hello"
    assert ref.ask(lambda actor: threading.current_thread().name).startswith("scheduler-")
    ref.stop()


def test_the_most_urgent_work_of_all_actors_goes_first(one: Scheduler) -> None:
    log = Log()
    pupils = [Pupil.start(one, log) for _ in range(3)]
    holder, gate = held(one)
    for index, urgency in enumerate([5, 3, 8, 1, 9, 2, 4, 7, 6]):
        pupils[index % 3].tell(urgency)
    gate.opened.set()
    assert log.wait(9) == list(range(1, 10))
    for ref in (*pupils, holder):
        ref.stop()


def test_mail_is_received_before_work_is_chosen(one: Scheduler) -> None:
    log = Log()
    ref, other = Pupil.start(one, log), Pupil.start(one, log)

    def busy(actor: Pupil) -> None:
        actor.work += [7, 8]
        other.tell(1)
        ref.tell(0)

    ref.ask(busy)
    assert log.wait(4) == [0, 1, 7, 8]
    ref.stop()
    other.stop()


def test_an_actor_without_work_or_mail_has_no_thread(one: Scheduler) -> None:
    before = threading.active_count()
    refs = [Pupil.start(one) for _ in range(2000)]
    assert threading.active_count() - before <= 1
    assert [ref.ask(str(index)) for index, ref in enumerate(refs[::200])] == [str(index) for index in range(10)]
    for ref in refs:
        ref.stop(block=False)
    assert {down(ref).is_orderly for ref in refs} == {True}


def test_no_actor_is_run_by_two_threads_at_once(two: Scheduler) -> None:
    inside, overlaps, count = set[int](), list[int](), list[int]()

    class Alone(Pupil):
        def on_receive(self, message: Any) -> Any:
            if id(self) in inside:
                overlaps.append(1)
            inside.add(id(self))
            count.append(1)
            inside.discard(id(self))

    refs = [Alone.start(two) for _ in range(4)]

    def send() -> None:
        for number in range(300):
            refs[number % 4].tell(number)

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    for ref in refs:
        ref.stop()
    assert (overlaps, len(count)) == ([], 1200)


@pytest.fixture
def _restless_interpreter() -> Iterator[None]:
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval_s)


@pytest.mark.usefixtures("_restless_interpreter")
def test_no_message_is_forgotten(two: Scheduler, whole: bool) -> None:
    """Each of many balls is thrown on by whoever catches it, until it has been thrown so often."""
    throws, balls, done = (20_000, 8, SimpleQueue[int]()) if whole else (1_500, 8, SimpleQueue[int]())

    class Thrower(ScheduledActor):
        def __init__(self, scheduler: Scheduler, seed: int) -> None:
            super().__init__(scheduler)
            self.random = Random(seed)

        def on_receive(self, left: int) -> None:
            (refs[self.random.randrange(len(refs))].tell(left - 1)) if left else done.put(left)

    refs = [Thrower.start(two, seed) for seed in range(5)]
    for _ in range(balls):
        refs[0].tell(throws)
    for _ in range(balls):
        assert done.get(timeout=PATIENCE_S * 5) == 0
    for ref in refs:
        ref.stop()


def test_a_chain_of_questions_may_be_longer_than_there_are_threads(one: Scheduler) -> None:
    refs = [Pupil.start(one) for _ in range(6)]

    def ask_the_next(index: int) -> Callable[[Pupil], int]:
        return lambda actor: 1 + refs[index + 1].ask(ask_the_next(index + 1)) if index < 5 else 1

    assert refs[0].ask(ask_the_next(0), timeout=PATIENCE_S) == 6
    for ref in refs:
        ref.stop()


def test_a_hook_may_wait_for_a_message(one: Scheduler) -> None:
    asked, other = Pupil.start(one), Pupil.start(one)
    future = asked.ask(lambda actor: actor.receive(str), block=False)
    other.ask(lambda actor: asked.tell("here"))
    assert future.get(timeout=PATIENCE_S) == "here"
    asked.stop()
    other.stop()


def test_a_turn_may_start_and_stop_other_actors(one: Scheduler) -> None:
    parent = Pupil.start(one)
    child: Ref[Pupil] = parent.ask(lambda actor: Pupil.start(one), timeout=PATIENCE_S)
    assert child.ask("hello") == "hello"
    assert parent.ask(lambda actor: child.stop(), timeout=PATIENCE_S) is True
    assert not child.is_alive()
    parent.stop()


def test_bounded_mailboxes_that_fill_do_not_hold_up_the_scheduler() -> None:
    class Small(Pupil):
        mailbox_limit = MailboxLimit(2, Overflow.BLOCK)

    with Scheduler(1, blocked_after_s=0.02) as scheduler:
        small, sender = Small.start(scheduler), Pupil.start(scheduler)
        sender.ask(lambda actor: deque(map(small.tell, "twenty words are more"), maxlen=0), timeout=PATIENCE_S)
        assert small.ask("last") == "last"
        small.stop()
        sender.stop()


def test_who_blocks_holds_up_nobody_else(two: Scheduler) -> None:
    holders = [held(two) for _ in range(4)]
    free = Pupil.start(two)
    assert free.ask("hello", timeout=PATIENCE_S) == "hello"
    for ref, gate in holders:
        gate.opened.set()
        ref.stop()
    free.stop()


def test_an_exception_ends_the_actor_and_no_other(one: Scheduler) -> None:
    bad, good = Pupil.start(one), Pupil.start(one)
    bad.tell("die")
    assert isinstance(down(bad), Crashed)
    assert good.ask("hello") == "hello"
    with pytest.raises(ActorDead):
        bad.ask("hello")
    good.stop()


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_nothing_that_is_raised_in_a_turn_ends_a_thread(one: Scheduler, error: type[BaseException]) -> None:
    class Raises(Pupil):
        def on_turn(self) -> None:
            raise error

    bad, good = Raises.start(one), Pupil.start(one)
    bad.tell(1)
    reason = down(bad)
    assert isinstance(reason.exception, error)
    assert good.ask("hello") == "hello"
    good.stop()


def test_monitors_hear_of_an_end(one: Scheduler) -> None:
    watcher, watched = Pupil.start(one), Pupil.start(one)
    future = watcher.ask(lambda actor: (actor.monitor(watched), actor.receive(Down))[1], block=False)
    watched.tell("die")
    assert isinstance(future.get(timeout=PATIENCE_S).reason, Crashed)
    watcher.stop()


def test_a_kill_ends_an_actor_before_its_next_message(one: Scheduler) -> None:
    ref, gate = held(one)
    ref.tell("never seen")
    exit(ref, KILLED)
    gate.opened.set()
    assert down(ref) == KILLED
    assert ref.dead_letters == 1


def test_a_kill_strikes_whoever_it_is_meant_for(whole: bool) -> None:
    """One thread runs victims and bystanders by turns; the strikes come at any instant."""
    with Scheduler(1, blocked_after_s=30) as scheduler:

        class Spin(ScheduledActor):
            kill_grace_s = 0.05
            turns = 0

            def __init__(self, scheduler: Scheduler, busy: bool) -> None:
                super().__init__(scheduler)
                self.busy = busy

            def on_receive(self, message: Any) -> Any:
                return self.turns

            def urgency(self) -> int | None:
                return self.turns

            def on_turn(self) -> None:
                self.turns += 1

        bystanders = [Spin.start(scheduler, True) for _ in range(3)]
        for _ in range(400 if whole else 60):
            victim = Spin.start(scheduler, True)
            exit(victim, KILLED)
            assert down(victim) == KILLED
        before = [ref.ask(None) for ref in bystanders]
        assert all(ref.is_alive() for ref in bystanders)
        assert all(now >= then for now, then in zip([ref.ask(None) for ref in bystanders], before, strict=True))
        for ref in bystanders:
            ref.stop()


def test_kills_that_strike_senders_lock_nobody_out(two: Scheduler, whole: bool) -> None:
    sink = Pupil.start(two)

    class Chatterbox(Pupil):
        def urgency(self) -> int | None:
            return 0

        def on_turn(self) -> None:
            for _ in range(20):
                sink.tell("word")

    for _ in range(600 if whole else 80):
        ref = Chatterbox.start(two)
        exit(ref, KILLED)
        assert down(ref) == KILLED
    assert sink.ask("still here", timeout=PATIENCE_S) == "still here"
    sink.stop()


def test_an_actor_past_its_deadline_is_abandoned_and_restarted_and_the_others_go_on() -> None:
    recorder, gates = Recorder(), SimpleQueue[Gate]()

    class Hangs(Pupil):
        def on_receive(self, message: Any) -> Any:
            if message == "hang":
                gate = Gate()
                gates.put(gate)
                gate.pass_through()
            return self.incarnation

    with Scheduler(1, blocked_after_s=0.02, deadline_s=0.1) as scheduler:
        specs = [ChildSpec.of(Hangs, scheduler, id=name, name=name) for name in ("bad", "good")]
        with Supervisor.start(specs, strategy="one_for_one", hooks=[recorder]) as tree:
            recorder.ready("good", 1)
            bad = child(tree, "bad")
            bad.tell("hang")
            gate = gates.get(timeout=PATIENCE_S)
            recorder.ready("bad", 2)
            assert isinstance(down(bad), Abandoned)
            assert child(tree, "bad").ask("hello") == 2
            assert child(tree, "good").ask("hello") == 1
            assert abandoned_threads() == ["Hangs 'bad'"]
            gate.opened.set()
    assert abandoned_threads() == []


def child(tree: Any, id: str) -> Ref[Any]:
    found: Ref[Any] = next(each.ref for each in tree.which_children() if each.id == id)
    return found


def test_a_stopped_scheduler_leaves_no_thread_and_no_question_unanswered() -> None:
    before = set(threading.enumerate())
    scheduler = Scheduler(2)
    ref, gate = held(scheduler)
    idle = Pupil.start(scheduler)
    gate.opened.set()
    scheduler.stop()
    assert set(threading.enumerate()) <= before
    with pytest.raises(ActorDead):
        idle.ask("hello", timeout=PATIENCE_S)
    ref.tell("hello")
    assert (down(idle), down(ref)) == (SHUTDOWN, SHUTDOWN)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 0}, "expected `threads` to be an integer >= 1, got 0"),
        ({"threads": True}, "expected `threads` to be an integer >= 1, got True"),
        ({"blocked_after_s": 0}, "expected `blocked_after_s` to be a number > 0, got 0"),
        ({"deadline_s": -1.0}, "expected `deadline_s` to be a number > 0, got -1.0"),
    ],
)
def test_a_number_out_of_range_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSpec, match=message):
        Scheduler(**options)
