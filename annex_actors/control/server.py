"""The control server of a run: an attendant that answers on a Unix socket in the run's folder.

A client sends a line of JSON, a `Request`, and gets a line of JSON, a `Response`; then it may send the next. Whatever
clients do, a run does not wait for them: each has a thread, which alone waits; there are few of them; lines are short;
requests are answered one at a time, and after each the server rests, so that all of them together take a small part of
a core; and the end of the run closes every connection.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event, Lock, Thread

from annex_actors.base.words import counted
from annex_actors.control import place
from annex_actors.control.journal import Journal
from annex_actors.control.methods import Methods
from annex_actors.control.requests import Response
from annex_actors.control.view import View, Viewer
from annex_actors.protocol.events import Event as RunEvent
from annex_actors.runtimes import Job, Program

logger = logging.getLogger(__name__)

MOST_CLIENTS = 16
"""How many clients are served at a time; one more is told so, and not served."""

LONGEST_LINE = 4096
"""Bytes of a request."""

IDLE_S, SLOW_S = 60.0, 2.0
"""Seconds after which a client that asks nothing, or does not read its answer, is disconnected."""

RESTS = 19
"""How many times as long as its work on a request the server rests: it takes a twentieth of a core at most."""

MOST_REST_S = 1.0
"""Seconds that it rests at most, so that a client need not wait for long."""

JOIN_S = 2.0
"""Seconds to wait for the threads at the end; they are in no lock and hold nothing of the run that it needs."""


class ControlServer:
    """Answers about a run, and steers it, as long as it goes on; an attendant, and an observer.

    Args:
        folder: the run's, which this process has locked.
        runtime: the name of the run's runtime.
    """

    def __init__(self, folder: Path, *, runtime: str) -> None:
        self._folder = folder
        self._runtime = runtime
        self._journal = Journal()

    def on_event(self, event: RunEvent) -> None:
        """Record an event."""
        self._journal.on_event(event)

    @contextmanager
    def attend(self, job: Job, program: Program) -> Iterator[None]:
        """Answer during the block; where no socket can be made the run goes on without, and its log says why."""
        view = View(str(self._folder), self._runtime, job, program, self._journal)
        try:
            listening = place.listening(self._folder, MOST_CLIENTS)
        except OSError as error:
            logger.warning("the run cannot be looked at from other terminals: %s", error)
            yield
            return
        with _Serving(listening, view):
            try:
                yield
            finally:
                with suppress(OSError):
                    place.remove(self._folder)


class _Serving:
    """Accepts clients during the block.

    Args:
        listening: closed at the end.
        view: of the run.
    """

    def __init__(self, listening: socket.socket, view: View) -> None:
        self._listening = listening
        self._view = view
        self._closing = Event()
        self._methods = Methods(view, self._closing.wait)
        self._turn = Lock()
        self._free_at = 0.0
        self._clients: dict[socket.socket, Thread] = {}
        self._acceptor = Thread(target=self._accept, name="control", daemon=True)

    def __enter__(self) -> None:
        self._acceptor.start()

    def __exit__(self, *_exc_info: object) -> None:
        self._closing.set()
        for sock in (self._listening, *tuple(self._clients)):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        until = time.monotonic() + JOIN_S
        for thread in (self._acceptor, *tuple(self._clients.values())):
            thread.join(max(0.0, until - time.monotonic()))
        self._listening.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:  # the run is over, or the process has no descriptor left: then it is tried again
                self._closing.wait(0.1)
                continue
            refusal = self._refusal(client)
            if refusal is None:
                thread = Thread(target=self._serve, args=[client], name="control client", daemon=True)
                self._clients[client] = thread
                thread.start()
            else:
                self._send(client, Response(error=refusal))
                client.close()

    def _refusal(self, client: socket.socket) -> str | None:
        if not place.is_own_user(client):
            return "expected the user of the run, got another one"
        if len(self._clients) >= MOST_CLIENTS:
            return f"expected at most {counted(MOST_CLIENTS, 'client')} at a time, got one more; end one, or try again"
        return None

    def _serve(self, client: socket.socket) -> None:
        viewer = Viewer(self._view)
        try:
            for line in _lines(client) if not self._closing.is_set() else ():
                if not self._send(client, self._answer(line, viewer)):
                    return
        except Exception:  # an error of the server must not stay unseen, and must not end the run
            logger.exception("the control server failed to answer")
        finally:
            with suppress(OSError):
                client.close()
            self._clients.pop(client, None)

    def _answer(self, line: bytes | None, viewer: Viewer) -> Response:
        if line is None:
            return Response(error=f"expected a line of at most {counted(LONGEST_LINE, 'byte')}, got a longer one")
        with self._turn:
            self._closing.wait(max(0.0, self._free_at - time.monotonic()))
            began = time.thread_time()
            response = self._methods.answer(line, viewer)
            self._free_at = time.monotonic() + min(MOST_REST_S, RESTS * (time.thread_time() - began))
            return response

    def _send(self, client: socket.socket, response: Response) -> bool:
        """Send an answer; return False where the client does not take it."""
        client.settimeout(SLOW_S)
        try:
            client.sendall(response.model_dump_json().encode() + b"\n")
        except OSError:
            return False
        return True


def _lines(client: socket.socket) -> Iterator[bytes | None]:
    """Yield each line that a client sends, until it ends or is idle for too long; None and no more for a long one."""
    rest = b""
    while True:
        client.settimeout(IDLE_S)
        try:
            arrived = client.recv(LONGEST_LINE)
        except OSError:
            return
        if not arrived:
            return
        *lines, rest = (rest + arrived).split(b"\n")
        yield from lines
        if len(rest) > LONGEST_LINE:
            yield None
            return


def control(runtime: str) -> partial[ControlServer]:
    """Return what makes the control server of a run, given the run's folder."""
    return partial(ControlServer, runtime=runtime)
