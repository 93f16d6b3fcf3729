"""The web application of a walk: it makes the moves that its page asks for, one request after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any

from annex_actors.base.errors import AnnexError, ConfigError, message_of
from annex_actors.base.words import counted
from annex_actors.page.assets import MEDIA_TYPES, asset
from annex_actors.page.server import serving
from annex_actors.page.walk_page import live_walk, walk_page
from annex_actors.schedules.table import DISCIPLINES
from annex_actors.stepping.saved import as_json
from annex_actors.stepping.stepper import Stepper

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

MOST_BYTES = 10_000
"""Of the words of a request."""


class WalkApplication:
    """Serves a walk to one page; everything here runs in the server's event loop, so no two moves are made at once.

    Args:
        stepper: the walk.
    """

    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper

    def asgi(self) -> Any:
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
        return Starlette(
            routes=[
                Route("/", self._page, methods=["GET"]),
                Route("/assets/{name}", self._file, methods=["GET"]),
                Route("/words", self._words, methods=["POST"]),
                Route("/walk.json", self._json, methods=["GET"]),
                Route("/walk.html", self._html, methods=["GET"]),
            ]
        )

    async def tick_until(self, is_over: asyncio.Event) -> None:
        """Wait for the end: nothing is done beside the answers."""
        await is_over.wait()

    async def _page(self, _request: Request) -> Response:
        return _answer(live_walk(), "text/html")

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        content = asset(name)
        if content is None:
            return _answer("expected a file of the page", "text/plain", 404)
        return _answer(content, MEDIA_TYPES[name.rpartition(".")[2]])

    async def _words(self, request: Request) -> Response:
        """Do what the words in the body say, and answer with what is then seen; what is not possible is a note."""
        from starlette.responses import JSONResponse

        words = bytearray()
        async for part in request.stream():
            words += part
            if len(words) > MOST_BYTES:
                return _answer(f"expected words of at most {counted(MOST_BYTES, 'byte')}", "text/plain", 413)
        note = ""
        try:
            self._stepper.obey(words.decode("utf-8", "replace"))
        except AnnexError as error:
            note = message_of(error)
        point = as_json(self._stepper.walk.point())
        return JSONResponse({"point": point, "note": note, "schedules": list(DISCIPLINES)})

    async def _json(self, _request: Request) -> Response:
        return _answer(self._stepper.saved().to_json(), "application/json")

    async def _html(self, _request: Request) -> Response:
        return _answer(walk_page(self._stepper.points()), "text/html", attachment=True)


def _answer(content: str, media_type: str, status: int = 200, *, attachment: bool = False) -> Response:
    from starlette.responses import Response

    headers = {"content-disposition": "attachment"} if attachment else {}
    return Response(content, status, headers, media_type=media_type)


@contextmanager
def walking(stepper: Stepper, show_link: Callable[[str], None]) -> Iterator[Event]:
    """Serve the page of a walk during the block; yield what can be waited for, for ever.

    Args:
        stepper: the walk.
        show_link: called with the page's link.

    Raises:
        ConfigError: Starlette or uvicorn is not installed, or no port can be had.
    """
    with serving(WalkApplication(stepper)) as link:
        show_link(link)
        yield Event()
