"""What supervision costs: messages, starts, restarts against bare Pykka's, and a life among 1,000 against among 100.

Bare Pykka has no restart: there the program waits until an actor has ended and starts another one itself. A mass
restart is that of a thousand children which crash at the same moment. Beside them stands what the BEAM takes, as a
measure of how far threads are from processes that a virtual machine itself schedules.

Everything is interleaved, round by round, so that whatever else the machine does meets both sides alike. Ratios are
taken within a round; printed are their median and quartiles.

    python -m examples.benchmarks.supervision [rounds]     # 15 rounds by default
    python -m examples.benchmarks.supervision --smoke
"""

from __future__ import annotations

import logging
import platform
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from statistics import median, quantiles
from typing import Any, NamedTuple

import pykka

from examples.benchmarks.measuring import arguments, print_peak_memory
from supervisors import Actor, ChildReady, ChildRestarted, ChildSpec, Event, Ref, Registry, Supervisor

OTP_US = {"a start": 3.2, "an ask": 1.2, "a restart": 11.0}
"""Microseconds on the BEAM: `supervisor` and `gen_server` of Erlang/OTP, as given in issue 14 of this project."""


class Size(NamedTuple):
    """How many messages are timed together, and how many children."""

    tells: int = 5_000
    asks: int = 1_000
    restarts: int = 100
    few: int = 100
    many: int = 1_000


class BareEcho(pykka.ThreadingActor):
    """Answers with what it gets, on bare Pykka; crashes when told to."""

    use_daemon_thread = True

    def on_receive(self, message: Any) -> Any:
        """Return ``message``."""
        if message == "crash":
            raise RuntimeError("told to")
        return message


class Echo(Actor):
    """The same, supervised."""

    def on_receive(self, message: Any) -> Any:
        """Return ``message``."""
        if message == "crash":
            raise RuntimeError("told to")
        return message


class Tree:
    """A supervisor of some children, and a way to wait for its restarts.

    Args:
        children: how many.
        strategy: of the supervisor.
    """

    def __init__(self, children: int, strategy: Any = "one_for_one") -> None:
        self._restarts = threading.Semaphore(0)
        self.registry = Registry()
        specs = [ChildSpec.of(Echo, id=str(number), name=number) for number in range(children)]
        options: dict[str, Any] = {"registry": self.registry, "hooks": [self._note], "max_restarts": 10**9}
        self.root = Supervisor.start(specs, strategy=strategy, **options)

    def _note(self, event: Event) -> None:
        if isinstance(event, ChildRestarted):
            self._restarts.release()

    def ref(self, name: int) -> Ref[Any]:
        """Return the reference of one child that runs."""
        ref: Ref[Any] | None = self.registry.whereis(name)
        assert ref is not None, f"expected child {name} to run"
        return ref

    def crash(self, name: int) -> None:
        """Crash one child."""
        self.ref(name).tell("crash")

    def await_restarts(self, count: int) -> None:
        """Wait for so many restarts."""
        for _ in range(count):
            self._restarts.acquire()


def microseconds(work: Callable[[], object], count: int) -> float:
    """Return the microseconds of each of ``count`` things that ``work`` does."""
    begin = time.perf_counter()
    work()
    return 1e6 * (time.perf_counter() - begin) / count


def tell(ref: pykka.ActorRef[Any], count: int) -> float:
    """Return the time of one tell among many, until the last one is handled."""

    def work() -> None:
        for number in range(count):
            ref.tell(number)
        ref.ask(0)

    return microseconds(work, count)


def ask(ref: pykka.ActorRef[Any], count: int) -> float:
    """Return the time of one ask, there and back."""

    def work() -> None:
        for number in range(count):
            ref.ask(number)

    return microseconds(work, count)


def start_bare(count: int) -> float:
    """Return the time of one start, of many."""
    refs: list[pykka.ActorRef[Any]] = []
    taken = microseconds(lambda: refs.extend(BareEcho.start() for _ in range(count)), count)
    for ref in refs:
        ref.stop()
    return taken


def start(count: int) -> float:
    """Return the time of one supervised start, of many."""
    trees: list[Tree] = []
    taken = microseconds(lambda: trees.append(Tree(count)), count)
    trees[0].root.stop()
    return taken


def restart_bare(count: int) -> float:
    """Return the time of a crash and a start by hand, one after another."""
    refs = [BareEcho.start()]

    def work() -> None:
        for _ in range(count):
            refs[0].tell("crash")
            refs[0].actor_stopped.wait()
            refs[0] = BareEcho.start()

    taken = microseconds(work, count)
    refs[0].stop()
    return taken


