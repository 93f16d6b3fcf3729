"""A worker process as the supervising process sees it: it starts, controls and reaps the worker."""

from __future__ import annotations

import mmap
import multiprocessing.spawn
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Any

from annex_actors.protocol.messages import Envelope
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.workers.control_messages import Ended, Prepare, Ready
from annex_actors.runtimes.hosting.workers.worker_child import WorkerDied
from annex_actors.runtimes.processes import framing
from annex_actors.runtimes.processes.fork_server_process import ForkServerProcess
from annex_actors.runtimes.processes.link import Link
from annex_actors.runtimes.processes.slab import SlabWriter
from annex_actors.stores.shared_log import anonymous_memory
from supervisors import Rung

_MAIN_FILE, _MAIN_MODULE = "init_main_from_path", "init_main_from_name"

LINGER_S = 1.0
"""Seconds until a process that has closed its control socket is killed, if it has not ended."""

OWN_SIGNALS = frozenset(
    {
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGILL,
        signal.SIGFPE,
        signal.SIGABRT,
        signal.SIGSYS,
        signal.SIGTRAP,
        signal.SIGXCPU,
        signal.SIGXFSZ,
    }
)
"""Signals that a process causes itself, by a fault or beyond a limit; all others come from outside."""

TERMINATE_S = 0.25
"""Seconds from SIGTERM to SIGKILL."""

INTERRUPTED = 1
"""The exit code of a Python that a signal interrupts before it can handle one."""

KEPT_OUTPUT = 1 << 16
"""The number of bytes at the end of a worker's output that are kept."""


class ProcessDied(WorkerDied):
    """A process that ended without sending `Ended`.

    Args:
        code: its exit code; the negative number of a signal that ended it.
        place: its current piece of work; None: it had none.
    """

    def __init__(self, code: int, place: str | None) -> None:
        external = -code not in OWN_SIGNALS if code < 0 else code == INTERRUPTED and place is None
        super().__init__(_end(code), place, external=external)
        self.by_signal = code < 0


class WithFiles:
    """A control message with open files.

    Args:
        message: the message.
        fds: the descriptors of the files; closed here once they are sent.
        slab: where large arrays of the envelopes after this message go; None: where they went before.
    """

    def __init__(self, message: object, fds: Sequence[int], slab: SlabWriter | None = None) -> None:
        self.message = message
        self._fds = list(fds)
        self._slab = slab

    def send_files(self, sock: socket.socket) -> None:
        """Send the files."""
        framing.send_fds(sock, self._fds)

    def take_slab(self) -> SlabWriter | None:
        """Return the slab, which the caller closes."""
        slab, self._slab = self._slab, None
        return slab

    def close(self) -> None:
        """Close the files here."""
        while self._fds:
            os.close(self._fds.pop())
        if self._slab is not None:
            self._slab.close()

    def __del__(self) -> None:
        self.close()  # if it was never sent, since its receiver had died


class _Packer:
    """Makes the frames of messages; sends their open files, and large arrays in a slab. In one thread at a time.

    Args:
        files: the socket for open files; not closed here.
    """

    def __init__(self, files: socket.socket) -> None:
        self._files = files
        self._slab: SlabWriter | None = None

    def pack(self, item: Any) -> framing.Frame:
        """Return the frame of a message."""
        if isinstance(item, Envelope):
            return framing.pack(item, self._slab)
        if not isinstance(item, WithFiles):
            return framing.pack(item)
        item.send_files(self._files)
        self._slab = item.take_slab() or self._slab
        item.close()
        return framing.pack(item.message)

    def close(self) -> None:
        """Close the slab."""
        if self._slab is not None:
            self._slab.close()


def _program(name: str) -> dict[str, Any]:
    """Return how this process was started, from which a worker imports the same modules.

    Where the main module is not a file, as in a notebook, a worker has nothing that is defined there.
    """
    data = multiprocessing.spawn.get_preparation_data(name)
    del data["authkey"]  # a secret, for the connections of `multiprocessing` itself
    if not os.path.isfile(data.get(_MAIN_FILE, "")):
        data.pop(_MAIN_FILE, None)  # a program from the standard input has the file name <stdin>
    return data


def has_importable_main() -> bool:
    """Return whether a worker can import the main module."""
    return not {_MAIN_FILE, _MAIN_MODULE}.isdisjoint(_program(""))


