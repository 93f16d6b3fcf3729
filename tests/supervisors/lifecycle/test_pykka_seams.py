"""Each private thing of Pykka that `_pykka` relies on: if one of these fails, Pykka has changed."""

from __future__ import annotations

import threading
from pathlib import Path

import pykka
import pytest
from pykka import messages

import supervisors
from supervisors import Actor
from supervisors.lifecycle._pykka import PROXY_MESSAGES, PykkaSeam, StopMessage
from supervisors.lifecycle.mailbox import Mailbox
from tests.supervisors.stubs import Worker, down


class Calculator(Actor):
    """Has an attribute and a method, for proxies."""

    total = 0

    def add(self, number: int) -> int:
        self.total += number
        return self.total


def test_the_inbox_of_an_actor_is_the_one_the_seam_makes() -> None:
    ref = Worker.start()
    inbox: object = ref.actor_inbox
    assert isinstance(inbox, Mailbox)
    ref.stop()


def test_the_reference_of_an_actor_is_the_one_the_seam_makes() -> None:
    seen = []
    ref = Worker.start()
    ref.ask(lambda actor: seen.append(actor.actor_ref))
    assert seen == [ref]
    assert isinstance(ref, supervisors.Ref)
    ref.stop()


def test_the_thread_of_an_actor_runs_what_the_seam_says() -> None:
    threads = []
    ref = Worker.start()
    ref.ask(lambda _: threads.append(threading.current_thread()))
    assert threads == [ref.actor_state.thread]
    ref.stop()


def test_the_seam_overrides_methods_that_pykka_still_has_and_calls() -> None:
    for name in ("_create_actor_inbox", "_start_actor_loop", "_actor_loop", "_handle_receive"):
        assert hasattr(pykka.ThreadingActor, name), name
    assert "_actor_ref" in pykka.Actor.__annotations__
    assert {"_actor", "_attr_path", "_actor_proxies"} <= pykka.ActorProxy.__annotations__.keys()
    assert issubclass(PykkaSeam, pykka.ThreadingActor)


def test_stop_of_pykkas_reference_sends_the_message_that_the_seam_knows() -> None:
    sent: list[object] = []
    actor = pykka.ThreadingActor()
    actor.actor_inbox.put = lambda envelope: sent.append(envelope.message)  # type: ignore[method-assign]
    actor.stop()
    assert [type(message) for message in sent] == [StopMessage]


def test_proxies_send_the_messages_that_the_seam_knows() -> None:
    assert {messages.ProxyCall, messages.ProxyGetAttr, messages.ProxySetAttr} == PROXY_MESSAGES


def test_proxies_call_methods_and_read_and_write_attributes() -> None:
    ref = Calculator.start()
    proxy = ref.proxy()
    assert proxy.add(2).get() == 2
    proxy.total = 10
    assert proxy.total.get() == 10
    proxy.add.defer(5)
    assert proxy.total.get() == 15
    ref.stop()


def test_a_failing_call_by_proxy_fails_its_future_and_ends_the_actor() -> None:
    ref = Calculator.start()
    with pytest.raises(TypeError):
        ref.proxy().add("x").get()
    assert isinstance(down(ref).exception, TypeError)


def test_a_supervised_actor_is_not_in_pykkas_registry() -> None:
    ref = Worker.start()
    assert ref not in pykka.ActorRegistry.get_all()
    pykka.ActorRegistry.stop_all()
    assert ref.ask("ping") == 1
    ref.stop()


def test_everything_private_of_pykka_is_touched_in_one_file() -> None:
    package = Path(supervisors.__file__).parent
    private = ("pykka._", "messages._", "_actor_weakref", "_create_", "_handle_receive", "_actor_loop", "_actor_ref")
    others = [path for path in package.rglob("*.py") if path.name != "_pykka.py"]
    guilty = {
        path.name: word
        for path in others
        for word in private
        if word in path.read_text().replace("supervisors._pykka", "").replace("._actor_ref", ".")
    }
    assert guilty == {}
