"""The program of a worker process: it waits for an assignment, hosts the assigned peer, and ends with it.

The threads of a worker: the main thread waits for the end; a reader and a writer serve the supervising process; and the
thread of the actor does all the work, and serves the neighbours.

A worker never outlives the supervising process. Its lifeline is a pipe whose other end only that process has open. When
that process is gone, the kernel kills the worker, even if it hangs in a library or is stopped. On systems without such
a signal, a worker ends itself when the control socket is closed, unless it hangs or is stopped.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import multiprocessing.spawn
import os
import signal
import socket
import sys
from threading import Lock
from typing import Any

from annex_actors.base.user_files import run_user_file
from annex_actors.protocol.instrument import NO_INSTRUMENT
from annex_actors.protocol.messages import Envelope
from annex_actors.runtimes import clock
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.workers.control_messages import Assign, Connect, Ended, Prepare, Ready
from annex_actors.runtimes.hosting.workers.peer_worker import PeerWorker
from annex_actors.runtimes.main_guard import IMPORTING
from annex_actors.runtimes.processes import framing, two_ends
from annex_actors.runtimes.processes.arrivals import Arrivals
from annex_actors.runtimes.processes.channel import Channel
from annex_actors.runtimes.processes.link import Link
from annex_actors.runtimes.processes.listening import ListeningActor
from annex_actors.runtimes.processes.slab import SlabReader
from annex_actors.runtimes.tracing.recorder import recorder_of
from annex_actors.stores.shared_log import SharedCommitLog
from supervisors import Child

FLUSH_S = 5.0
"""Seconds to wait for the final message to be written; a supervising process that does not read it has gone."""


class Worker(PeerWorker):
    """A process that hosts one peer.

    Args:
        control: the socket to the supervising process.
        files: the socket on which open files arrive.
    """

    def __init__(self, control: socket.socket, files: socket.socket) -> None:
        super().__init__()
        self._files = files
        self._arrivals = Arrivals()
        self._exit_lock = Lock()
        self._control = Link(control, "control", self._on_message, lambda: os._exit(1), failed=self._fail)

    def run(self) -> None:
        """Handle control messages, and never return: another thread ends the process."""
        self._pin_blas()
        self._control.start()
        while True:
            signal.pause()

    def _on_message(self, message: Any) -> None:
        match message:
            case Envelope():
                self._arrivals.put(message)
            case Prepare(program, load):
                multiprocessing.spawn.prepare(dict(program))
                for path in load:
                    run_user_file(path)
                os.environ.pop(IMPORTING, None)
                self._control.send(Ready())
            case _:
                self.obey(message)

    def _tell(self, message: object) -> None:
        self._control.send(message)

    def _open_channel(self, connect: Connect) -> Channel:
        channel = Channel(*framing.receive_fds(self._files, two_ends.FILES), on_full=self._arrivals.ring)
        self._arrivals.connect(connect.peer, channel)
        return channel

    def _assigned(self, assignment: Assign) -> None:
        log_fd, heartbeat_fd, slab_fd, *trace_fds = framing.receive_fds(self._files, 3 + (assignment.trace is not None))
        self._control.look_at(SlabReader(slab_fd))
        heartbeat = Heartbeat(memoryview(mmap.mmap(heartbeat_fd, mmap.PAGESIZE)))
        log = SharedCommitLog(log_fd, depth=assignment.depth, every=assignment.every)
        recorder = NO_INSTRUMENT
        if assignment.trace is not None:
            recorder = recorder_of(memoryview(mmap.mmap(trace_fds[0], 0)), assignment.trace, clock.now)
        started = self._host(assignment, log, heartbeat, recorder, ListeningActor, self._arrivals)
        if started is not None:
            started.ref.tell(None)

    def _waiting(self) -> int:
        return self._arrivals.waiting

    def _shut_down(self, child: Child) -> None:
        super()._shut_down(child)
        self._arrivals.ring()  # where it waits for what is not in its mailbox

    def _exit(self, message: Ended) -> None:
        with self._exit_lock:
            self._control.send(message)
            self._control.flush(FLUSH_S)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0 if message.error is None else 1)


def kill_on_close(lifeline: int) -> None:
    """Make the kernel kill this process when the other end of a pipe is closed, whatever the process is doing.

    Source:
        Linux, fcntl(2): ``F_SETSIG`` and ``O_ASYNC`` on pipes.
    """
    if sys.platform == "linux":
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def main(control: int, files: int, lifeline: int) -> None:
    """Run a worker, given the descriptors that it inherits.

    Args:
        control: of the control socket.
        files: of the socket on which open files arrive.
        lifeline: of the reading end of the lifeline.
    """
    kill_on_close(lifeline)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # `Ended` says what the actor died of, and its supervisor logs it; here it would be logged a second time.
    logging.getLogger("supervisors").setLevel(logging.CRITICAL)
    Worker(socket.socket(fileno=control), socket.socket(fileno=files)).run()
