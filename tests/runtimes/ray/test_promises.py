"""Ray keeps the promises of every runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from annex_actors.runtimes import Runtime
from annex_actors.testing.left_behind import nothing_left_behind
from annex_actors.testing.runtimes import RUNTIME_CHECKS
from tests.rays import shared_ray


@pytest.fixture
def host() -> Iterator[Runtime]:
    """Check after every test that no thread and no actor is left, and that BLAS has as many threads as before."""
    runtime = shared_ray()
    with nothing_left_behind():
        yield runtime


@pytest.mark.parametrize("check", RUNTIME_CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_its_promises(host: Runtime, check: Callable[[Runtime], None]) -> None:
    check(host)
