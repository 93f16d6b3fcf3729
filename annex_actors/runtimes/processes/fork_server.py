"""The program of the fork server: it has imported all that a worker needs, and makes workers as copies of itself.

So a worker starts in milliseconds, where a new Python takes half a second to import NumPy and this package. The fork
server has one thread and runs no code of the user, so a copy of it is as good as a new process.

Like a worker, it ends with the supervising process; see `annex_actors.runtimes.processes.worker`.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from annex_actors.layers.kernels import NUMPY
from annex_actors.runtimes.blas import self_test
from annex_actors.runtimes.processes import worker

PASSED = 5
"""The open files of a request: control socket, socket for files, lifeline, output, and where the exit code goes."""

REPLY = struct.Struct("<q")
"""The process id of a new worker, or the negative number of the error that prevented it; likewise an exit code."""


class ForkServer:
    """Forks a worker for each request.

    Args:
        requests: where requests arrive, and replies go.
    """

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._exit_codes: dict[int, int] = {}
        self._wake, its_wake = os.pipe()
        os.set_blocking(its_wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler, or no signal would wake the selector up
        signal.set_wakeup_fd(its_wake, warn_on_full_buffer=False)

    def serve(self) -> list[int] | None:
        """Handle requests until the supervising process has no more.

        Returns:
            In a new worker the open files that it inherits; in the fork server, at its end, None.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._requests, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._wake in ready:
                    os.read(self._wake, 1 << 12)
                    self._reap()
                if self._requests in ready:
                    _, fds, _, _ = socket.recv_fds(self._requests, 1, PASSED)
                    if len(fds) < PASSED:
                        return None
                    if self._fork(fds):
                        return fds[:-1]

    def _fork(self, fds: Sequence[int]) -> bool:
        """Fork, and reply with the new process; return whether this is the new process."""
        *passed, exit_code = fds
        try:
            pid = os.fork()
        except OSError as error:
            self._requests.sendall(REPLY.pack(-(error.errno or 1)))
            os.close(exit_code)
        else:
            if not pid:
                return True
            self._exit_codes[pid] = exit_code
            handle = _handle(pid)
            socket.send_fds(self._requests, [REPLY.pack(pid)], handle)
            for fd in handle:
                os.close(fd)
        for fd in passed:
            os.close(fd)
        return False

    def _reap(self) -> None:
        """Send the exit codes of the workers that have ended."""
        while self._exit_codes:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            exit_code = self._exit_codes.pop(pid)
            with suppress(BrokenPipeError):  # it waited for long enough, while this process was stopped
                os.write(exit_code, REPLY.pack(os.waitstatus_to_exitcode(status)))
            os.close(exit_code)


def _handle(pid: int) -> list[int]:
    """Return an open file that stands for a process that was not reaped, on systems that have such files."""
    try:
        return [os.pidfd_open(pid)] if sys.platform == "linux" else []
    except OSError:  # Linux before 5.3
        return []


def _become_worker(inherited: Sequence[int]) -> None:
    """Leave behind what belongs to the fork server: signals, group, open files, and the state of random numbers."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    *kept, output = inherited
    os.dup2(output, 1)
    os.dup2(output, 2)
    for fd in map(int, os.listdir("/dev/fd")):
        if fd > 2 and fd not in kept:
            with suppress(OSError):  # that of the folder itself is closed already
                os.close(fd)
    np.random.seed()  # a copy would draw the same numbers as all others; Python reseeds its own after a fork


def main(requests: int, lifeline: int) -> None:
    """Run a fork server, and in each of its copies a worker.

    Args:
        requests: the descriptor of the socket on which requests arrive.
        lifeline: of the reading end of the lifeline.
    """
    worker.kill_on_close(lifeline)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    self_test(NUMPY)
    gc.freeze()  # what is here already is never garbage, and a worker's collections do not copy its memory
    inherited = ForkServer(socket.socket(fileno=requests)).serve()
    if inherited is not None:
        try:
            _become_worker(inherited)
            worker.main(*inherited[:-1])
        except BaseException:  # noqa: BLE001 - as Python itself, but without the fork server's exit handlers
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
