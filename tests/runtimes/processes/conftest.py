"""What must hold after every test of processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.leaks import nothing_left


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Check that no process, no thread, no open file and no file in shared memory outlives a run."""
    with nothing_left():
        yield
