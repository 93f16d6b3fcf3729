"""The fork server as the supervising process sees it, and a process that it has forked.

The fork server may be killed like any process. Its workers live on; only their exit codes are lost, and the next start
begins with another fork server.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from subprocess import DEVNULL, Popen, TimeoutExpired
from threading import Lock

from annex_actors.runtimes.main_guard import IMPORTING
from annex_actors.runtimes.processes.fork_server import REPLY

ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
"""Environment variables with which a BLAS library starts no threads: the copy of a process has only one."""

REAP_S = 1.0
"""Seconds for the fork server to say with which code a process has ended."""

_BOOTSTRAP = """\
import sys
sys.path[:] = {path!r}
from annex_actors.runtimes.processes.fork_server import main
main({requests}, {lifeline})
"""


class ForkServerDied(Exception):
    """The fork server ended, or did not answer, when it was asked for a process.

    Args:
        code: its exit code; the negative number of a signal that ended it.
        output: the last line that it wrote.
    """

    def __init__(self, code: int, output: str) -> None:
        super().__init__(code, output)
        self.code = code
        self.output = output


class ForkServerProcess:
    """Starts processes; safe to use from several threads. It starts its own process when it is first asked for one.

    Args:
        timeout_s: seconds that it may take to start, or to answer.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._lock = Lock()
        self._server: _Server | None = None

    def fork(self, control: int, files: int, lifeline: int, output: int) -> ForkedProcess:
        """Start a worker that inherits these descriptors.

        Raises:
            OSError: the system allows no more processes.
            ForkServerDied: the fork server was killed, or did not start.
        """
        with self._lock:
            exit_code, its_exit_code = os.pipe()
            try:
                if self._server is not None and self._server.popen.poll() is not None:
                    self._server.end()
                    self._server = None
                if self._server is None:
                    self._server = _Server(self._timeout_s)
                return ForkedProcess(*self._server.fork([control, files, lifeline, output, its_exit_code]), exit_code)
            except BaseException as error:
                os.close(exit_code)
                if isinstance(error, ForkServerDied):
                    self._server = None
                raise
            finally:
                os.close(its_exit_code)

    def close(self) -> None:
        """End the fork server; its workers, if there are any, live on. Safe to call twice."""
        with self._lock:
            if self._server is not None:
                self._server.end()
                self._server = None


class _Server:
    """A fork server's process.

    Args:
        timeout_s: seconds that it may take to answer.
    """

    def __init__(self, timeout_s: float) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._requests, its_requests = socket.socketpair()
        its_lifeline, self._lifeline = os.pipe()
        self._requests.settimeout(timeout_s)
        code = _BOOTSTRAP.format(path=sys.path, requests=its_requests.fileno(), lifeline=its_lifeline)
        try:
            self.popen = Popen(
                [sys.executable, "-c", code],
                pass_fds=(its_requests.fileno(), its_lifeline),
                stdin=DEVNULL,
                stdout=self._output,
                stderr=self._output,
                env={**os.environ, **ONE_THREAD, IMPORTING: "1"},
                process_group=0,
            )
        except BaseException:
            self._close_files()
            raise
        finally:
            its_requests.close()
            os.close(its_lifeline)

    def fork(self, fds: Sequence[int]) -> tuple[int, int | None]:
        """Return a new process's id, and an open file that stands for it, where the system has such files.

        Raises:
            OSError: the system allows no more processes.
            ForkServerDied: there was no answer.
        """
        try:
            socket.send_fds(self._requests, [b"."], list(fds))
            reply, handles, _, _ = socket.recv_fds(self._requests, REPLY.size, 1)
        except OSError:  # it has ended, or takes too long
            reply, handles = b"", []
        if len(reply) < REPLY.size:
            code = self.end()
            raise ForkServerDied(code, self._last_line)
        (pid,) = REPLY.unpack(reply)
        if pid < 0:
            raise OSError(-pid, os.strerror(-pid))
        return pid, handles[0] if handles else None

    def end(self) -> int:
        """End the process, and return its exit code."""
        self._requests.close()
        try:
            code = self.popen.wait(REAP_S)
        except TimeoutExpired:
            self.popen.kill()
            code = self.popen.wait()
        self._output.seek(0)
        self._last_line = self._output.read().decode(errors="replace").strip().rpartition("\n")[2]
        self._close_files()
        return code

    def _close_files(self) -> None:
        self._requests.close()
        os.close(self._lifeline)
        self._output.close()


class ForkedProcess:
    """A process that the fork server has forked. A signal never reaches another process that has got its id since.

    Args:
        pid: its process id.
        handle: an open file that stands for it; None where the system has no such files.
        exit_code: an open file that gets its exit code.
    """

    def __init__(self, pid: int, handle: int | None, exit_code: int) -> None:
        self.pid = pid
        self._handle = handle
        self._exit_code = exit_code
        self._has_ended = False
        self._lock = Lock()

    def signal(self, number: int) -> None:
        """Send a signal; does nothing if the process has ended."""
        with self._lock, suppress(ProcessLookupError):
            if self._has_ended:
                return
            if self._handle is None:
                os.kill(self.pid, number)
            else:
                signal.pidfd_send_signal(self._handle, number)

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait until the process has ended, at most ``timeout_s`` seconds; then release it. For one thread, once ended.

        Returns:
            Its exit code, or the negative number of the signal that ended it: that of SIGKILL if it is unknown, since
            the fork server was killed. None if it has not ended.
        """
        handles = [] if self._handle is None else [self._handle]
        if not wait([self._exit_code, *handles], timeout_s):
            return None
        content = os.read(self._exit_code, REPLY.size) if wait([self._exit_code], REAP_S) else b""
        if not content:
            self.signal(signal.SIGKILL)
            if handles:
                wait(handles)
        with self._lock:
            self._has_ended = True
            for fd in (self._exit_code, *handles):
                os.close(fd)
        return int(REPLY.unpack(content)[0]) if content else -signal.SIGKILL
