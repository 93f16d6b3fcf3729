"""What processes cost: a hop, a commit on a shelf or at a store process, a recovery with a spare and without.

All in one run, interleaved; medians and the slowest of a hundred.

    python -m examples.benchmarks.processes [rounds]     # 3 rounds by default
    python -m examples.benchmarks.processes --smoke
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from annex_actors import Event, Learner, PeerStarted, StepFinished, activation, dense, load, sequence
from annex_actors.peers.stage_state import LayerState, StageState
from annex_actors.protocol.messages import Envelope, Forward, Part
from annex_actors.protocol.routing import stage_address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import ProcessesRuntime
from annex_actors.runtimes.processes.arrivals import Arrivals
from annex_actors.runtimes.processes.channel import Channel
from annex_actors.runtimes.processes.link import Link
from annex_actors.runtimes.processes.two_ends import two_ends
from annex_actors.stores.shared_log import SharedCommitLog, anonymous_memory
from examples.benchmarks.measuring import arguments, print_peak_memory

NEIGHBOUR = """
import sys
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes.processes.arrivals import Arrivals
from annex_actors.runtimes.processes.channel import Channel
arrivals, channel = Arrivals(), Channel(*map(int, sys.argv[1:]))
arrivals.connect(stage_address(0), channel)
while channel.fileno() >= 0:
    for envelope in arrivals.take(wait=True):
        channel.send(envelope)
"""

STORE = """
import socket, sys, threading
from annex_actors.runtimes.processes.arrivals import Arrivals
from annex_actors.runtimes.processes.channel import Channel
from annex_actors.runtimes.processes.two_ends import two_ends
from annex_actors.runtimes.processes.link import Link
over = threading.Event()
link = Link(socket.socket(fileno=int(sys.argv[1])), "store", lambda commit: link.send(1), over.set)
link.start(); over.wait()
"""

ROWS, COLUMNS = 784, 256


@contextmanager
def process(code: str, fds: list[int]) -> Iterator[None]:
    """Run a program that inherits these open files, and wait for its end."""
    with subprocess.Popen([sys.executable, "-c", code, *map(str, fds)], pass_fds=fds):
        for fd in fds:
            os.close(fd)
        yield


def hops(rounds: int) -> None:
    """Time a message to a neighbour in another process and back, halved."""
    here, there = two_ends()
    arrivals, channel = Arrivals(), Channel(*here)
    arrivals.connect(stage_address(1), channel)

    def hop(envelope: Envelope) -> float:
        began = time.perf_counter()
        channel.send(envelope)
        while not arrivals.take(wait=True):
            pass
        return (time.perf_counter() - began) / 2

    with process(NEIGHBOUR, there):
        for size in (1 << 10, 1 << 16, 1 << 20):
            array = np.zeros(size // 4, np.float32)
            array.flags.writeable = False
            envelope = Envelope(stage_address(0), 1, 0, Forward("run", 0, 0, 0, array, Part(1, 1)))
            hop(envelope)
            show(f"hop with {size >> 10:,} KiB", [hop(envelope) for _ in range(100 * rounds)], 1e6, "µs")
        arrivals.close()


def snapshot(step: int) -> Snapshot:
    """Return a commit of a dense layer 784 to 256 with Adam: 2.4 MB."""
    arrays = [np.full((ROWS, COLUMNS), step, np.float32) for _ in range(3)]
    for array in arrays:
        array.flags.writeable = False
    weight, first, second = arrays
    layer = LayerState({"weight": weight}, {"mean.weight": first, "variance.weight": second})
    return Snapshot(stage_address(0), step, StageState((layer,)))


def commits(rounds: int) -> None:
    """Time a commit on a shelf, and one that is sent to another process and acknowledged."""
    here, there = socket.socketpair()
    fd, came = anonymous_memory("benchmark"), threading.Semaphore(0)
    shelf, on_shelf, at_store = SharedCommitLog(fd, depth=2), list[float](), list[float]()
    store = Link(here, "benchmark", lambda _: came.release())
    with process(STORE, [there.detach()]):
        store.start()
        for step in range(30 * rounds):
            commit = snapshot(step)
            began = time.perf_counter()
            shelf.commit(commit)
            on_shelf.append(time.perf_counter() - began)
            commit = snapshot(step)
            began = time.perf_counter()
            store.send(commit)
            came.acquire()
            at_store.append(time.perf_counter() - began)
        store.close()
        store.join()
    show("commit of 2.4 MB on a shelf", on_shelf[1:], 1e3, "ms")
    show("commit of 2.4 MB at a store process", at_store[1:], 1e3, "ms")
    os.close(fd)


class Killer:
    """Kills a layer's process with SIGKILL every thirty steps, and takes the time until its next life is up."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._killed: float | None = None

    def on_event(self, event: Event) -> None:
        """Take one event in."""
        if isinstance(event, StepFinished) and event.step % 30 == 29 and self._killed is None:
            victim = next(each for each in children() if each != os.getpid())
            self._killed = time.monotonic()
            os.kill(victim, signal.SIGKILL)
        elif isinstance(event, PeerStarted) and event.incarnation > 1 and self._killed is not None:
            self.seconds.append(event.time - self._killed)
            self._killed = None


def children() -> list[int]:
    """Return the processes of layers and spares, the oldest first."""
    import psutil

    return [each.pid for server in psutil.Process().children() for each in server.children()]


def recoveries(spares: int, epochs: int) -> list[float]:
    """Return how long it took until killed layers were up again."""
    killer = Killer()
    network = sequence(dense(64), activation("relu"), dense(10))
    Learner(network, runtime=ProcessesRuntime(spares=spares)).train(load("digits"), epochs=epochs, observers=[killer])
    return killer.seconds


def show(what: str, seconds: list[float], scale: float, unit: str) -> None:
    """Print the median and the slowest of a hundred."""
    ranked = sorted(seconds)
    slow = ranked[min(len(ranked) - 1, int(0.99 * len(ranked)))]
    print(f"{what:40} {scale * statistics.median(ranked):9.2f} {unit}, p99 {scale * slow:9.2f} {unit}", flush=True)


def main(rounds: int, epochs: int) -> None:
    """Measure and print."""
    import logging

    logging.getLogger("supervisors").setLevel(logging.CRITICAL)
    parts: list[Callable[[int], None]] = [hops, commits]
    for part in parts:
        part(rounds)
    with_spare, without = list[float](), list[float]()
    for _ in range(rounds):
        with_spare += recoveries(1, epochs)
        without += recoveries(0, epochs)
    show(f"recovery of {len(with_spare)} killed, with a spare", with_spare, 1e3, "ms")
    show(f"recovery of {len(without)} killed, without", without, 1e3, "ms")
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    main(1 if smoke else (numbers or [3])[0], epochs=1 if smoke else 20)
