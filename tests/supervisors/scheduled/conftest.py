"""Schedulers with one thread and with two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from supervisors import (
    Scheduler,
)


@pytest.fixture
def one() -> Iterator[Scheduler]:
    """A scheduler with one thread."""
    with Scheduler(1, blocked_after_s=30) as scheduler:
        yield scheduler


@pytest.fixture
def two() -> Iterator[Scheduler]:
    """A scheduler with two threads that is quick to see that one blocks."""
    with Scheduler(2, blocked_after_s=0.02) as scheduler:
        yield scheduler
