"""A page in one file: what is in it, and that no text of a run ends the element that holds it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from annex_actors.page.assets import SCRIPTS, asset
from annex_actors.page.saved_page import live_page, saved_page
from tests.page.streams import stream


class Scripts(HTMLParser):
    """The text of each script and style of a page, and the addresses that it loads from."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str | None, str]] = []
        self.loaded: list[str | None] = []
        self._type: str | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self._type = attributes.get("type", tag)
        self.loaded += [attributes[name] for name in ("src", "href", "action", "data") if name in attributes]

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is not None:
            self.found.append((self._type, data))

    def of(self, kind: str) -> str:
        return "".join(text for found, text in self.found if found == kind)


@given(st.text())
def test_any_text_comes_back_as_it_was(text: str) -> None:
    record = {"type": "event", "reason": text.encode("utf-8", "replace").decode()}
    page = Scripts(saved_page([record, record]))
    assert json.loads(page.of("application/json")) == [record, record]


def test_what_ends_a_script_is_escaped() -> None:
    for hostile in ("</script>", "<!--", "<script>", "]]>", "</SCRIPT\t>", "\u2028"):
        page = saved_page([{"type": "event", "reason": hostile}])
        assert hostile not in page.partition('id="records">')[2].partition("</script>")[0]


def test_it_loads_nothing_and_its_policy_permits_its_own_parts_alone() -> None:
    page = saved_page(stream(2))
    parts = Scripts(page)
    assert [each for each in parts.loaded if each != "#actors"] == []
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert found is not None
    for kind in ("script", "style"):
        digest = hashlib.sha256(parts.of(kind).encode()).digest()
        assert f"{kind}-src 'sha256-{base64.b64encode(digest).decode()}'" in found[1]
    assert found[1].startswith("default-src 'none';")


def test_a_live_page_has_the_same_frame_and_loads_the_same_scripts() -> None:
    parts = Scripts(live_page())
    assert [each for each in parts.loaded if each != "#actors"] == [
        "/assets/icon.svg",
        "/assets/page.css",
        *(f"/assets/{name}" for name in SCRIPTS),
    ]


def test_every_script_is_short_enough_to_be_read() -> None:
    for name in SCRIPTS:
        text = asset(name)
        assert text is not None
        assert len(text.splitlines()) <= 350
