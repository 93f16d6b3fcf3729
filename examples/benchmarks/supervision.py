"""What supervision costs: a message against bare Pykka's, and a child's life among 1,000 against among 100.

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
from supervisors import Actor, ChildReady, ChildSpec, Event, Registry, Supervisor


class Size(NamedTuple):
    """How many messages are timed together, and how many children."""

    tells: int = 5_000
    asks: int = 1_000
    few: int = 100
    many: int = 1_000


class BareEcho(pykka.ThreadingActor):
    """Answers with what it gets, on bare Pykka."""

    def on_receive(self, message: Any) -> Any:
        """Return ``message``."""
        return message


class Echo(Actor):
    """The same, supervised; crashes when told to."""

    def on_receive(self, message: Any) -> Any:
        """Return ``message``."""
        if message == "crash":
            raise RuntimeError("told to")
        return message


def tell(ref: pykka.ActorRef[Any], count: int) -> float:
    """Return the microseconds of one tell among many, until the last one is handled."""
    begin = time.perf_counter()
    for number in range(count):
        ref.tell(number)
    ref.ask(0)
    return 1e6 * (time.perf_counter() - begin) / count


def ask(ref: pykka.ActorRef[Any], count: int) -> float:
    """Return the microseconds of one ask, there and back."""
    begin = time.perf_counter()
    for number in range(count):
        ref.ask(number)
    return 1e6 * (time.perf_counter() - begin) / count


def lives(count: int) -> float:
    """Return the milliseconds for each of ``count`` children to start, crash once, come back and stop."""
    all_are_back, restarted = threading.Event(), 0

    def note(event: Event) -> None:
        nonlocal restarted
        restarted += isinstance(event, ChildReady) and event.incarnation == 2
        if restarted == count:
            all_are_back.set()

    registry = Registry()
    specs = [ChildSpec.of(Echo, id=str(number), name=number) for number in range(count)]
    begin = time.perf_counter()
    with Supervisor.start(specs, strategy="one_for_one", max_restarts=count, registry=registry, hooks=[note]):
        for number in range(count):
            ref = registry.whereis(number)
            if ref is not None:
                ref.tell("crash")
        all_are_back.wait()
    return 1e3 * (time.perf_counter() - begin) / count


def compare(title: str, unit: str, rounds: int, base: Callable[[], float], other: Callable[[], float]) -> None:
    """Measure both, a round of one after a round of the other, and print medians, and the ratio with its quartiles."""
    pairs = [(base(), other()) for _ in range(rounds)]
    low, middle, high = quantiles([second / first for first, second in pairs], n=4)
    first, second = (median(side) for side in zip(*pairs, strict=True))
    print(f"{title:<34} {first:8.2f} {second:8.2f} {unit}   ratio {middle:.2f} ({low:.2f} to {high:.2f})")


def main(rounds: int, size: Size) -> None:
    """Print the comparisons."""
    logging.getLogger("supervisors").setLevel(logging.CRITICAL)
    print(f"Python {platform.python_version()}, Pykka {version('pykka')}, {rounds} rounds, medians")
    bare = BareEcho.start()
    with Supervisor.start([ChildSpec.of(Echo, id="echo")], strategy="one_for_one") as tree:
        supervised = tree.which_child("echo").ref
        print(f"{'a message':<34} {'bare':>8} {'superv.':>8}")
        compare("tell", "µs", rounds, lambda: tell(bare, size.tells), lambda: tell(supervised, size.tells))
        compare("ask", "µs", rounds, lambda: ask(bare, size.asks), lambda: ask(supervised, size.asks))
    bare.stop()
    print(f"{'a child starts, crashes, stops':<34} {size.few:>8} {size.many:>8}")
    few_and_many = max(3, rounds // 3)
    compare("each of so many children", "ms", few_and_many, lambda: lives(size.few), lambda: lives(size.many))
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    if smoke:
        main(2, Size(tells=20, asks=10, few=2, many=4))
    else:
        main(numbers[0] if numbers else 15, Size())
