"""The web application of a page: its files, the stream of records, and what its buttons ask for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from annex_actors.base.errors import ConfigError, UserError, message_of
from annex_actors.base.words import counted
from annex_actors.page.assets import MEDIA_TYPES, asset
from annex_actors.page.feed import Feed, Record
from annex_actors.page.saved_page import live_page

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger(__name__)

MOST_VIEWERS = 16
"""How many may read the stream at once; one more is refused with the status 503."""

TICK_S = 0.25
"""Seconds between two ticks, at least."""

MOST_TICK_S = 2.0
"""Seconds between two ticks, at most."""

SHARE = 110
"""A pause is at least so many times as long as what the server's thread worked since the last tick: a page takes little
more than one part in 110 of a core, however many actors and viewers there are."""


class Actions(Protocol):
    """What the buttons of a page can do to a run; each returns what was done, as one line."""

    def kill(self, actor: str) -> str:
        """Kill an actor as an external cause would; its supervisor restarts it.

        Raises:
            UserError: there is no such actor, or it is not up.
        """

    def move(self, actor: str) -> str:
        """Move a layer or the reader to another worker.

        Raises:
            UserError: as of `kill`.
        """

    def slow(self, actor: str) -> str:
        """Let an actor take much longer than ever before, once.

        Raises:
            UserError: as of `kill`.
        """

    def stop(self) -> str:
        """End the run in order: the steps in flight are finished and saved."""


class Source(Protocol):
    """A run as its page sees it; called in the thread of the server."""

    def look(self) -> Iterable[Record]:
        """Return the run's status, and what was traced since the last look; called only while there is a viewer."""

    def begin_viewing(self) -> None:
        """Get ready: there is a viewer."""

    def end_viewing(self) -> None:
        """Do nothing more for viewers: there is none."""


class Application:
    """Serves a page to its viewers; everything here runs in the server's event loop.

    Args:
        feed: what they see.
        source: the run.
        actions: what the buttons do; None: there are no buttons, and nothing that changes a run is answered.
    """

    def __init__(self, feed: Feed, source: Source, actions: Actions | None = None) -> None:
        self._feed = feed
        self._source = source
        self._actions = actions
        self._viewers = 0
        self._is_over = False
        self._ticked = asyncio.Event()
        self._worked = 0.0
        self._has_failed = False

    def asgi(self) -> ASGIApp:
        """Return the application for a server.

        Raises:
            ConfigError: Starlette is not installed.
        """
        try:
            from starlette.applications import Starlette
            from starlette.routing import Route
        except ImportError as error:
            raise ConfigError(
                "expected Starlette for the page, got none; pip install 'annex-actors[observe]'"
            ) from error
        reading = [
            Route("/", self._page, methods=["GET"]),
            Route("/events", _Stream(self), methods=["GET"]),
            Route("/assets/{name}", self._file, methods=["GET"]),
        ]
        changing = [
            Route("/actors/{actor}/kill", self._kill, methods=["POST"]),
            Route("/actors/{actor}/move", self._move, methods=["POST"]),
            Route("/actors/{actor}/slow", self._slow, methods=["POST"]),
            Route("/stop", self._stop, methods=["POST"]),
        ]
        return Starlette(routes=reading if self._actions is None else [*reading, *changing])

    async def tick_until(self, is_over: asyncio.Event) -> None:
        """Gather records at each tick until the event is set; then show the last ones, and end every stream."""
        while not is_over.is_set():
            pause = self._tick()
            try:
                await asyncio.wait_for(is_over.wait(), pause)
            except TimeoutError:
                continue
        self._is_over = True
        self._tick()

    def _tick(self) -> float:
        """Gather, wake the viewers, and return how long to pause."""
        self._feed.tick(self._look if self._viewers else None)
        woken, self._ticked = self._ticked, asyncio.Event()
        woken.set()
        before, self._worked = self._worked, time.thread_time()
        return min(MOST_TICK_S, max(TICK_S, SHARE * (self._worked - before)))

    def _look(self) -> Iterable[Record]:
        """Return what a look shows; one that fails shows nothing, and the page goes on."""
        try:
            return list(self._source.look())
        except Exception:
            if not self._has_failed:
                logger.exception("a look at the run failed; the page goes on without")
            self._has_failed = True
            return ()

    async def _page(self, _request: Request) -> Response:
        from starlette.responses import Response

        return Response(live_page(), media_type="text/html")

    async def _file(self, request: Request) -> Response:
        from starlette.responses import Response

        name = request.path_params["name"]
        content = asset(name)
        if content is None:
            return Response("expected a file of the page", 404, media_type="text/plain")
        return Response(content, media_type=MEDIA_TYPES[name.rpartition(".")[2]])

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the records from the beginning on, each chunk when it is there and the viewer has taken the last."""
        yield b"event: controls\ndata: " + (b"off" if self._actions is None else b"on") + b"\n\n"
        chunk = self._feed.beginning()
        yield chunk.text
        while True:
            is_last, ticked = self._is_over, self._ticked
            following = self._feed.after(chunk.next)
            if following is not None:
                chunk = following
                yield chunk.text
            elif is_last:
                return
            else:
                await ticked.wait()

    @contextmanager
    def viewing(self) -> Iterator[bool]:
        """Count a viewer during the block; yield whether there was room for it."""
        if self._viewers >= MOST_VIEWERS:
            yield False
            return
        self._viewers += 1
        if self._viewers == 1:
            self._source.begin_viewing()
        try:
            yield True
        finally:
            self._viewers -= 1
            if not self._viewers:
                self._source.end_viewing()

    async def _kill(self, request: Request) -> Response:
        return self._done(lambda actions: actions.kill(request.path_params["actor"]))

    async def _move(self, request: Request) -> Response:
        return self._done(lambda actions: actions.move(request.path_params["actor"]))

    async def _slow(self, request: Request) -> Response:
        return self._done(lambda actions: actions.slow(request.path_params["actor"]))

    async def _stop(self, _request: Request) -> Response:
        return self._done(lambda actions: actions.stop())

    def _done(self, action: Callable[[Actions], str]) -> Response:
        from starlette.responses import JSONResponse

        assert self._actions is not None  # else there is no route to here
        try:
            return JSONResponse({"done": action(self._actions)})
        except UserError as error:
            return JSONResponse({"error": message_of(error)}, 409)


class _Stream:
    """Answers a request for the stream; an application of its own, so that the viewer is counted until it is gone."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.responses import Response, StreamingResponse

        with self._application.viewing() as is_room:
            if is_room:
                response: Response = StreamingResponse(self._application.stream(), media_type="text/event-stream")
            else:
                text = f"expected at most {counted(MOST_VIEWERS, 'viewer')} of a page; close one"
                response = Response(text, 503, media_type="text/plain")
            await response(scope, receive, send)
