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
import pickle
import signal
import socket
import sys
from collections.abc import Mapping, Set
from contextlib import ExitStack
from threading import Lock
from typing import Any

from tblib import pickling_support

from annex_actors.base.errors import LayerError, RemoteError, named
from annex_actors.base.user_files import run_user_file
from annex_actors.protocol.effects import Emit, Send
from annex_actors.protocol.events import Event
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, combined
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.protocol.routing import TRAINER
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.protocol.survey import SURVEYOR
from annex_actors.runtimes import clock
from annex_actors.runtimes.blas import blas_threads
from annex_actors.runtimes.delayed_links import DelayLine
from annex_actors.runtimes.faults.injected import InjectedFaults
from annex_actors.runtimes.faults.planned import CrashPlan
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.own_code import own_line, own_traceback
from annex_actors.runtimes.hosting.probed import probed
from annex_actors.runtimes.main_guard import IMPORTING
from annex_actors.runtimes.processes import framing
from annex_actors.runtimes.processes.arrivals import Arrivals
from annex_actors.runtimes.processes.channel import Channel
from annex_actors.runtimes.processes.commit_logs import is_due
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
    Probe,
    ProbeAnswer,
    Ready,
    Relay,
    Stop,
    Up,
)
from annex_actors.runtimes.processes.link import Link
from annex_actors.runtimes.processes.listening import ListeningActor
from annex_actors.runtimes.processes.slab import SlabReader
from annex_actors.runtimes.tracing.recorder import recorder_of
from annex_actors.stores.shared_log import SharedCommitLog
from supervisors import SHUTDOWN, Child, ChildSpec, Reason, StartContext

FLUSH_S = 5.0
"""Seconds to wait for the final message to be written; a supervising process that does not read it has gone."""


class WorkerSurroundings:
    """The surroundings of the peer in this process; satisfies `Surroundings`.

    Args:
        assignment: of the peer.
        control: the link to the supervising process.
        channels: the current ones to the neighbours.
        relayed: the peers that live in the supervising process.
        log: where the peer commits.
        heartbeat: of this incarnation.
        recorder: of its trace.
    """

    def __init__(
        self,
        assignment: Assign,
        control: Link,
        channels: Mapping[Address, Channel],
        relayed: Set[Address],
        log: SharedCommitLog,
        heartbeat: Heartbeat,
        recorder: Instrument,
    ) -> None:
        self._assignment = assignment
        self._control = control
        self._channels = channels
        self._relayed = relayed
        self._log = log
        self._heartbeat = heartbeat
        self.faults = InjectedFaults(on_strike=control.send)
        crashes: Instrument = NO_INSTRUMENT
        if assignment.crashes:
            crashes = CrashPlan(assignment.crashes, lambda place: control.send(Crashing(place)))
        kept = assignment.wanted.instrument(control.send) if assignment.wanted else NO_INSTRUMENT
        if assignment.delayed is not None:
            line = DelayLine(assignment.delayed, self.send)
            line.start()
            self.send = line.send  # type: ignore[method-assign]
        waiting = assignment.slowed.instrument(clock.now) if assignment.slowed else NO_INSTRUMENT
        self._instrument = combined(waiting, recorder, self.faults, crashes, kept)

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Return the store's number for this incarnation, and the last commit."""
        return self._assignment.number, self._log.latest()

    def instrument(self, address: Address, number: int) -> Instrument:
        """Return what watches the peer."""
        return self._instrument

    def heartbeat(self, address: Address) -> Heartbeat:
        """Return the heartbeat of this incarnation."""
        return self._heartbeat

    def record_start(self, address: Address, incarnation: int, time: float) -> None:
        """Tell the supervising process that the peer is up."""
        self._control.send(Up(time))

    def send(self, to: Address, envelope: Envelope) -> None:
        """Send an envelope over the channel to a neighbour, or through the supervising process to a peer in it."""
        channel = self._channels.get(to)
        if channel is not None:
            channel.send(envelope)
        elif to in self._relayed:
            self._control.send(Send(to, envelope))

    def is_due(self, step: int) -> bool:
        """Return whether to commit now: every few steps, since a commit is a copy, and at each checkpoint."""
        return is_due(step, self._assignment.commit_every, self._assignment.every)

    def commit(self, snapshot: Snapshot, number: int) -> None:
        """Write a commit to the log."""
        self._log.commit(snapshot)
        if self._assignment.every and snapshot.step % self._assignment.every == 0:
            self._control.send(Kept(snapshot.step))

    def emit(self, event: Event) -> None:
        """Send an event to the supervising process, which shows it to the observers."""
        self._control.send(Emit(event))


