"""A worker as the supervising process sees it: started, ordered about, and reaped."""

from __future__ import annotations

import mmap
import multiprocessing.spawn
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import IO, Any

from annex_actors.runtimes.hosting.failures import PeerError
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.main_guard import IMPORTING
from annex_actors.runtimes.processes import framing
from annex_actors.runtimes.processes.control_messages import Ended, Prepare, Ready
from annex_actors.runtimes.processes.link import Link
from annex_actors.stores.shared_log import anonymous_memory

ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
"""A BLAS library that starts no threads at all, so that its process starts sooner."""

_MAIN_FILE, _MAIN_MODULE = "init_main_from_path", "init_main_from_name"

LINGER_S = 1.0
"""Seconds that a process may go on which has closed its control socket; then it is killed."""

FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
"""Signals that somebody sends; the others come of what a process does itself."""

KEPT_OUTPUT = 1 << 16
"""Bytes of what a worker wrote to its standard error that are kept: the last ones."""

_BOOTSTRAP = """\
import sys
sys.path[:] = {path!r}
from annex_actors.runtimes.processes.worker import main
main({control}, {files}, {lifeline})
"""


class ProcessDied(PeerError):
    """A process that ended without a word."""


class WithFiles:
    """An order that open files go with.

    Args:
        order: what to send.
        fds: what goes with it; closed here once they are sent.
    """

    def __init__(self, order: object, fds: Sequence[int]) -> None:
        self.order = order
        self._fds = list(fds)

    def hand_over(self, sock: socket.socket) -> None:
        """Send the files."""
        framing.send_fds(sock, self._fds)

    def close(self) -> None:
        """Let go of them."""
        while self._fds:
            os.close(self._fds.pop())

    def __del__(self) -> None:
        self.close()  # one that was never sent: its receiver had died


def _handing_over(files: socket.socket) -> Callable[[Any], framing.Frame]:
    """Return what makes the frame of an order, and sends the open files that go with it."""

    def pack(item: Any) -> framing.Frame:
        if not isinstance(item, WithFiles):
            return framing.pack(item)
        item.hand_over(files)
        item.close()
        return framing.pack(item.order)

    return pack


def _program(name: str) -> dict[str, Any]:
    """Return how this process was started, as a worker must know it to have the same modules.

    Where the main module is no file, as in a notebook, a worker has none of what was defined there.
    """
    data = multiprocessing.spawn.get_preparation_data(name)
    del data["authkey"]  # which is for `multiprocessing`'s own connections, and secret
    if not os.path.isfile(data.get(_MAIN_FILE, "")):
        data.pop(_MAIN_FILE, None)  # that of a program from the standard input is called <stdin>
    return data


def has_importable_main() -> bool:
    """Return whether a worker will have what is defined in the main module."""
    return not {_MAIN_FILE, _MAIN_MODULE}.isdisjoint(_program(""))


class WorkerProcess:
    """A process that is, or will be, a peer.

    It is in a process group of its own: a Ctrl-C on the terminal is for the supervising process alone, which stops the
    others in order; and if that is killed while this one is stopped, the kernel wakes it up to end.

    Args:
        name: of its threads here.
        load: files of the user's own Python that it is to run.
    """

    def __init__(self, name: str, load: tuple[str, ...] = ()) -> None:
        self.ready = Event()
        self.last_words: Ended | None = None
        self.exit_code: int | None = None
        self.closed = False
        self._text = ""
        self._on_message: Callable[[Any], None] | None = None
        self._on_exit: list[Callable[[], None]] = []
        self._lock = Lock()
        self._gone = Event()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self.heartbeat_fd = anonymous_memory("heartbeat")
        os.ftruncate(self.heartbeat_fd, mmap.PAGESIZE)
        self.heartbeat = Heartbeat(memoryview(mmap.mmap(self.heartbeat_fd, mmap.PAGESIZE)))
        control, its_control = socket.socketpair()
        self._files, its_files = socket.socketpair()
        its_lifeline, self._lifeline = os.pipe()
        try:
            self._popen = _start_python(its_control.fileno(), its_files.fileno(), its_lifeline, self._output)
        except BaseException:
            control.close()
            self._close_files()
            raise
        finally:
            its_control.close()
            its_files.close()
            os.close(its_lifeline)
        pack = _handing_over(self._files)
        self._control = Link(control, name, self._take_in, self._reap, pack=pack, direct=False)
        self._control.start()
        self.send(Prepare(_program(name), load))

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._popen.pid

    @property
    def gone(self) -> bool:
        """Whether it has ended."""
        return self._gone.is_set()

    def send(self, order: object) -> None:
        """Send an order or an envelope; never waits."""
        self._control.send(order)

    def serve(self, on_message: Callable[[Any], None]) -> None:
        """Show ``on_message`` all that comes, in a thread of its own."""
        self._on_message = on_message

    def watch(self, on_exit: Callable[[], None]) -> None:
        """Call ``on_exit`` once it has ended and was reaped; at once if it was already."""
        with self._lock:
            if not self._gone.is_set():
                self._on_exit.append(on_exit)
                return
        on_exit()

    def signal(self, number: int) -> None:
        """Send a signal; harmless where it has ended."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """End it, whatever it is at."""
        self.signal(signal.SIGKILL)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it has ended; return whether it has."""
        return self._gone.wait(timeout_s)

    def output(self) -> str:
        """Return the end of what it wrote to standard output and standard error."""
        if self.closed:
            return self._text
        size = os.fstat(self._output.fileno()).st_size
        content = os.pread(self._output.fileno(), KEPT_OUTPUT, max(0, size - KEPT_OUTPUT))
        return content.decode(errors="replace").strip()

    def error(self) -> BaseException | None:
        """Return why it has ended: the exception that it said, or `ProcessDied`; None for an end in order."""
        if self.last_words is not None:
            return self.last_words.exception()
        assert self.exit_code is not None
        return _death(self.exit_code, self.heartbeat.place if self.heartbeat.began else None)

    def close(self) -> None:
        """Kill it if it has not ended, and let go of all that belonged to it. Safe to call twice."""
        self.kill()
        self.wait()
        self._control.join()
        with self._lock:
            if not self.closed:
                self._text = self.output()
                self.closed = True
                self.heartbeat.detach()
                self._output.close()

    def _take_in(self, message: Any) -> None:
        if isinstance(message, Ready):
            self.ready.set()
        elif isinstance(message, Ended):
            self.last_words = message
        elif self._on_message is not None:
            self._on_message(message)

    def _close_files(self) -> None:
        self._files.close()
        os.close(self._lifeline)
        os.close(self.heartbeat_fd)

    def _reap(self) -> None:
        try:
            self.exit_code = self._popen.wait(LINGER_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self.exit_code = self._popen.wait()
        self._close_files()
        self._on_message = None  # which holds what holds this
        with self._lock:
            self._gone.set()
            watchers, self._on_exit = self._on_exit, []
        self.ready.set()  # what waits for it looks then whether it is gone
        for on_exit in watchers:
            on_exit()


def _start_python(control: int, files: int, lifeline: int, output: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a worker that has these descriptors open."""
    code = _BOOTSTRAP.format(path=sys.path, control=control, files=files, lifeline=lifeline)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        pass_fds=(control, files, lifeline),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env={**os.environ, **ONE_THREAD, IMPORTING: "1"},
        process_group=0,
    )


def _death(code: int, place: str | None) -> ProcessDied:
    if code >= 0:
        return ProcessDied(f"ended with exit code {code}", place)
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return ProcessDied(f"killed by {name}", place, from_outside=-code in FROM_OUTSIDE)
