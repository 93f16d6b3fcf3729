"""A Ray actor that hosts a peer, as the supervising process sees it."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import SimpleQueue
from threading import Event, Lock, Thread, current_thread
from typing import Any, Self

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError

from annex_actors.protocol.messages import Envelope
from annex_actors.runtimes import clock
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.workers.control_messages import Ended
from annex_actors.runtimes.hosting.workers.startup import START_S
from annex_actors.runtimes.hosting.workers.worker_child import WorkerDied
from annex_actors.runtimes.ray.careful import Noted, Noting
from annex_actors.runtimes.ray.node_names import NodeNames
from annex_actors.runtimes.ray.outbox import Batch
from annex_actors.runtimes.ray.places import Options
from annex_actors.runtimes.ray.remote_worker import CallChannel, Described, PauseTrace, StopRunning
from annex_actors.runtimes.ray.written import Printed, WrittenFile, last_words
from annex_actors.runtimes.tracing.layout import PAUSED, FedRing
from supervisors import Rung, StartError

logger = logging.getLogger(__name__)


class ActorDied(WorkerDied):
    """An actor that ended without sending `Ended`.

    Args:
        error: what Ray says.
        place: the piece of work in which it was, as far as that is known.
    """

    def __init__(self, error: BaseException, place: str | None) -> None:
        super().__init__(cause(error), place, external=not is_its_own(error))


def is_its_own(error: BaseException) -> bool:
    """Return whether the code of an actor has failed, and nothing outside of it."""
    return not isinstance(error, RayActorError) or error.actor_init_failed


class Caller:
    """Makes the calls of the supervising process in a thread of its own, in their order; a context manager.

    The thread of a peer may be killed at any instruction, and must not be in the middle of a call by then.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[[Any], object], Any] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="calls to actors", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._calls.put(None)
        self._thread.join()

    def put(self, call: Callable[[Any], object], argument: Any) -> None:
        """Have a call made, without waiting."""
        self._calls.put((call, argument))

    def _run(self) -> None:
        while (each := self._calls.get()) is not None:
            call, argument = each
            with suppress(RayError):  # the actor has ended
                call(argument)