class Worker:
    """A process that hosts one peer.

    Args:
        control: the socket to the supervising process.
        files: the socket on which open files arrive.
    """

    def __init__(self, control: socket.socket, files: socket.socket) -> None:
        self._files = files
        self._channels: dict[Address, Channel] = {}
        self._relayed = {TRAINER, SURVEYOR}
        self._arrivals = Arrivals()
        self._surroundings: WorkerSurroundings | None = None
        self._heartbeat: Heartbeat | None = None
        self._child: Child | None = None
        self._exit_lock = Lock()
        self._blas = ExitStack()
        self._control = Link(control, "control", self._on_message, lambda: os._exit(1), failed=self._fail)

    def run(self) -> None:
        """Handle control messages, and never return: another thread ends the process."""
        self._blas.enter_context(blas_threads())
        self._control.start()
        while True:
            signal.pause()

    def _on_message(self, message: Any) -> None:
        match message:
            case Envelope():
                self._arrivals.put(message)
            case Ping():
                if self._heartbeat is not None:
                    self._heartbeat.answer()
            case Probe(number, deep):
                if self._child is not None and self._heartbeat is not None:
                    held = self._arrivals.waiting + self._heartbeat.waiting
                    answer = probed(self._child.ref, held, deep=deep)
                    self._control.send(ProbeAnswer(number, answer))
            case Connect(peer, number):
                fds = framing.receive_fds(self._files, Connect.FILES)
                self._connect(peer, Channel(*fds, on_full=self._arrivals.ring))
                self._control.send(Connected(peer, number))
            case Relay(peer, number):
                self._relayed.add(peer)
                self._channels.pop(peer, None)
                self._control.send(Connected(peer, number))
            case Prepare(program, load):
                multiprocessing.spawn.prepare(dict(program))
                for path in load:
                    run_user_file(path)
                os.environ.pop(IMPORTING, None)
                self._control.send(Ready())
            case Assign():
                self._begin(message, *framing.receive_fds(self._files, message.files))
            case Inject(layer, fault):
                if self._surroundings is not None:
                    self._surroundings.faults.inject(layer, fault)
            case Stop():
                if self._child is not None:
                    self._child.shutdown(SHUTDOWN)
                    self._arrivals.ring()
                else:
                    self._exit(Ended())

    def _connect(self, peer: Address, channel: Channel) -> None:
        self._channels[peer] = channel  # what is sent from now on goes there
        self._relayed.discard(peer)
        self._arrivals.connect(peer, channel)

    def _begin(self, assignment: Assign, log_fd: int, heartbeat_fd: int, slab_fd: int, trace_fd: int = -1) -> None:
        self._control.look_at(SlabReader(slab_fd))
        if assignment.blas_threads != 1:
            self._blas.close()
            self._blas.enter_context(blas_threads(assignment.blas_threads))
        self._heartbeat = Heartbeat(memoryview(mmap.mmap(heartbeat_fd, mmap.PAGESIZE)))
        log = SharedCommitLog(log_fd, depth=assignment.depth, every=assignment.every)
        recorder = NO_INSTRUMENT
        if assignment.trace is not None:
            recorder = recorder_of(memoryview(mmap.mmap(trace_fd, 0)), assignment.trace, clock.now)
        self._surroundings = WorkerSurroundings(
            assignment, self._control, self._channels, self._relayed, log, self._heartbeat, recorder
        )
        id = str(assignment.spec.address)
        spec = ChildSpec.of(ListeningActor, assignment.spec, self._surroundings, self._arrivals, id=id)
        try:
            started = spec.start(StartContext(id=id, incarnation=assignment.incarnation))
        except BaseException as error:  # noqa: BLE001 - the supervisor judges every failure
            self._fail(error)
            return
        assert isinstance(started, Child)
        self._child = started
        started.watch(self._on_end)
        started.ref.tell(None)

    def _fail(self, error: BaseException) -> None:
        self._exit(_ended_by(error))

    def _on_end(self, reason: Reason) -> None:
        self._exit(Ended() if reason.is_orderly else _ended_by(reason.exception or RuntimeError(str(reason))))

    def _exit(self, message: Ended) -> None:
        with self._exit_lock:
            self._control.send(message)
            self._control.flush(FLUSH_S)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0 if message.error is None else 1)


def _ended_by(error: BaseException) -> Ended:
    plain = pickled(as_remote(error))
    try:
        return Ended(pickled(error), plain)
    except Exception:  # noqa: BLE001 - an exception may hold anything; then only its text is sent
        return Ended(b"", plain)


def pickled(error: BaseException) -> bytes:
    """Return an exception as bytes, with its traceback and its causes."""
    pickling_support.install(error)
    return pickle.dumps(error)


def as_remote(error: BaseException) -> BaseException:
    """Return what any process can read of an exception: its place in a layer, its type, message and own traceback."""
    if isinstance(error, LayerError) and error.__cause__ is not None:
        place = {name: getattr(error, name) for name in ("address", "layer", "step", "microbatch", "work")}
        layer_error = LayerError(str(error), **place)
        layer_error.__cause__ = as_remote(error.__cause__)
        return layer_error
    remote = RemoteError(named(error), own_line(error))
    remote.add_note(own_traceback(error) or "")
    return remote


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
