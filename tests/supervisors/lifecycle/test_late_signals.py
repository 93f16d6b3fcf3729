from __future__ import annotations

import threading

import pytest

from supervisors import SHUTDOWN
from supervisors.lifecycle.mailbox import Mailbox
from supervisors.lifecycle.signals import ExitSignal, KillSignal, StopSignal
from supervisors.rules.reasons import Crashed
from tests.supervisors.stubs import PATIENCE_S, Worker


@pytest.mark.usefixtures("_restless_interpreter")
def test_a_closed_mailbox_keeps_only_kills_whatever_is_signalled_at_once() -> None:
    mailbox = Mailbox()
    mailbox.close()

    def signal() -> None:
        for _ in range(300):
            mailbox.signal(ExitSignal(None, None, SHUTDOWN))
            mailbox.signal(StopSignal(SHUTDOWN))

    senders = [threading.Thread(target=signal) for _ in range(4)]
    for sender in senders:
        sender.start()
    mailbox.signal(KillSignal())
    for sender in senders:
        sender.join(PATIENCE_S)
    assert [type(each) for each in mailbox.signals] == [KillSignal]


def test_a_signal_to_an_ended_actor_has_no_effect() -> None:
    ref = Worker.start()
    ref.stop()
    ref.exit(Crashed(ValueError()))
    assert not ref.actor_state.mailbox.signals
