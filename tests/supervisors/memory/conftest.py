"""What has ended is freed by reference counting alone: nothing waits for the garbage collector.

Each test builds something, ends it, and forgets it, with the collector switched off. Then every traced actor,
reference, mailbox and thread must be gone, and the collector must find nothing of ours that refers to itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.leaks import no_collector
from tests.supervisors.memory.traced import BORN, cycles


@pytest.fixture(autouse=True)
def _all_is_freed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Collect only in the end; and log nothing, since a log record holds exceptions."""
    caplog.set_level(logging.CRITICAL + 1, "supervisors")
    BORN.clear()
    with no_collector():
        yield
        assert BORN, "expected a test to trace something"
        assert [name for name, thing in BORN if thing() is not None] == []
        assert cycles() == []
