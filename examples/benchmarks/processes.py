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
from collections.abc import Callable

import numpy as np

from annex_actors import Event, Learner, PeerStarted, StepFinished, activation, dense, load, sequence
from annex_actors.peers.stage_state import LayerState, StageState
from annex_actors.protocol.messages import Envelope, Forward, Part
from annex_actors.protocol.routing import stage_address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import ProcessesRuntime
from annex_actors.runtimes.processes.link import Link
from annex_actors.stores.shared_log import SharedCommitLog, anonymous_memory
from examples.benchmarks.measuring import arguments, print_peak_memory

ECHO = """
import socket, sys, threading
from annex_actors.runtimes.processes.link import Link
over = threading.Event()
link = Link(socket.socket(fileno=int(sys.argv[1])), "echo", lambda message: link.send(answer(message)), over.set)
answer = (lambda message: message) if sys.argv[2] == "echo" else (lambda message: None if message is None else 1)
link.start(); over.wait()
"""

ROWS, COLUMNS = 784, 256


class EchoProcess:
    """A process at the other end of a link: it sends back what comes, or only that it came."""

    def __init__(self, kind: str) -> None:
        here, there = socket.socketpair()
        self._came = threading.Semaphore(0)
        self._process = subprocess.Popen(
            [sys.executable, "-c", ECHO, str(there.fileno()), kind], pass_fds=[there.fileno()]
        )
        there.close()
        self._link = Link(here, "benchmark", lambda _: self._came.release())
        self._link.start()
        self.ask(0)

    def ask(self, message: object) -> float:
        """Send a message and wait for the answer; return the seconds."""
        began = time.perf_counter()
        self._link.send(message)
        self._came.acquire()
        return time.perf_counter() - began

    def close(self) -> None:
        """End the process."""
        self._link.close()
        self._link.join()
        self._process.wait()


def hops(rounds: int) -> None:
    """Time a message to another process and back, halved."""
    peer = EchoProcess("echo")
    for size in (1 << 10, 1 << 16, 1 << 20):
        array = np.zeros(size // 4, np.float32)
        array.flags.writeable = False
        envelope = Envelope(stage_address(0), 1, 0, Forward("run", 0, 0, 0, array, Part(1, 1)))
        show(f"hop with {size >> 10:,} KiB", [peer.ask(envelope) / 2 for _ in range(100 * rounds)], 1e6, "µs")
    peer.close()


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
    fd, store = anonymous_memory("benchmark"), EchoProcess("store")
    shelf, on_shelf, at_store = SharedCommitLog(fd, depth=2), list[float](), list[float]()
    for step in range(1, 30 * rounds):
        commit = snapshot(step)
        began = time.perf_counter()
        shelf.commit(commit)
        on_shelf.append(time.perf_counter() - began)
        at_store.append(store.ask(snapshot(step)))
    show("commit of 2.4 MB on a shelf", on_shelf, 1e3, "ms")
    show("commit of 2.4 MB at a store process", at_store, 1e3, "ms")
    store.close()
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
