"""What runs in a process of its own: it waits for an assignment, is that peer, and ends with it.

The threads of a worker: the main one waits for the end; a reader and a writer for the supervising process and for each
neighbour; and the actor's own, which does all the work.

It never outlives who supervises it. Its lifeline is a pipe whose other end only that process has open; when that is
gone, the kernel kills the worker, even where it hangs in a library or is stopped. Where the kernel cannot, the end of
the control socket does the same for a worker that still hears.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import multiprocessing.spawn
import os
import pickle
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from threading import Lock
from typing import Any

from tblib import pickling_support

from annex_actors.base.user_files import run_user_file
from annex_actors.protocol.effects import Emit, Send
from annex_actors.protocol.events import Event
from annex_actors.protocol.instrument import Instrument, combined
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.protocol.routing import TRAINER
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes.blas import one_blas_thread
from annex_actors.runtimes.faults.injected import InjectedFaults
from annex_actors.runtimes.faults.planned import CrashPlan
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.main_guard import IMPORTING
from annex_actors.runtimes.processes import framing
from annex_actors.runtimes.processes.control_messages import (
    Assign,
    Connect,
    Connected,
    Crashing,
    Ended,
    Inject,
    Kept,
    Ping,
    Prepare,
    Ready,
    Stop,
    Up,
)
from annex_actors.runtimes.processes.link import Link
from annex_actors.runtimes.threads import PeerActor
from annex_actors.stores.shared_log import SharedCommitLog
from supervisors import SHUTDOWN, Child, ChildSpec, Reason, StartContext

FLUSH_S = 5.0
"""Seconds that the last words may take to be written; who supervises and does not read any more has gone."""


class WorkerSurroundings:
    """The surroundings of the peer in this process.

    Args:
        order: what to be.
        control: the way to the supervising process.
        links: the ways to the neighbours, as they are now.
        log: where commits go.
        heartbeat: of this life.
    """

    def __init__(
        self, order: Assign, control: Link, links: Mapping[Address, Link], log: SharedCommitLog, heartbeat: Heartbeat
    ) -> None:
        self._order = order
        self._control = control
        self._links = links
        self._log = log
        self._heartbeat = heartbeat
        self.faults = InjectedFaults()
        crashes = CrashPlan(order.crashes, lambda place: control.send(Crashing(place)))
        self.instrument: Instrument = combined(self.faults, crashes)

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Return the number of this life, and the last commit."""
        return self._order.life, self._log.latest()

    def beacon(self, address: Address) -> Heartbeat:
        """Return the heartbeat."""
        return self._heartbeat

    def note_start(self, address: Address, incarnation: int) -> None:
        """Say that the peer is up."""
        self._control.send(Up())

    def send(self, to: Address, envelope: Envelope) -> None:
        """Send to a neighbour by the link to it, to the trainer by the supervising process, where that lives."""
        link = self._links.get(to)
        if link is not None:
            link.send(envelope)
        elif to == TRAINER:
            self._control.send(Send(to, envelope))

    def is_due(self, step: int) -> bool:
        """Return whether a commit, which is a copy, is due: every few steps, and where a checkpoint is."""
        order = self._order
        return step % order.commit_every == 0 or (order.every > 0 and step % order.every == 0)

    def commit(self, snapshot: Snapshot, incarnation: int) -> None:
        """Put a commit into the log."""
        self._log.commit(snapshot)
        if self._order.every and snapshot.step % self._order.every == 0:
            self._control.send(Kept(snapshot.step))

    def emit(self, event: Event) -> None:
        """Show an event to the observers, by way of the supervising process."""
        self._control.send(Emit(event))


