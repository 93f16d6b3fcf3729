"""The end of the main thread, signals and forks: what they do to a tree, each shown in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import supervisors
from supervisors import BadSpec, Supervisor, run_until_signal
from tests.supervisors.stubs import PATIENCE_S, Worker

BEGIN = """
import os, signal, sys, threading
from supervisors import *

def say(text):
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()

class Child(Actor):
    def on_start(self):
        say(f"started {self.context.id}")
    def on_receive(self, message):
        return message(self) if callable(message) else message
    def on_stop(self):
        say(f"stopped {self.context.id}: {self.exit_reason}")

children = [ChildSpec.of(Child, id=id, name=id) for id in "ab"]
"""


def python(code: str) -> subprocess.Popen[str]:
    """Start a Python with a tree."""
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(supervisors.__file__).parents[1])},
    )


def said(process: subprocess.Popen[str]) -> list[str]:
    """Return what the process has said when it has ended by itself, and in order."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert err == ""
    return out.splitlines()


def hear(process: subprocess.Popen[str], line: str) -> None:
    """Wait until the process says ``line``."""
    assert process.stdout is not None
    for heard in process.stdout:
        if heard.strip() == line:
            return
    pytest.fail(f"{line} was not said")


UNTIL_SIGNAL = """
def start():
    tree = Supervisor.start(children, strategy="one_for_one")
    say("ready")
    return tree

say(f"ended: {run_until_signal(start)}")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_tree_in_order(number: signal.Signals) -> None:
    process = python(UNTIL_SIGNAL)
    hear(process, "ready")
    process.send_signal(number)
    assert said(process) == ["stopped b: shutdown", "stopped a: shutdown", "ended: shutdown"]


def test_a_second_signal_ends_the_wait_for_a_tree_that_does_not_stop() -> None:
    stuck = """
class Stuck(Child):
    def on_stop(self):
        say("stuck")
        threading.Event().wait()

children = [ChildSpec.of(Stuck, shutdown="infinity")]
"""
    process = python(stuck + UNTIL_SIGNAL)
    hear(process, "ready")
    process.send_signal(signal.SIGTERM)
    hear(process, "stuck")
    process.send_signal(signal.SIGTERM)
    assert said(process) == ["ended: None"]


def test_a_signal_during_the_start_is_not_lost_and_a_second_one_breaks_a_start_that_hangs_off() -> None:
    process = python(
        """
        class Hanging(Child):
            def on_start(self):
                say("starting")
                os.kill(os.getpid(), {"a": signal.SIGTERM, "b": signal.SIGINT}[self.context.id])
                if self.context.id == "b":
                    self.cancelled.wait()

        def start(*ids):
            specs = [ChildSpec.of(Hanging, id=id) for id in ids]
            return Supervisor.start(specs, strategy="one_for_one")

        say(f"ended: {run_until_signal(lambda: start('a'))}")
        try:
            run_until_signal(lambda: start("a", "b"))
        except KeyboardInterrupt:
            say("broken off")
        """
    )
    assert [line for line in said(process) if "start" not in line] == [
        "stopped a: shutdown",
        "ended: shutdown",
        "stopped b: shutdown",
        "stopped a: shutdown",
        "broken off",
    ]


def test_a_tree_that_ends_by_itself_ends_the_wait_and_the_old_handlers_are_back() -> None:
    process = python(
        """
        before = signal.getsignal(signal.SIGTERM)
        tree = Supervisor.start([Child], strategy="one_for_one", max_restarts=0)
        threading.Timer(0.05, lambda: tree.which_child("Child").ref.exit(ValueError("x"))).start()
        say(f"ended: {run_until_signal(tree)}")
        assert signal.getsignal(signal.SIGTERM) is before
        """
    )
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert "ended: shutdown: 'supervisor' gave up on child 'Child'" in out


def test_without_it_the_process_ends_with_its_main_thread_and_no_hook_runs() -> None:
    assert said(python('tree = Supervisor.start(children, strategy="one_for_one")')) == ["started a", "started b"]


def test_an_actor_whose_thread_is_no_daemon_keeps_the_process_alive() -> None:
    process = python(
        """
        class Kept(Child):
            use_daemon_thread = False

        ref = Kept.start()
        threading.Timer(0.05, lambda: ref.stop()).start()
        """
    )
    assert said(process) == ["started Kept", "stopped Kept: normal"]


def test_signals_are_waited_for_in_the_main_thread_only() -> None:
    ref = Worker.start()

    def wait(_actor: object) -> str:
        with pytest.raises(RuntimeError, match="signals reach the main thread only") as caught:
            run_until_signal(ref)
        return str(caught.value)

    assert "call run_until_signal there" in ref.ask(wait)
    ref.stop()
    for junk in (Supervisor, None, "tree", lambda: None):
        with pytest.raises(BadSpec, match="expected the reference of a tree"):
            run_until_signal(junk)  # type: ignore[arg-type]  # what is tested


FORK = """
tree = Supervisor.start(children, strategy="one_for_one", registry=(registry := Registry()), name="tree")
scheduler = Scheduler(1)
class Scheduled(ScheduledActor):
    pass
