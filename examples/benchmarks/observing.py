"""What the page of a run costs: the processor time of its server, and what else a run with viewers takes.

Digits are trained without a page, with a page that has no viewer, and with three viewers that read all that they are
sent. The server's share is the processor time of its thread, of one core, while the run goes on. The weights must be
the same.

    python -m examples.benchmarks.observing [epochs]     # 200 by default
    python -m examples.benchmarks.observing --smoke
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from annex_actors.page.observation import observing
from annex_actors.runs.config import resolve
from annex_actors.runs.recorded_run import AttendantIn, train_recorded
from annex_actors.runs.records import RunReport
from annex_actors.runtimes.tracing.scope import Scope
from examples.benchmarks.measuring import arguments, print_peak_memory

VIEWERS = 3


READS = """
import socket, sys
from urllib.parse import urlsplit
link = urlsplit(sys.argv[1])
cookie = f"annex-actors-{link.port}={link.query.removeprefix('token=')}"
read, connection = 0, socket.create_connection((link.hostname, link.port))
connection.sendall(f"GET /events HTTP/1.1\\r\\nHost: {link.netloc}\\r\\nCookie: {cookie}\\r\\n\\r\\n".encode())
while not read or not part.endswith(b"0\\r\\n\\r\\n"):
    part = connection.recv(1 << 16)
    read += len(part)
print(read)
"""
"""A viewer, in a process of its own: it reads the stream of a page to its end, and prints how many bytes that were."""


class Watched:
    """A page, its viewers, and the processor time of its server."""

    def __init__(self, viewers: int) -> None:
        self.bytes = 0
        self.seconds = 0.0
        self._viewers: list[subprocess.Popen[str]] = []
        self._count = viewers

    @contextmanager
    def page(self) -> Iterator[AttendantIn]:
        """Serve the page during the block, with its viewers."""
        before = set(threading.enumerate())
        with observing(self._view, runtime="schedulers") as observation:
            [server] = [each for each in threading.enumerate() if each.name == "page" and each not in before]
            assert server.ident is not None
            clock = time.pthread_getcpuclockid(server.ident)
            began = time.clock_gettime(clock)
            yield observation.watch
            self.seconds = time.clock_gettime(clock) - began
        self.bytes = sum(int(viewer.communicate()[0]) for viewer in self._viewers)

    def _view(self, link: str) -> None:
        command = [sys.executable, "-c", READS, link]
        self._viewers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(self._count)]


def trained(epochs: int, watched: Watched | None) -> RunReport:
    """Train, with a page or without."""
    config, learner, dataset = resolve({"data": {"name": "digits"}, "training": {"epochs": epochs}})
    with TemporaryDirectory() as folder, ExitStack() as stack:
        attendants = [] if watched is None else [stack.enter_context(watched.page())]
        trace = None if watched is None else Scope(is_kept=False)  # only while there is a viewer
        run = train_recorded(config, learner, dataset, run_dir=Path(folder, "run"), attendants=attendants, trace=trace)
    return run.report


def main(epochs: int) -> None:
    """Run the benchmark."""
    print(f"digits, {epochs} epochs, on schedulers")
    print(f"{'':<24}{'run s':>8}{'samples/s':>12}{'server, % of a core':>22}{'kB/s a viewer':>16}")
    reports = []
    for name, watched in [("no page", None), ("page, no viewer", Watched(0)), ("page, 3 viewers", Watched(VIEWERS))]:
        report = trained(epochs, watched)
        reports.append(report)
        share = 100 * watched.seconds / report.seconds if watched else 0.0
        sent = watched.bytes / VIEWERS / 1e3 / report.seconds if watched else 0.0
        print(f"{name:<24}{report.seconds:8.1f}{report.samples_per_second:12,.0f}{share:22.2f}{sent:16.1f}", flush=True)
    if len({report.weights_sha256 for report in reports}) != 1:
        raise SystemExit("the weights differ")
    print("the same weights")
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    main(3 if smoke else numbers[0] if numbers else 200)
