"""The page of a walk shows what the stages hold, forwards, backwards and saved; only its link opens it."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from annex_actors.page.walk_page import save_walk
from annex_actors.stepping.saved import fingerprint, read_walk
from annex_actors.stepping.stepper import Stepper
from annex_actors.stepping.walk import Walk
from tests.page.browsers import chromium, opened
from tests.trainings import Training, undisturbed

SMALL = Training(epochs=1, size=4, batch_size=2)


@contextmanager
def walked() -> Iterator[tuple[Stepper, str]]:
    """Yield a walk that is served, and the link of its page."""
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    from annex_actors.page.walk_application import walking

    stepper, links = Stepper(Walk(SMALL.prepared), {"training": {}}), list[str]()
    with walking(stepper, links.append):
        yield stepper, links[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def at(page: Any, number: int) -> None:
    """Wait until the page shows the point after so many moves."""
    page.locator("#moment", has_text=re.compile(rf"^move {number}( of \d+)?$")).wait_for()


def check(page: Any, walk: Walk) -> None:
    """Check that each card shows what its peer holds."""
    at(page, walk.number)
    for peer in walk.point().peers:
        node, card = walk.node(peer.address), page.locator(f"article[data-peer={peer.address}]")
        facts = {name: card.locator(f"dd[data-fact='{name}']").text_content() for name in ("incarnation", "committed")}
        assert facts == {"incarnation": str(node.incarnation), "committed": str(node.committed)}
        mails = card.locator(".mailbox li").all()
        assert len(mails) == node.waiting
        for shown, waiting in zip(mails, peer.mailbox, strict=True):
            assert shown.get_attribute("data-verdict") == waiting.verdict
            content = shown.text_content()
            assert waiting.why in content
            assert all(f"#{array.hash}" in content for array in waiting.letter.arrays)
        kept = card.locator(".kept").text_content() if card.locator(".kept").count() else ""
        hashes = [
            array.hash
            for group in (peer.versions, peer.saved, [each.letter for each in peer.outbox])
            for each in group
            for array in each.arrays
        ]
        assert re.findall("#([0-9a-f]{8})", kept) == hashes
        coming = [each for each in walk.point().channels if each.to == peer.address]
        assert card.locator(".coming li").count() == sum(len(each.letters) for each in coming)


def test_a_walk_goes_through_a_microbatch_a_crash_and_a_recovery_forwards_and_backwards(browser: Any) -> None:
    with walked() as (stepper, link), opened(browser) as page:
        page.goto(link)
        assert "token" not in page.url
        at(page, 0)
        page.locator("#forward").click()
        at(page, 1)
        check(page, stepper.walk)
        page.locator("#layer").select_option("1")
        page.locator("#kind").select_option("backward")
        page.locator("#find").click()
        page.locator("#done", has_text="backward step 0 microbatch 0").wait_for()
        check(page, stepper.walk)
        before, number = fingerprint(stepper.walk.point()), stepper.walk.number
        page.locator("article[data-peer=stage-1] button.danger").click()
        page.locator("#done .event", has_text="layer 1 relu is up, incarnation 2").wait_for()
        check(page, stepper.walk)
        page.locator("#kind").select_option("forward")
        page.locator("#find").click()
        page.locator("#done", has_text="work stage-1: ").wait_for()
        check(page, stepper.walk)
        recovered = stepper.walk.number
        for back in range(recovered - 1, number - 1, -1):
            page.locator("#back").click()
            at(page, back)
        check(page, stepper.walk)
        assert fingerprint(stepper.walk.point()) == before
        assert page.locator("#moment").text_content() == f"move {number} of {recovered}"
        page.locator("#forward").click()
        at(page, number + 1)
        assert stepper.walk.point().peer("stage-1").incarnation == 2
        page.locator("#chance").click()
        at(page, number + 2)
        page.locator("#moves button").nth(0).click()
        at(page, number + 3)
        check(page, stepper.walk)
        page.locator("#end").click()
        page.locator("#state", has_text="finished").wait_for()
        assert undisturbed(SMALL).fingerprints[0] in page.locator("#headline").text_content()
        check(page, stepper.walk)


def test_words_schedules_and_what_is_not_possible(browser: Any) -> None:
    with walked() as (stepper, link), opened(browser) as page:
        page.goto(link)
        at(page, 0)
        page.locator("#text").fill("f7 hop")
        page.locator("#words button").click()
        page.locator("#said", has_text="expected a word such as").wait_for()
        check(page, stepper.walk)
        assert stepper.walk.number == 7
        page.locator("#schedule").select_option("gpipe")
        page.locator("#again").click()
        page.locator("#headline", has_text="gpipe, 2 microbatches").wait_for()
        at(page, 0)
        page.locator("#text").fill("kind:forward,layer:4")
        page.locator("#words button").click()
        page.locator("li[data-verdict=held]", has_text="gpipe keeps its gate shut").wait_for()
        check(page, stepper.walk)
        with page.expect_download() as download:
            page.locator("a[href='/walk.json']").click()
        before = read_walk(Path(download.value.path()))
        assert before.settings == {"training": {"schedule": "gpipe"}}
        assert before.seen == fingerprint(stepper.walk.point())


def test_a_saved_walk_opens_without_any_request_and_goes_back_and_forth(browser: Any, tmp_path: Path) -> None:
    walk, asked = Walk(SMALL.prepared), list[str]()
    walk.forward(9)
    walk.crash(1)
    walk.forward(4)
    save_walk(Stepper(walk, {}), tmp_path / "walk.html")
    with opened(browser) as page:
        page.context.set_offline(True)
        page.on("request", lambda request: asked.append(request.url))
        page.goto((tmp_path / "walk.html").as_uri())
        check(page, walk)
        assert page.locator("button.danger").count() == 0
        page.locator("#begin").click()
        again = Walk(SMALL.prepared, walk.moves)
        for _ in range(walk.number):
            check(page, again)
            page.locator("#forward").click()
            again.forward()
        check(page, again)
        page.locator("#back").click()
        again.back()
        check(page, again)
    assert asked == [(tmp_path / "walk.html").as_uri()]


@pytest.mark.parametrize("width", [360, 1600])
def test_nothing_is_wider_than_the_page(browser: Any, width: int) -> None:
    with walked() as (_, link), opened(browser, width) as page:
        page.goto(link)
        page.locator("#text").fill("kind:backward crash:1 f9")
        page.locator("#words button").click()
        page.locator("#moment", has_text=re.compile(r"^move \d\d")).wait_for()
        for summary in page.locator("summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        wide = """() => [...document.querySelectorAll("body *")]
            .filter((each) => !each.closest(".scroll, .skip, pre"))
            .filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5)
            .map((each) => each.outerHTML.slice(0, 99))"""
        assert page.evaluate(wide) == []


def asked(link: str, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """Send a request to the server of a link, and return the status and the content of its answer."""
    connection = http.client.HTTPConnection(urlsplit(link).netloc, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def cookie_of(link: str) -> str:
    """Return the cookie that the link is exchanged for."""
    place = urlsplit(link)
    connection = http.client.HTTPConnection(place.netloc, timeout=60)
    try:
        connection.request("GET", f"/?{place.query}")
        return str(connection.getresponse().getheader("set-cookie")).partition(";")[0]
    finally:
        connection.close()


def test_a_move_needs_the_token_the_origin_and_the_header() -> None:
    with walked() as (stepper, link):
        cookie, origin = cookie_of(link), f"http://{urlsplit(link).netloc}"
        whole = {"cookie": cookie, "origin": origin, "x_annex_actors": "1"}
        for left_out in whole:
            kept = {name: value for name, value in whole.items() if name != left_out}
            assert asked(link, "POST", "/words", b"f", **kept)[0] == 403, left_out
        for path in ("/", "/walk.json", "/walk.html", "/assets/step.js"):
            assert asked(link, "GET", path)[0] == 403
        assert asked(link, "GET", "/words", cookie=cookie)[0] == 405
        assert stepper.walk.number == 0
        status, content = asked(link, "POST", "/words", b"f3 \xff", **whole)
        assert status == 200
        answer = json.loads(content)
        assert answer["point"]["number"] == 3
        assert "expected a word such as" in answer["note"]
        assert asked(link, "POST", "/words", b"f " * 10_000, **whole)[0] == 413
        assert asked(link, "GET", "/assets/../step.py", cookie=cookie)[0] == 404
        assert stepper.walk.number == 3
        assert asked(link, "GET", "/walk.html", cookie=cookie)[0] == 200
