"""A real browser for the tests of pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

TIMEOUT_MS = 60_000


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a browser; skip where there is none, or nothing that drives it."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("expected chromium, got none; apt-get install chromium")
    with playwright.sync_playwright() as player:
        found = player.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@contextmanager
def opened(browser: Any, width: int = 1280, height: int = 900, scheme: str = "light") -> Iterator[Any]:
    """Yield a page of a browser; at the end it has had no error, and its policy was not violated."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    try:
        yield page
        assert errors == []
    finally:
        context.close()