class Worker:
    """A process that hosts one peer.

    Args:
        control: the socket to the supervising process.
        files: the socket on which open files come.
    """

    def __init__(self, control: socket.socket, files: socket.socket) -> None:
        self._files = files
        self._links: dict[Address, Link] = {}
        self._surroundings: WorkerSurroundings | None = None
        self._heartbeat: Heartbeat | None = None
        self._child: Child | None = None
        self._exit_lock = Lock()
        self._control = Link(control, "control", self._obey, lambda: os._exit(1), failed=self._fail)

    def run(self) -> None:
        """Hear what is ordered; the process ends elsewhere."""
        with one_blas_thread():
            self._control.start()
            while True:
                signal.pause()

    def _obey(self, order: Any) -> None:
        match order:
            case Envelope():
                self._deliver(order)
            case Ping():
                if self._heartbeat is not None:
                    self._heartbeat.answer()
            case Connect(peer, incarnation):
                self._connect(peer, framing.receive_fds(self._files, 1)[0])
                self._control.send(Connected(peer, incarnation))
            case Prepare(program, load):
                multiprocessing.spawn.prepare(dict(program))
                for path in load:
                    run_user_file(path)
                os.environ.pop(IMPORTING, None)
                self._control.send(Ready())
            case Assign():
                self._begin(order, *framing.receive_fds(self._files, 2))
            case Inject(layer, fault):
                if self._surroundings is not None:
                    self._surroundings.faults.inject(layer, fault)
            case Stop():
                if self._child is not None:
                    self._child.shutdown(SHUTDOWN)
                else:
                    self._leave(Ended())

    def _deliver(self, envelope: Envelope) -> None:
        if self._child is not None:
            self._child.ref.tell(envelope)

    def _connect(self, peer: Address, fd: int) -> None:
        link = Link(socket.socket(fileno=fd), str(peer), self._deliver, failed=self._fail)
        before = self._links.get(peer)
        self._links[peer] = link
        if before is not None:
            before.close()
        if self._child is not None:  # otherwise when there is an actor who takes in what comes
            link.start()

    def _begin(self, order: Assign, log_fd: int, heartbeat_fd: int) -> None:
        self._heartbeat = Heartbeat(memoryview(mmap.mmap(heartbeat_fd, mmap.PAGESIZE)))
        log = SharedCommitLog(log_fd, depth=order.depth, every=order.every)
        self._surroundings = WorkerSurroundings(order, self._control, self._links, log, self._heartbeat)
        spec = ChildSpec.of(PeerActor, order.spec, self._surroundings, id=str(order.spec.address))
        try:
            started = spec.start(StartContext(id=str(order.spec.address), incarnation=order.incarnation))
        except BaseException as error:  # noqa: BLE001 - whatever it is, its supervisor is to judge it
            self._fail(error)
            return
        assert isinstance(started, Child)
        self._child = started
        for link in self._links.values():
            link.start()
        self._child.watch(self._on_end)

    def _fail(self, error: BaseException) -> None:
        self._leave(_last_words(error))

    def _on_end(self, reason: Reason) -> None:
        self._leave(Ended() if reason.is_orderly else _last_words(reason.exception or RuntimeError(str(reason))))

    def _leave(self, words: Ended) -> None:
        with self._exit_lock:
            self._control.send(words)
            self._control.flush(FLUSH_S)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0 if words.error is None else 1)


def _last_words(error: BaseException) -> Ended:
    text = "".join(traceback.format_exception(error))
    try:
        pickling_support.install(error)
        return Ended(pickle.dumps(error), text)
    except Exception:  # noqa: BLE001 - an exception may hold anything; then its text must do
        return Ended(b"", text)


def die_with(lifeline: int) -> None:
    """Let the kernel kill this process when the other end of a pipe is closed, whatever it is at.

    Source:
        Linux, fcntl(2): ``F_SETSIG`` and ``O_ASYNC`` on pipes.
    """
    if sys.platform == "linux":
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def main(control: int, files: int, lifeline: int) -> None:
    """Be a worker.

    Args:
        control: the descriptor of the control socket.
        files: that of the socket on which open files come.
        lifeline: that of the lifeline's end for reading.
    """
    die_with(lifeline)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What the actor dies of is said by `Ended`, and reported by its supervisor; here it would be reported once more.
    logging.getLogger("supervisors").setLevel(logging.CRITICAL)
    Worker(socket.socket(fileno=control), socket.socket(fileno=files)).run()
