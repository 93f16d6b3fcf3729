"""The eleven points of the page's security, each with its test, and what a hostile viewer can do to a run: nothing.

That text stays text is tested in a browser, in `test_browser`.
"""

from __future__ import annotations

import ast
import inspect
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.page import application, guard
from annex_actors.page.application import MOST_VIEWERS, Application
from annex_actors.page.feed import Feed, Record
from annex_actors.page.server import MOST_CONNECTIONS, serving

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx2")

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
HEADER = {"x-annex-actors": "1"}
TIMEOUT_S = 20.0


class Recorder:
    """Actions that are only recorded."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def kill(self, actor: str) -> str:
        if actor != "stage-0":
            raise ConfigError("expected an actor of the run")
        self.done.append(f"kill {actor}")
        return "killed"

    def move(self, actor: str) -> str:
        self.done.append(f"move {actor}")
        return "moved"

    def slow(self, actor: str) -> str:
        self.done.append(f"slow {actor}")
        return "slowed"

    def stop(self) -> str:
        self.done.append("stop")
        return "stopping"


class Nothing:
    """A run that shows nothing."""

    def look(self) -> list[Record]:
        return []

    def begin_viewing(self) -> None: ...

    def end_viewing(self) -> None: ...


class Served:
    """A page that is served, and a client that has its cookie."""

    def __init__(self, link: str, feed: Feed, actions: Recorder | None) -> None:
        self.link, self.feed, self.actions = link, feed, actions
        parts = urlsplit(link)
        assert parts.port is not None
        self.port = parts.port
        self.token = parts.query.removeprefix("token=")
        self.origin = f"http://127.0.0.1:{self.port}"
        self.cookie = {"cookie": f"annex-actors-{self.port}={self.token}"}

    def ask(self, method: str, path: str, **headers: str | None) -> Any:
        """Return the answer to a request with the cookie and a right host; None leaves a header out."""
        given = {**self.cookie, **{name.replace("_", "-"): value for name, value in headers.items()}}
        sent = {name: value for name, value in given.items() if value is not None}
        with httpx.Client(timeout=TIMEOUT_S, headers={}) as client:
            return client.request(method, self.origin + path, headers=sent)

    def connection(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S)


@contextmanager
def served(actions: Recorder | None = None) -> Iterator[Served]:
    feed = Feed()
    with serving(Application(feed, Nothing(), actions)) as link:
        yield Served(link, feed, actions)


@pytest.fixture(scope="module")
def page() -> Iterator[Served]:
    with served() as found:
        yield found


@pytest.fixture
def fresh() -> Iterator[Served]:
    """Serve a page that no other test has asked."""
    with served() as found:
        yield found


@pytest.fixture(scope="module")
def shared() -> Iterator[Served]:
    with served(Recorder()) as found:
        yield found


@pytest.fixture
def controlled(shared: Served) -> Served:
    assert shared.actions is not None
    shared.actions.done.clear()
    return shared


# 1. Loopback only, at a free port.


def test_only_the_loopback_listens_and_each_page_has_a_port_of_its_own(page: Served) -> None:
    with served() as other:
        assert other.port != page.port
    assert page.link.startswith("http://127.0.0.1:")
    addresses = {each[4][0] for each in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in addresses - {"127.0.0.1"}:
        with closing(socket.socket()) as elsewhere:
            elsewhere.settimeout(TIMEOUT_S)
            assert elsewhere.connect_ex((address, page.port)) != 0


# 2. The token of the link becomes a cookie, and leaves the address.


def test_the_link_gives_a_cookie_that_no_script_and_no_other_site_can_use(page: Served) -> None:
    answer = page.ask("GET", f"/?token={page.token}", cookie=None)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert answer.headers["set-cookie"].split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Strict"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert page.ask("GET", "/", cookie=cookie).status_code == 200


@pytest.mark.parametrize("path", ["/", "/events", "/assets/page.js", "/nothing"])
@pytest.mark.parametrize(
    "cookie", [None, "annex-actors-1=x", "{name}=", "{name}=wrong", "{name}=é", "{name}", "=;;\x01"]
)
def test_without_the_cookie_there_is_nothing(page: Served, path: str, cookie: str | None) -> None:
    given = cookie and cookie.format(name=f"annex-actors-{page.port}").encode("latin-1").decode("latin-1")
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nConnection: close\r\n"
    request += "" if given is None else f"Cookie: {given}\r\n"
    assert status_of(page, request.encode("latin-1")) in (b"403", b"400")


@pytest.mark.parametrize("token", ["", "wrong", "%00", "é"])
def test_a_wrong_token_gives_no_cookie(page: Served, token: str) -> None:
    answer = page.ask("GET", f"/?token={token}")
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_two_pages_have_different_tokens_of_256_bits(page: Served) -> None:
    with served() as other:
        assert other.token != page.token
    assert len(page.token) >= 43  # of 64 signs each


# 3. The host must be ours.


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}"])
def test_our_own_hosts_are_answered(page: Served, host: str) -> None:
    assert page.ask("GET", "/", host=host.format(port=page.port)).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:{port}.evil.example",
        "",
        "localhost",
    ],
)
def test_another_host_is_refused_even_with_the_cookie(page: Served, host: str) -> None:
    assert page.ask("GET", "/", host=host.format(port=page.port)).status_code == 400


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1:{port}", "evil.example"]])
def test_no_host_and_two_hosts_are_refused(page: Served, hosts: list[str]) -> None:
    lines = "".join(f"Host: {host.format(port=page.port)}\r\n" for host in hosts)
    cookie = f"Cookie: {page.cookie['cookie']}\r\n"
    assert status_of(page, f"GET / HTTP/1.0\r\n{lines}{cookie}\r\n".encode()[:-2]) == b"400"


# 4. What changes a run must come from the page itself.


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": None},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:{port}"},
        {"origin": "http://localhost:{port}"},
        {"x_annex_actors": None},
        {"x_annex_actors": "0"},
        {"cookie": None},
        {"host": "evil.example:{port}"},
    ],
)
def test_a_change_needs_our_origin_our_header_and_the_cookie(controlled: Served, wrong: dict[str, str | None]) -> None:
    right: dict[str, str | None] = {"origin": controlled.origin, "x_annex_actors": "1"}
    changed = {name: value and value.format(port=controlled.port) for name, value in wrong.items()}
    assert controlled.ask("POST", "/actors/stage-0/kill", **right, **{}).status_code == 200
    assert controlled.ask("POST", "/actors/stage-0/kill", **{**right, **changed}).status_code in (400, 403)
    assert controlled.actions is not None
    assert controlled.actions.done == ["kill stage-0"]


def test_the_token_in_an_address_changes_nothing(controlled: Served) -> None:
    answer = controlled.ask(
        "POST", f"/stop?token={controlled.token}", cookie=None, origin=controlled.origin, x_annex_actors="1"
    )
    assert answer.status_code == 403


# 5. A list of the methods that are allowed.


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "GETT", "post", "PROPFIND"]
)
@pytest.mark.parametrize("path", ["/", "/stop", "/actors/stage-0/kill"])
def test_a_method_that_is_not_on_the_list_is_refused(controlled: Served, method: str, path: str) -> None:
    request = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{controlled.port}\r\nOrigin: {controlled.origin}\r\n"
    request += f"X-Annex-Actors: 1\r\nCookie: {controlled.cookie['cookie']}\r\nConnection: close\r\n"
    assert status_of(controlled, request.encode()) == b"405"
    assert controlled.actions is not None
    assert controlled.actions.done == []


def test_what_changes_a_run_cannot_be_got(controlled: Served) -> None:
    for path in ("/stop", "/actors/stage-0/kill", "/actors/stage-0/move", "/actors/stage-0/slow"):
        assert controlled.ask("GET", path).status_code == 405


# 6. No other origin may read anything.


def test_no_answer_ever_lets_another_origin_read_it(controlled: Served) -> None:
    for method, path in [
        ("GET", "/"),
        ("GET", "/assets/page.js"),
        ("GET", "/x"),
        ("OPTIONS", "/stop"),
        ("POST", "/stop"),
    ]:
        answer = controlled.ask(method, path, origin="http://evil.example", access_control_request_method="POST")
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


# 7. The policy of what a page may load and run.


def test_every_answer_has_a_policy_without_anything_inline(page: Served) -> None:
    for path in ("/", "/assets/page.css", "/nothing", "/?token=wrong"):
        headers = page.ask("GET", path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_the_page_needs_nothing_inline_and_nothing_of_others(page: Served) -> None:
    content = page.ask("GET", "/").text
    assert "<style" not in content
    assert " style=" not in content
    assert " on" not in "".join(
        part.partition(">")[0] for part in content.split("<")[1:] if " on" in part.partition('"')[0]
    )
    for part in content.split("<script")[1:]:
        assert part.startswith(' src="/assets/')


# 8. Only text nodes: the scripts have no way to make HTML of text. (In a browser: `test_browser`.)


@pytest.mark.parametrize(
    "path", sorted(Path(str(application.__file__)).parent.joinpath("assets").glob("*.js")), ids=lambda path: path.name
)
def test_no_script_makes_html_or_code_of_text(path: Path) -> None:
    text = path.read_text()
    for name in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
        "srcdoc",
    ):
        assert name not in text


# 9. What destroys is off unless it is asked for.


def test_without_the_option_nothing_can_be_changed(page: Served) -> None:
    for path in ("/stop", "/actors/stage-0/kill", "/actors/stage-0/move", "/actors/stage-0/slow"):
        assert page.ask("POST", path, origin=page.origin, x_annex_actors="1").status_code == 404


def test_with_the_option_each_button_does_what_it_says(controlled: Served) -> None:
    for path, done in [
        ("/actors/stage-0/kill", "killed"),
        ("/actors/stage-2/move", "moved"),
        ("/actors/stage-1/slow", "slowed"),
        ("/stop", "stopping"),
    ]:
        answer = controlled.ask("POST", path, origin=controlled.origin, x_annex_actors="1")
        assert answer.json() == {"done": done}
    assert controlled.actions is not None
    assert controlled.actions.done == ["kill stage-0", "move stage-2", "slow stage-1", "stop"]


def test_what_cannot_be_done_is_said_in_one_line(controlled: Served) -> None:
    answer = controlled.ask("POST", "/actors/nothing/kill", origin=controlled.origin, x_annex_actors="1")
    assert answer.status_code == 409
    assert answer.json() == {"error": "expected an actor of the run"}


# 10. Comparison in constant time.


def test_the_token_is_compared_by_compare_digest_alone() -> None:
    tree = ast.parse(inspect.getsource(guard))
    users = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "_token"]
    assert len(users) == 3  # it is set, compared, and put into the cookie
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare) and "_token" in ast.dump(node)]
    assert compared == []
    [matches] = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "_matches"]
    assert "compare_digest" in ast.dump(matches)


# 11. A slow, stuck or hostile viewer cannot slow a run.


def test_a_viewer_that_never_reads_neither_blocks_the_run_nor_takes_memory(fresh: Served) -> None:
    with closing(fresh.connection()) as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(get(fresh, "/events"))
        stuck.recv(100)
        big = {"type": "event", "event": "PeerExited", "reason": "x" * 10_000}
        for number in range(3_000):  # 30 MB, which the stuck viewer does not take
            fresh.feed.put({**big, "time": float(number)})
        with closing(fresh.connection()) as reading:
            reading.sendall(get(fresh, "/events"))
            assert b"event: controls" in read_until(reading, b"event: begin")


class Broken(Nothing):
    """A run that cannot be looked at."""

    def look(self) -> list[Record]:
        raise OSError("a process that is gone")


def test_a_look_that_fails_is_logged_once_and_the_page_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    feed = Feed()
    with serving(Application(feed, Broken())) as link:
        page = Served(link, feed, None)
        with closing(page.connection()) as viewer:
            viewer.sendall(get(page, "/events"))
            read_until(viewer, b"event: begin")
            for number in range(2):
                feed.put({"type": "event", "event": f"number {number}", "time": 1.0})
                read_until(viewer, f"number {number}".encode())
    assert [record.message for record in caplog.records] == ["a look at the run failed; the page goes on without"]


def test_viewers_and_connections_are_limited(fresh: Served) -> None:
    viewers = [fresh.connection() for _ in range(MOST_VIEWERS)]
    for viewer in viewers:
        viewer.sendall(get(fresh, "/events"))
        assert b"200" in read_until(viewer, b"event: begin").partition(b"\r\n")[0]
    assert fresh.ask("GET", "/events").status_code == 503
    for viewer in viewers:
        viewer.close()
    idle = [fresh.connection() for _ in range(MOST_CONNECTIONS + 5)]
    closed: set[socket.socket] = set()
    while len(closed) < 5:  # a connection that is closed can be read; nothing is sent to the others
        readable, _, _ = select.select([each for each in idle if each not in closed], [], [], TIMEOUT_S)
        assert readable
        closed |= set(readable)
    for each in idle:
        each.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x00" * 100_000,
        b"GET /" + b"a" * 200_000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000,
        b"\x16\x03\x01",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["nothing", "zeros", "a long address", "many headers", "TLS", "HTTP/2"],
)
def test_what_is_no_request_harms_no_other_viewer(fresh: Served, sent: bytes) -> None:
    with closing(fresh.connection()) as hostile:
        with suppress(OSError):  # it was closed before it had sent all
            hostile.sendall(sent)
        assert fresh.ask("GET", "/").status_code == 200


def test_a_viewer_that_goes_makes_room_for_another(fresh: Served) -> None:
    for _ in range(3 * MOST_VIEWERS):
        with closing(fresh.connection()) as viewer:
            viewer.sendall(get(fresh, "/events"))
            read_until(viewer, b"event: begin")
    assert b"event: begin" in eventually_read(fresh)


def test_the_server_ends_with_its_block_though_a_viewer_hangs() -> None:
    before = set(threading.enumerate())
    with served() as fresh:
        stuck = fresh.connection()
        stuck.sendall(get(fresh, "/events"))
        read_until(stuck, b"event: begin")
    with closing(stuck):
        assert read_until(stuck, b"never")[-5:] == b"0\r\n\r\n"  # the end of the stream, in order
    assert set(threading.enumerate()) <= before


def get(page: Served, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nCookie: {page.cookie['cookie']}\r\n\r\n".encode()


def read_until(connection: socket.socket, mark: bytes) -> bytes:
    """Return what is read until a mark is in it, or the connection ends."""
    found = b""
    while mark not in found:
        part = connection.recv(65536)
        if not part:
            break
        found += part
    return found


def eventually_read(page: Served) -> bytes:
    """Return the beginning of the stream, once there is room: the server hears of viewers that go in its own time."""
    while True:
        with closing(page.connection()) as viewer:
            viewer.sendall(get(page, "/events").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            found = read_until(viewer, b"event: begin")
            if b"503" not in found.partition(b"\r\n")[0]:
                return found


def status_of(page: Served, head: bytes) -> bytes:
    """Return the status of the answer to a raw request."""
    with closing(page.connection()) as connection:
        connection.sendall(head + b"\r\n")
        return connection.recv(4096).split(b" ", 2)[1]
