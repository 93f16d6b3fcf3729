"""The web application: ``POST /predict`` and ``GET /health``, in JSON.

A request is a question of its own to the actors, and several are under way at once, one in each layer. They are not
laid side by side in larger arrays, which would be faster: a product of more rows rounds differently, and the answer to
a request would depend on what else was asked at the time. So it has the bits of `Learner.predict`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from annex_actors.base.errors import ConfigError, DataError, UserError, message_of
from annex_actors.base.types import Floats
from annex_actors.base.words import counted
from annex_actors.data.tables.records import table_of_records
from annex_actors.data.transforms import Preparation
from annex_actors.runs.predictions import Meaning
from annex_actors.runtimes import RunFailedError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.types import ASGIApp

MOST_BYTES = 1 << 24
"""The longest request."""

HOSTS = ["127.0.0.1", "localhost"]
"""The names by which a request may call this machine: with others, a web page elsewhere could ask through a browser."""


class Refused(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        message: one line.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Application:
    """Answers requests for predictions; everything here runs in the server's event loop, predictions in threads.

    Args:
        predict: see `Learner.serving`; called from several threads.
        meaning: what the predictions mean.
        most_waiting: how many requests may be under way; one more is refused with the status 503.
        on_failure: called with the error when a layer has failed again and again, after which nothing can be answered.
    """

    def __init__(
        self,
        predict: Callable[[Floats], Floats],
        meaning: Meaning,
        *,
        most_waiting: int,
        on_failure: Callable[[RunFailedError], None],
    ) -> None:
        self._predict = predict
        self._meaning = meaning
        self._most_waiting = most_waiting
        self._on_failure = on_failure
        self._waiting = self._answered = self._refused = 0

    def asgi(self) -> ASGIApp:
        """Return the application for a server.

        Raises:
            ConfigError: Starlette is not installed.
        """
        try:
            from starlette.applications import Starlette
            from starlette.middleware import Middleware
            from starlette.middleware.trustedhost import TrustedHostMiddleware
            from starlette.routing import Route
        except ImportError as error:
            raise ConfigError(
                "expected Starlette to serve with, got none; pip install 'annex-actors[serve]'"
            ) from error
        return Starlette(
            routes=[
                Route("/predict", self._predictions, methods=["POST"]),
                Route("/health", self._health, methods=["GET"]),
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)],
        )

    @cached_property
    def _threads(self) -> Any:
        """As many threads as requests may be under way; for the event loop in which it is first asked for."""
        from anyio import CapacityLimiter

        return CapacityLimiter(self._most_waiting)

    async def _health(self, _request: Request) -> JSONResponse:
        from starlette.responses import JSONResponse

        counts = {"waiting": self._waiting, "answered": self._answered, "refused": self._refused}
        return JSONResponse({"status": "ok", **counts})

    async def _predictions(self, request: Request) -> JSONResponse:
        from starlette.responses import JSONResponse

        try:
            answer = await self._answer(request)
        except Refused as refused:
            self._refused += 1
            headers = {"Retry-After": "1"} if refused.status == 503 else None
            return JSONResponse({"error": refused.message}, refused.status, headers)
        self._answered += 1
        return JSONResponse(answer)

    async def _answer(self, request: Request) -> dict[str, Any]:
        if self._waiting >= self._most_waiting:
            raise Refused(503, f"expected at most {counted(self._most_waiting, 'request')} at a time; try again later")
        self._waiting += 1
        try:
            return await self._predicted(await _body(request))
        finally:
            self._waiting -= 1

    async def _predicted(self, content: bytes) -> dict[str, Any]:
        from anyio.to_thread import run_sync

        def outputs_of(content: bytes) -> Floats:
            return self._predict(_inputs(content, self._meaning.preparation))

        try:
            outputs = await run_sync(outputs_of, content, limiter=self._threads)
        except UserError as error:
            raise Refused(400, message_of(error)) from error
        except RunFailedError as error:
            self._on_failure(error)
            raise Refused(500, message_of(error)) from error
        return {"predictions": self._meaning.described(outputs), "outputs": outputs.tolist()}


async def _body(request: Request) -> bytes:
    """Return what was sent, never more than `MOST_BYTES` of it."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refused(415, 'expected JSON, with the header "Content-Type: application/json"')
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise Refused(413, f"expected at most {counted(MOST_BYTES, 'byte')}; ask about fewer samples at a time")
    return bytes(content)


def _inputs(content: bytes, preparation: Preparation | None) -> Floats:
    """Return the samples in a request: arrays of numbers, or rows of a table as in training."""
    try:
        asked = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"expected JSON, got: {message_of(error)}") from error
    keys = asked.keys() if isinstance(asked, dict) else set()
    if preparation is not None and keys == {"rows"}:
        return _of_rows(asked["rows"], preparation)
    if keys != {"inputs"}:
        rows = "" if preparation is None else ', or {"rows": [{"age": 41}, ...]} with rows as in training'
        raise Refused(400, f'expected an object {{"inputs": [...]}} with a list of samples{rows}')
    try:
        inputs = np.array(asked["inputs"])
        if inputs.dtype.kind not in "biuf":
            raise DataError("something else")
        return inputs
    except (ValueError, DataError, OverflowError) as error:
        raise Refused(400, 'expected "inputs" to be numbers, samples of one shape') from error


def _of_rows(rows: Any, preparation: Preparation) -> Floats:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refused(400, 'expected "rows" to be a list of objects, a value for each column')
    return preparation.inputs(table_of_records(rows, preparation.forms))
