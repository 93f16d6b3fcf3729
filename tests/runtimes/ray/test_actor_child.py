"""A peer in a Ray actor is a child like any other, and one that can be killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from annex_actors.runtimes.hosting.workers.worker_child import WorkerChild
from supervisors import StartContext
from supervisors.testing import CHILD_CHECKS
from supervisors.testing.check_child import Subject
from tests.rays import shared_ray
from tests.runtimes.processes.test_process_child import TRAINING, Alone

TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[[StartContext], WorkerChild]]:
    """Return a function that starts a stage without neighbours."""
    shared_ray()
    from annex_actors.runtimes.ray.pool import RayPool

    with RayPool(TRAINING.program(), None, copies=1, commit_every=1, spares=1) as pool:
        spec = TRAINING.stage_specs()[1]
        yield lambda context: pool.start(spec, Alone(), context)  # type: ignore[arg-type]


def send(number: int) -> Callable[[Any], None]:
    return lambda child: os.kill(child.ref.pid, number)


@pytest.mark.parametrize("check", CHILD_CHECKS, ids=lambda check: check.__name__)
def test_an_actor_keeps_the_rules_of_a_child(
    check: Callable[[Subject], None], start: Callable[[StartContext], WorkerChild]
) -> None:
    def go_on(child: WorkerChild) -> None:
        if child.ref.pid is not None and not child.ref.worker.gone:
            os.kill(child.ref.pid, signal.SIGCONT)

    check(
        Subject(
            start=start,
            crash=send(signal.SIGSEGV),
            hang=send(signal.SIGSTOP),
            unhang=go_on,  # type: ignore[arg-type]
            timeout=TIMEOUT_S,
        )
    )