refs = [tree, tree.which_child("a").ref, Child.start(), Scheduled.start(scheduler)]
dead = Child.start()
dead.stop()
limited = type("Limited", (Child,), {"mailbox_limit": MailboxLimit(1)}).start()
proxy = refs[2].proxy()
child = os.fork()
"""


IN_PARENT = """
assert os.waitpid(child, 0)[1] == 0
assert refs[1].ask(5) == 5
for ref in (tree, limited, refs[2]):
    ref.stop()
scheduler.stop()
"""


def forked(code: str) -> list[str]:
    """Return what the child of a process with a tree says when it runs ``code``."""
    in_child = textwrap.indent(textwrap.dedent(code) + "\nsay('done')\nos._exit(0)\n", "    ")
    lines = said(python(f"{FORK}if child == 0:\n{in_child}{IN_PARENT}"))
    assert "done" in lines
    return lines


def test_in_a_forked_child_the_parents_actors_are_dead_and_nothing_hangs() -> None:
    forked(
        """
        for ref in refs:
            assert not ref.is_alive()
            for _ in range(3):
                ref.tell(1)
                try:
                    ref.ask(1)
                except ActorDead as error:
                    assert error.reason == NOPROC and not error.begun
                else:
                    raise AssertionError("answered")
            assert ref.stop() is False
            assert ref.wait(0) == NOPROC == ref.exit_reason
            ref.exit(KILLED)
            ref.exit("done")
            kill(ref)
            assert ref.dead_letters >= 3
        for _ in range(3):
            limited.tell(1)
        for call in (tree.which_children, tree.snapshot, lambda: tree.start_child(Child)):
            try:
                call()
            except ActorDead:
                continue
            raise AssertionError("answered")
        try:
            proxy.on_receive(1).get()
        except ActorDead:
            pass
        assert "ended" in render_tree(tree)
        assert registry.whereis("a") is None and abandoned_threads() == []
        """
    )


def test_in_a_forked_child_a_tree_of_its_own_works_with_all_that_was_made_before() -> None:
    forked(
        """
        again = Supervisor.start(children, strategy="one_for_one", registry=registry)
        ref = registry.ref("a").resolve()
        assert ref.ask(7) == 7
        assert ref.ask(lambda actor: actor.monitor(refs[1]) and actor.receive(Down).reason) == NOPROC
        try:
            Scheduled.start(scheduler)
        except SupervisionError as error:
            assert "was stopped" in str(error)
        with Scheduler(1) as own:
            assert Scheduled.start(own).stop()
        assert again.stop()
        """
    )


def test_a_fork_inside_an_actor_leaves_the_actor_in_the_parent() -> None:
    process = python(
        """
        def fork(actor):
            child = os.fork()
            if child == 0:
                own = Child.start()
                assert own.ask(3) == 3 and own.stop()
                assert not actor.actor_ref.is_alive()
                os._exit(0)
            return os.waitpid(child, 0)[1]

        ref = Child.start()
        assert ref.ask(fork) == 0
        assert ref.ask(4) == 4
        ref.stop()
        """
    )
    assert said(process)[-1] == "stopped Child: normal"