def restart(count: int) -> float:
    """Return the time of a crash and the restart, one after another."""
    tree = Tree(1)

    def work() -> None:
        for _ in range(count):
            tree.crash(0)
            tree.await_restarts(1)

    taken = microseconds(work, count)
    tree.root.stop()
    return taken


def mass_restart_bare(count: int) -> float:
    """Return the time of each of many crashes at once, and starts by hand."""
    old, new = [BareEcho.start() for _ in range(count)], []

    def work() -> None:
        for ref in old:
            ref.tell("crash")
        for ref in old:
            ref.actor_stopped.wait()
            new.append(BareEcho.start())

    taken = microseconds(work, count)
    for ref in new:
        ref.stop()
    return taken


def mass_restart(count: int) -> float:
    """Return the time of each of many crashes and restarts at once."""
    tree = Tree(count)

    def work() -> None:
        for name in range(count):
            tree.crash(name)
        tree.await_restarts(count)

    taken = microseconds(work, count)
    tree.root.stop()
    return taken


def restart_all(count: int) -> float:
    """Return the time of each child of a one_for_all restart: stopped in order, one after another, and started."""
    tree = Tree(count, "one_for_all")

    def work() -> None:
        tree.crash(0)
        tree.await_restarts(count)

    taken = microseconds(work, count)
    tree.root.stop()
    return taken


def lives(count: int) -> float:
    """Return the time for each of ``count`` children to start, crash once, come back and stop."""
    all_are_back, restarted = threading.Event(), 0

    def note(event: Event) -> None:
        nonlocal restarted
        restarted += isinstance(event, ChildReady) and event.incarnation == 2
        if restarted == count:
            all_are_back.set()

    registry = Registry()
    specs = [ChildSpec.of(Echo, id=str(number), name=number) for number in range(count)]

    def work() -> None:
        with Supervisor.start(specs, strategy="one_for_one", max_restarts=count, registry=registry, hooks=[note]):
            for number in range(count):
                ref = registry.whereis(number)
                if ref is not None:
                    ref.tell("crash")
            all_are_back.wait()

    return microseconds(work, count)


def compare(title: str, rounds: int, base: Callable[[], float], other: Callable[[], float]) -> None:
    """Measure both, a round of one after a round of the other, and print medians, and the ratio with its quartiles."""
    pairs = [(base(), other()) for _ in range(rounds)]
    low, middle, high = quantiles([second / first for first, second in pairs], n=4)
    first, second = (median(side) for side in zip(*pairs, strict=True))
    otp = f"{OTP_US[title]:8.1f}" if title in OTP_US else ""
    print(f"{title:<24} {first:9.2f} {second:9.2f}   {middle:5.2f} ({low:.2f} to {high:.2f}) {otp}")


def main(rounds: int, size: Size) -> None:
    """Print the comparisons."""
    for name in ("supervisors", "pykka"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    print(f"Python {platform.python_version()}, Pykka {version('pykka')}, {rounds} rounds, medians in µs")
    print(f"{'':<24} {'bare':>9} {'superv.':>9}   ratio {'OTP':>24}")
    bare, tree = BareEcho.start(), Tree(1)
    supervised = tree.ref(0)
    compare("a tell", rounds, lambda: tell(bare, size.tells), lambda: tell(supervised, size.tells))
    compare("an ask", rounds, lambda: ask(bare, size.asks), lambda: ask(supervised, size.asks))
    bare.stop()
    tree.root.stop()
    few = max(3, rounds // 3)
    compare("a start", rounds, lambda: start_bare(size.few), lambda: start(size.few))
    compare("a restart", rounds, lambda: restart_bare(size.restarts), lambda: restart(size.restarts))
    compare("a mass restart", few, lambda: mass_restart_bare(size.many), lambda: mass_restart(size.many))
    print(f"{'':<24} {'together':>9} {'one by 1':>9}")
    compare("restarts of one_for_all", few, lambda: mass_restart(size.many), lambda: restart_all(size.many))
    print(f"{'':<24} {size.few:>9} {size.many:>9}")
    compare("a life among so many", few, lambda: lives(size.few), lambda: lives(size.many))
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    if smoke:
        main(2, Size(tells=20, asks=10, restarts=3, few=2, many=4))
    else:
        main(numbers[0] if numbers else 15, Size())
