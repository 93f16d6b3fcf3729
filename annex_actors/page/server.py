"""The server of a page: uvicorn in a thread of its own, on the loopback, at a port that is free."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from annex_actors.base.errors import ConfigError
from annex_actors.page.guard import App, Guard

LOOPBACK = "127.0.0.1"

MOST_CONNECTIONS = 64
"""Connections that may be open at once; one more is closed at once, so that the run does not run out of files."""

CLOSING_S = 3
"""Seconds that viewers have to take the last records: a browser on a busy machine needs more than one."""


class Application(Protocol):
    """What answers the requests for a page."""

    def asgi(self) -> App:
        """Return the application for a server.

        Raises:
            ConfigError: Starlette is not installed.
        """

    async def tick_until(self, is_over: asyncio.Event) -> None:
        """Do what is to be done beside the answers until the event is set; then end every stream."""


def check_installed() -> None:
    """Refuse a page that could not be served.

    Raises:
        ConfigError: uvicorn is not installed.
    """
    _config_of()


@contextmanager
def serving(application: Application) -> Iterator[str]:
    """Serve a page during the block, and yield its link, which has the token that the page can be opened with.

    Args:
        application: what answers; its streams end with the block.

    Raises:
        ConfigError: Starlette or uvicorn is not installed, or no port can be had.
    """
    asgi, config_of = application.asgi(), _config_of()
    token = secrets.token_urlsafe(32)
    with _listening() as listening:
        port = listening.getsockname()[1]
        thread = _ServerThread(application, config_of(Guard(asgi, token=token, port=port)), listening)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{port}/?token={token}"
        finally:
            thread.end()


class _ServerThread(threading.Thread):
    """The thread of a server, in which its event loop runs and nothing of the run does."""

    def __init__(self, application: Application, config: Any, listening: socket.socket) -> None:
        super().__init__(name="page", daemon=True)
        self._application = application
        self._config = config
        self._listening = listening
        self._loop = asyncio.new_event_loop()
        self._is_over = asyncio.Event()

    def run(self) -> None:
        """Serve until `end`."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def end(self) -> None:
        """Show the viewers the last records, and end; safe where the thread has failed."""
        try:
            self._loop.call_soon_threadsafe(self._is_over.set)
        except RuntimeError:  # the loop is closed: the thread has ended already
            return
        self.join()

    async def _serve(self) -> None:
        from uvicorn import Server

        server = Server(self._config)
        serving = asyncio.create_task(server.serve(sockets=[self._listening]))
        await self._application.tick_until(self._is_over)
        server.should_exit = True
        await serving


def _config_of() -> Callable[[Guard], Any]:
    try:
        from uvicorn import Config
        from uvicorn.protocols.http.h11_impl import H11Protocol
    except ImportError as error:
        raise ConfigError("expected uvicorn for the page, got none; pip install 'annex-actors[observe]'") from error

    class BoundedProtocol(H11Protocol):  # type: ignore[misc]  # an extra, seen as Any
        """Closes a connection too many as soon as it is made."""

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            if len(self.connections) > MOST_CONNECTIONS:
                transport.abort()

    return lambda app: Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=CLOSING_S,
    )


def _listening() -> socket.socket:
    # The protocol is given, or asyncio would not switch Nagle's algorithm off.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.bind((LOOPBACK, 0))
        listening.listen()
    except OSError as error:
        listening.close()
        raise ConfigError(f"expected a free port of this machine for the page, got none: {error.strerror}") from error
    return listening