class ActorWorker:
    """A Ray actor that hosts a peer, or waits to be assigned one; a `Worker`.

    Args:
        options: with which it was started.
        handle: of the actor.
        load: the user's files that it runs first, by path.
        caller: makes the calls.
        names: of the nodes.
        here: the id of this process's node.
    """

    def __init__(
        self,
        options: Options,
        handle: Any,
        load: Mapping[str, bytes],
        caller: Caller,
        names: NodeNames,
        here: str,
    ) -> None:
        self.options = options
        self.handle = handle
        self.heartbeat = Heartbeat()
        self.forced = False
        self.trace: FedRing | None = None
        """Where the records of the peer's trace go; set before it is assigned."""
        self._paused = False
        self.node_id = here
        self.label = ""
        """Of its peer; set before it is assigned one."""
        self._caller = caller
        self._channel = CallChannel("supervising process", handle)
        self._names = names
        self._files: tuple[WrittenFile, ...] = ()
        self._here = here
        self._pid: int | None = None
        self._behind_s: float | None = None
        self._final: Ended | None = None
        self._death: BaseException | None = None
        self._on_message: Callable[[Any], None] | None = None
        self._on_exit: list[Callable[[], None]] = []
        self._lock = Lock()
        self._gone = Event()
        self._prepared = handle.prepare.remote(load)
        self._thread = Thread(target=self._listen, name="listens to an actor", daemon=True)

    def ready(self) -> Described:
        """Wait until the actor has started, and has run the user's files; then begin to listen to it.

        Raises:
            StartError: it has not started, for the reason in its cause.
        """
        try:
            described = ray.get(self._prepared, timeout=START_S)
        except GetTimeoutError as error:
            self.abandon()
            raise StartError(f"an actor was not ready within {START_S:g} s; do the nodes have room for it?") from error
        except RayError as error:
            self.abandon()
            failure = StartError(f"an actor did not start: {cause(error)}")
            raise failure from ActorDied(error, None) if isinstance(error, RayActorError) else error
        if isinstance(described, Ended):
            self.abandon()
            reason = described.exception()
            raise StartError(f"an actor did not start: {reason}") from reason
        assert isinstance(described, Described)
        self.node_id, self._files = described.node, described.files
        self._names.ask()
        if self.node_id == self._here:
            self._pid, self._behind_s = described.pid, 0.0
        self._thread.start()
        return described

    def abandon(self) -> None:
        """Kill an actor that has not got a peer."""
        ray.kill(self.handle)
        self._gone.set()

    @property
    def pid(self) -> int | None:
        """The process id; None: it is on another node."""
        return self._pid

    @property
    def node_name(self) -> str:
        """The name of its node."""
        return self._names.of(self.node_id)

    @property
    def node(self) -> str:
        """See `Worker`."""
        return self._names.shown(self.node_id)

    @property
    def gone(self) -> bool:
        """Whether it has ended."""
        return self._gone.is_set()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and the thread that listens to it too."""
        return self.gone and not self._thread.is_alive()

    @property
    def has_said_why(self) -> bool:
        """Whether it has sent `Ended`."""
        return self._final is not None

    def send(self, message: object) -> None:
        """Send a control message or an envelope, without waiting."""
        if isinstance(message, Envelope):
            self._caller.put(self._channel.send, message)
        else:
            self._caller.put(self.handle.control.remote, message)

    def serve(self, on_message: Callable[[Any], None]) -> None:
        """Call ``on_message`` with every message of the peer, in the listening thread."""
        self._on_message = on_message

    def watch(self, on_exit: Callable[[], None]) -> None:
        """Call ``on_exit`` when the actor has ended; at once if it already has."""
        with self._lock:
            if not self._gone.is_set():
                self._on_exit.append(on_exit)
                return
        on_exit()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the actor has ended, at most ``timeout_s`` seconds; return whether it has."""
        return self._gone.wait(timeout_s)

    def kill(self) -> None:
        """Kill the actor, whatever it is doing. One that is stopped ends at once only if it runs again."""
        ray.kill(self.handle)
        if self._pid is not None and not self.gone:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGCONT)

    def stop_running(self) -> None:
        """Have the actor stop its process by a signal."""
        self.send(StopRunning())

    def ladder(self) -> tuple[Rung]:
        """Return the only rung: a kill."""
        return (Rung("kill", self._force, None),)

    def error(self) -> BaseException | None:
        """Return why it has ended: the exception that it sent, or `ActorDied`; None for an orderly end."""
        if self._final is not None:
            return self._final.exception()
        assert self._death is not None
        return ActorDied(self._death, self.heartbeat.place if self.heartbeat.began else None)

    @property
    def died(self) -> bool:
        """Whether it died without saying why, and its supervisor did not force it to."""
        return self.gone and not (self.has_said_why or self.forced)

    def output(self) -> str:
        """Return nothing: what the actor writes is logged as it comes."""
        return ""

    def close(self) -> None:
        """Kill the actor if it has not ended, and wait for its end."""
        if not self.gone:
            self.kill()
            self.wait()
        if self._thread.ident is not None and self._thread is not current_thread():
            self._thread.join()

    def __repr__(self) -> str:
        return f"actor on node {self.node_name}"

    def _force(self) -> None:
        if not self.gone:
            self.forced = True
            self.kill()

    def _listen(self) -> None:
        try:
            while self._final is None:
                self._take(ray.get(self.handle.listen.remote()))
            ray.kill(self.handle)
            while True:
                ray.get(self.handle.listen.remote())
        except BaseException as error:  # noqa: BLE001 - whatever it is, nothing more will come
            self._death = error
        ray.kill(self.handle)  # if only the call has failed
        self._end()

    def _take(self, batch: Batch) -> None:
        now = clock.now()
        if self._behind_s is None or (self.node_id != self._here and now - batch.time < self._behind_s):
            self._behind_s = now - batch.time  # the quickest of all calls says it best
        if batch.heartbeat:
            self.heartbeat.follow(batch.heartbeat, self._behind_s)
        self._follow_trace(batch)
        for message in batch.messages:
            if isinstance(message, Ended):
                self._final = message
            elif isinstance(message, Noting):  # the heartbeat shows it
                self.send(Noted(message.number))
            elif isinstance(message, Printed):
                self._files = message.files
                self._log(message.text)
            elif self._on_message is not None:
                self._on_message(message)

    def _follow_trace(self, batch: Batch) -> None:
        if self.trace is None:
            return
        if batch.traced is not None:
            self.trace.feed(*batch.traced, self._behind_s or 0.0)
        pause = bool(self.trace.counts[PAUSED])
        if pause != self._paused:
            self._paused = pause
            self.send(PauseTrace(pause))

    def _end(self) -> None:
        self._on_message = None  # break the cycle: its owner refers to this
        with self._lock:
            self._gone.set()
            watchers, self._on_exit = self._on_exit, []
        for on_exit in watchers:
            on_exit()
        if self._final is None and self._death is not None and self._files and cause(self._death) == _ENDED:
            self._log(last_words(self.node_id, self._files))

    def _log(self, text: str) -> None:
        if text:
            on = f" on node {self.node}" if self.node else ""
            logger.info("%s%s wrote:\n%s", self.label or "an actor", on, text)


_ENDED = "its process ended"


def cause(error: BaseException) -> str:
    """Return why an actor ended, in a few words."""
    text = str(error)
    if isinstance(error, RayActorError) and not error.actor_init_failed:
        if "ray.kill" in text:
            return "killed by ray.kill"
        return "its node ended" if "node" in text and "died" in text and "Node" in text else _ENDED
    lines = [line for line in text.splitlines() if line.strip()]
    return " ".join((lines or [type(error).__name__])[-1].split())
