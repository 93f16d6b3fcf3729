"""Pykka 4.5 loses an ``ask`` that races with a stop; these look for one that we lose."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pykka
import pytest

from supervisors import Actor, ActorDead, DeadlineExceeded, MailboxFull, MailboxLimit, Overflow, Ref
from supervisors.rules.reasons import KILLED
from tests.supervisors.stubs import PATIENCE_S, Died

# A kill in a callback of the garbage collector is printed by the interpreter, and lost.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Echo(Actor):
    """Answers with what it is asked; crashes when it is told to."""

    def on_receive(self, message: Any) -> Any:
        if message is Died:
            raise Died
        return message


class SmallEcho(Echo):
    """The same with room for three."""

    mailbox_limit = MailboxLimit(3, Overflow.BLOCK)


def end_by_stop(ref: Ref[Any]) -> None:
    ref.stop(block=False)


def end_by_crash(ref: Ref[Any]) -> None:
    ref.tell(Died)


def end_by_kill(ref: Ref[Any]) -> None:
    ref.exit(KILLED)


def ask_while_it_ends(actor_class: type[Echo], end: Any, asks: int, askers: int) -> int:
    """Ask from several threads while the actor ends; return how many got no outcome."""
    ref = actor_class.start()
    begin = threading.Barrier(askers + 1)

    def asker() -> list[pykka.Future[Any]]:
        begin.wait()
        return [ref.ask(number, block=False) for number in range(asks)]

    with ThreadPoolExecutor(askers) as pool:
        runs = [pool.submit(asker) for _ in range(askers)]
        begin.wait()
        ref.ask("in the middle", block=False)
        end(ref)
        futures = [future for run in runs for future in run.result(PATIENCE_S)]
    ref.wait(PATIENCE_S)
    return sum(not has_outcome(future) for future in futures)


def has_outcome(future: pykka.Future[Any]) -> bool:
    try:
        future.get(timeout=PATIENCE_S)
    except (ActorDead, Died):
        return True
    except pykka.Timeout:
        return False
    return True


@pytest.mark.usefixtures("_restless_interpreter")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("end", [end_by_stop, end_by_crash, end_by_kill])
@pytest.mark.parametrize("actor_class", [Echo, SmallEcho])
def test_every_ask_that_races_with_an_end_gets_an_outcome(actor_class: type[Echo], end: Any, whole: bool) -> None:
    asks, askers = 100, 4
    total = (1_000_000 if actor_class is Echo and end is end_by_stop else 100_000) if whole else 8_000
    lost = sum(ask_while_it_ends(actor_class, end, asks, askers) for _ in range(total // (asks * askers)))
    assert lost == 0


def test_an_ask_of_a_dead_actor_says_why_it_ended() -> None:
    ref = Echo.start()
    ref.tell(Died)
    ref.wait()
    with pytest.raises(ActorDead, match=r"Echo 'Echo' has ended: .*Died") as caught:
        ref.ask("anything")
    assert caught.value.reason is ref.exit_reason
    assert isinstance(caught.value, pykka.ActorDeadError)


def test_an_ask_waits_only_as_long_as_its_timeout() -> None:
    ref = Echo.start()
    gate = threading.Event()

    class Slow(Echo):
        def on_receive(self, message: Any) -> Any:
            return gate.wait()

    slow = Slow.start()
    with pytest.raises(pykka.Timeout):
        slow.ask("anything", timeout=0.01)
    gate.set()
    slow.stop()
    ref.stop()
    assert not issubclass(MailboxFull, pykka.Timeout)
    assert issubclass(DeadlineExceeded, pykka.Timeout)
