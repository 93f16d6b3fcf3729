"""Keep a page to the browser that was given its link: what every request must show before anything answers it.

A page on the loopback can be reached by every program of the machine, and by every web page that a browser of the
machine shows: by a form, by a script, by a name of its own that it lets point to 127.0.0.1. So a request must name
this server (`Host`), know the token, and, if it changes anything, come from this very page (`Origin` and a header that
no form can send). No answer may be read, framed or embedded by another page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeAlias
from urllib.parse import parse_qs

Scope: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

METHODS = frozenset({"GET", "POST"})
"""The methods that are let through; a list of those that are not would miss one."""

HEADER = b"x-annex-actors"
"""The header that a request which changes something must have: no form can send one, and no script of another page
without a permission that this server never gives."""

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
"""The headers of every answer; none of them permits another page anything."""


class Guard:
    """An application that lets only permitted requests through to another one.

    Args:
        app: what answers them.
        token: what the link has, at least 128 random bits as text.
        port: of the server.
    """

    def __init__(self, app: App, *, token: str, port: int) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost", "[::1]")}
        self._cookie = f"annex-actors-{port}"  # a browser sends the cookies of one host to all of its ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            raise ValueError(f"expected HTTP, got {scope['type']}")
        refusal = self._refusal(scope)
        if refusal is not None:
            await _answer(send, *refusal)
        elif scope["path"] == "/" and scope["query_string"]:
            await self._log_in(scope, send)
        elif not self._is_known(scope):
            await _answer(send, 403, "expected the link that the command printed; open it")
        else:
            await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return 400, "expected the host 127.0.0.1 or localhost, with the port of the link"
        if scope["method"] not in METHODS:
            return 405, "expected GET or POST"
        if scope["method"] != "GET":
            if _values(scope, b"origin") != [b"http://" + hosts[0]]:
                return 403, "expected a request of this page"
            if _values(scope, HEADER) != [b"1"]:
                return 403, f"expected the header {HEADER.decode()}: 1"
        return None

    async def _log_in(self, scope: Scope, send: Send) -> None:
        """Take the token out of the address, and give the browser a cookie instead that no script can read."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[-1]
        if not self._matches(given):
            await _answer(send, 403, "expected the token of this run; open the link that it printed")
            return
        cookie = f"{self._cookie}={self._token.decode()}; Path=/; HttpOnly; SameSite=Strict"
        await _answer(send, 303, "", [("location", "/"), ("set-cookie", cookie)])

    def _is_known(self, scope: Scope) -> bool:
        return any(map(self._matches, self._cookies(scope)))

    def _cookies(self, scope: Scope) -> list[str]:
        found = []
        for value in _values(scope, b"cookie"):
            try:
                morsel = SimpleCookie(value.decode("latin-1")).get(self._cookie)
            except CookieError:
                continue
            found += [] if morsel is None else [morsel.value]
        return found

    def _matches(self, given: str) -> bool:
        """Return whether a text is the token, in a time that says nothing of how much of it is right."""
        return compare_digest(given.encode("utf-8", "replace"), self._token)


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers]


async def _answer(send: Send, status: int, text: str, headers: Iterable[tuple[str, str]] = ()) -> None:
    content = text.encode()
    plain = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(content)))]
    start = {"type": "http.response.start", "status": status, "headers": _encoded([*plain, *headers])}
    await _with_headers(send)(start)
    await send({"type": "http.response.body", "body": content})


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_encoded(SECURITY_HEADERS.items())]
        await send(message)

    return sending
