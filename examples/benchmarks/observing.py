"""What the page of a run costs: the processor time of its server, and what else a run with viewers takes.

Digits are trained without a page, with a page that has no viewer, and with three viewers that read all that they are
sent. The server's share is the processor time of its thread, of one core, while the run goes on. The weights must be
the same.

    python -m examples.benchmarks.observing [epochs]     # 200 by default
    python -m examples.benchmarks.observing --smoke
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from annex_actors.page.observation import observing
from annex_actors.runs.config import resolve
from annex_actors.runs.recorded_run import AttendantIn, train_recorded
from annex_actors.runs.records import RunReport
from examples.benchmarks.measuring import arguments, print_peak_memory

VIEWERS = 3


class Viewer(threading.Thread):
    """Reads the stream of a page to its end, and counts its bytes."""

    def __init__(self, link: str) -> None:
        super().__init__(daemon=True)
        parts = urlsplit(link)
        self.bytes = 0
        self._connection = socket.create_connection((parts.hostname, parts.port))
        cookie = f"annex-actors-{parts.port}={parts.query.removeprefix('token=')}"
        request = f"GET /events HTTP/1.1\r\nHost: {parts.netloc}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        self._connection.sendall(request.encode())

    def run(self) -> None:
        """Read to the end."""
        with self._connection:
            while part := self._connection.recv(1 << 16):
                self.bytes += len(part)


class Watched:
    """A page, its viewers, and the processor time of its server."""

    def __init__(self, viewers: int) -> None:
        self.viewers: list[Viewer] = []
        self.seconds = 0.0
        self._count = viewers

    @contextmanager
    def page(self) -> Iterator[AttendantIn]:
        """Serve the page during the block, with its viewers."""
        before = set(threading.enumerate())
        with observing(self._view) as observation:
            [server] = [each for each in threading.enumerate() if each.name == "page" and each not in before]
            assert server.ident is not None
            clock = time.pthread_getcpuclockid(server.ident)
            began = time.clock_gettime(clock)
            yield observation.watch
            self.seconds = time.clock_gettime(clock) - began
        for viewer in self.viewers:
            viewer.join()

    def _view(self, link: str) -> None:
        self.viewers = [Viewer(link) for _ in range(self._count)]
        for viewer in self.viewers:
            viewer.start()


def trained(epochs: int, watched: Watched | None) -> RunReport:
    """Train, with a page or without."""
    config, learner, dataset = resolve({"data": {"name": "digits"}, "training": {"epochs": epochs}})
    with TemporaryDirectory() as folder, ExitStack() as stack:
        attendants = [] if watched is None else [stack.enter_context(watched.page())]
        run = train_recorded(config, learner, dataset, run_dir=Path(folder, "run"), attendants=attendants)
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
        sent = sum(viewer.bytes for viewer in watched.viewers) / VIEWERS / 1e3 / report.seconds if watched else 0.0
        print(f"{name:<24}{report.seconds:8.1f}{report.samples_per_second:12,.0f}{share:22.2f}{sent:16.1f}", flush=True)
    if len({report.weights_sha256 for report in reports}) != 1:
        raise SystemExit("the weights differ")
    print("the same weights")
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    main(3 if smoke else numbers[0] if numbers else 200)
