"""Ray keeps the promises of every runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from annex_actors.runtimes import Runtime
from annex_actors.testing.left_behind import nothing_left_behind
from annex_actors.testing.runtimes import RUNTIME_CHECKS
from tests.rays import shared_ray

ALWAYS = {
    "trains_to_the_bits_of_the_oracle",
    "sends_only_to_the_new_incarnation",
    "notices_that_a_message_is_lost",
    "lets_an_interrupt_through",
}
"""The checks that run by default, of each kind one: every run of one starts a process for each layer.

That a layer restarts to the same bits is in `test_kills`, and that one that cannot be made to work is named in
`test_poison`.
"""

CHECKS = [
    pytest.param(check, id=check.__name__, marks=() if check.__name__ in ALWAYS else pytest.mark.whole)
    for check in RUNTIME_CHECKS
]


@pytest.fixture
def host() -> Iterator[Runtime]:
    """Check after every test that no thread and no actor is left, and that BLAS has as many threads as before."""
    runtime = shared_ray()
    with nothing_left_behind():
        yield runtime


@pytest.mark.parametrize("check", CHECKS)
def test_it_keeps_its_promises(host: Runtime, check: Callable[[Runtime], None]) -> None:
    check(host)