class WorkerProcess:
    """A process that hosts a peer, or waits to be assigned one; a `Worker`.

    It has its own process group. So Ctrl-C at the terminal reaches only the supervising process, which stops the others
    in order; and if the supervising process is killed while this one is stopped, the kernel wakes this one up to end.

    Args:
        name: of its threads in the supervising process.
        fork_server: starts it.
        load: the user's Python files that it runs first.

    Raises:
        OSError: the system allows no more processes, or no more open files.
        ForkServerDied: the fork server was killed, or did not start.
    """

    def __init__(self, name: str, fork_server: ForkServerProcess, load: tuple[str, ...] = ()) -> None:
        self.ready = Event()
        self.final_message: Ended | None = None
        self.exit_code: int | None = None
        self.closed = False
        self.forced = False
        self._text = ""
        self._on_message: Callable[[Any], None] | None = None
        self._on_exit: list[Callable[[], None]] = []
        self._lock = Lock()
        self._gone = Event()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._heartbeat_fd = anonymous_memory("heartbeat")
        os.ftruncate(self._heartbeat_fd, mmap.PAGESIZE)
        self.heartbeat = Heartbeat(memoryview(mmap.mmap(self._heartbeat_fd, mmap.PAGESIZE)))
        control, its_control = socket.socketpair()  # its_*: the ends that the worker inherits
        self._files, its_files = socket.socketpair()
        self._packer = _Packer(self._files)
        its_lifeline, self._lifeline = os.pipe()
        try:
            self._process = fork_server.fork(
                its_control.fileno(), its_files.fileno(), its_lifeline, self._output.fileno()
            )
        except BaseException:
            control.close()
            self._close_files()
            self.heartbeat.detach()
            self._output.close()
            raise
        finally:
            its_control.close()
            its_files.close()
            os.close(its_lifeline)
        self._control = Link(control, name, self._receive, self._reap, pack=self._packer.pack, direct=False)
        self._control.start()
        self.send(Prepare(_program(name), load))

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def node(self) -> str:
        """Nothing: it is on this machine."""
        return ""

    @property
    def gone(self) -> bool:
        """Whether it has ended and was reaped."""
        return self._gone.is_set()

    @property
    def has_said_why(self) -> bool:
        """Whether it has sent its last message."""
        return self.final_message is not None

    def heartbeat_file(self) -> int | None:
        """Return a descriptor of its heartbeat's memory, which the caller closes; None if the process has ended."""
        with self._lock:
            return None if self.gone else os.dup(self._heartbeat_fd)

    def send(self, message: object) -> None:
        """Send a control message or an envelope, without waiting."""
        self._control.send(message)

    def serve(self, on_message: Callable[[Any], None]) -> None:
        """Call ``on_message`` with every message of the peer, in the reading thread."""
        self._on_message = on_message

    def watch(self, on_exit: Callable[[], None]) -> None:
        """Call ``on_exit`` when the process has ended and was reaped; at once if it already was."""
        with self._lock:
            if not self._gone.is_set():
                self._on_exit.append(on_exit)
                return
        on_exit()

    def signal(self, number: int) -> None:
        """Send a signal; does nothing if the process has ended."""
        self._process.signal(number)

    def kill(self) -> None:
        """Kill the process, whatever it is doing."""
        self.signal(signal.SIGKILL)

    def stop_running(self) -> None:
        """Stop the process by a signal."""
        self.signal(signal.SIGSTOP)

    def ladder(self) -> tuple[Rung, Rung]:
        """Return the rungs: SIGTERM, then SIGKILL."""
        return (
            Rung("terminate", lambda: self._force(signal.SIGTERM), TERMINATE_S),
            Rung("kill", lambda: self._force(signal.SIGKILL), None),
        )

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the process has ended, at most ``timeout_s`` seconds; return whether it has."""
        return self._gone.wait(timeout_s)

    def output(self) -> str:
        """Return the end of its standard output and standard error."""
        if self.closed:
            return self._text
        size = os.fstat(self._output.fileno()).st_size
        content = os.pread(self._output.fileno(), KEPT_OUTPUT, max(0, size - KEPT_OUTPUT))
        return content.decode(errors="replace").strip()

    def error(self) -> BaseException | None:
        """Return why the process has ended: the exception that it sent, or `ProcessDied`; None for an orderly end."""
        if self.final_message is not None:
            return self.final_message.exception()
        assert self.exit_code is not None
        return ProcessDied(self.exit_code, self.heartbeat.place if self.heartbeat.began else None)

    def close(self) -> None:
        """Kill the process if it has not ended, and release its resources. Safe to call twice."""
        self.kill()
        self.wait()
        self._control.join()
        with self._lock:
            if not self.closed:
                self._text = self.output()
                self.closed = True
                self.heartbeat.detach()
                self._output.close()

    def __repr__(self) -> str:
        return f"process {self.pid}"

    def _force(self, number: int) -> None:
        self.forced = True
        self.signal(number)

    def _receive(self, message: Any) -> None:
        if isinstance(message, Ready):
            self.ready.set()
        elif isinstance(message, Ended):
            self.final_message = message
        elif self._on_message is not None:
            self._on_message(message)

    def _close_files(self) -> None:
        self._packer.close()
        self._files.close()
        os.close(self._lifeline)
        os.close(self._heartbeat_fd)

    def _reap(self) -> None:
        code = self._process.wait(LINGER_S)
        if code is None:
            self.kill()
            code = self._process.wait()
        self.exit_code = code
        self._on_message = None  # break the cycle: its owner refers to this
        with self._lock:
            self._close_files()
            self._gone.set()
            watchers, self._on_exit = self._on_exit, []
        self.ready.set()  # `SpareWorkers.take` waits for it, and then checks `gone`
        for on_exit in watchers:
            on_exit()


def _end(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
