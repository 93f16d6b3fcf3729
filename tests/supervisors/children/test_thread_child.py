"""The thread of an actor, as those see it who look at its stack."""

from __future__ import annotations

import threading

from supervisors import Actor, ThreadChild


class Namer(Actor):
    """Answers with the thread that it runs on."""

    def on_receive(self, message: object) -> threading.Thread:
        """Return the current thread."""
        return threading.current_thread()


def test_the_thread_of_an_actor_is_the_one_that_runs_it() -> None:
    ref = Namer.start()
    child = ThreadChild(ref)
    assert child.thread is ref.ask("which thread?")
    ref.stop()
