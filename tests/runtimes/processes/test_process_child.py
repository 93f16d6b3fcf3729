"""A peer in a process is a child like any other, and one that can be killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from annex_actors.protocol.events import Event
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.workers.worker_child import WorkerChild
from annex_actors.runtimes.processes.worker_pool import WorkerPool
from annex_actors.runtimes.processes.worker_process import ProcessDied
from supervisors import Child, Crashed, Reason, Registry, StartContext
from supervisors.testing import CHILD_CHECKS
from supervisors.testing.check_child import Subject
from tests.trainings import Training

TRAINING = Training()
TIMEOUT_S = 30.0


class Alone:
    """The surroundings of a stage whose run has no other peer."""

    def __init__(self) -> None:
        self.registry = Registry()

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        return 1, None

    def has_failed(self) -> bool:
        return False

    def pause(self, seconds: float) -> None:
        pass

    def watch(self, address: Address, heartbeat: Heartbeat, ping: Callable[[], None] | None = None) -> None:
        pass

    def record_start(self, address: Address, incarnation: int, time: float, node: str = "") -> None:
        pass

    def send(self, to: Address, envelope: Envelope) -> None:
        pass

    def emit(self, event: Event) -> None:
        pass


@pytest.fixture
def start() -> Iterator[Callable[[StartContext], WorkerChild]]:
    """Return a function that starts a stage without neighbours."""
    with WorkerPool(TRAINING.program(), spares=0, affinity=False) as pool:
        spec = TRAINING.stage_specs()[1]
        yield lambda context: pool.start(spec, Alone(), context)  # type: ignore[arg-type]


@pytest.mark.parametrize("check", CHILD_CHECKS, ids=lambda check: check.__name__)
def test_a_process_keeps_the_rules_of_a_child(
    check: Callable[[Subject], None], start: Callable[[StartContext], WorkerChild]
) -> None:
    def send(number: int) -> Callable[[Any], None]:
        return lambda child: child.ref.worker.signal(number)

    check(
        Subject(
            start=start,
            crash=send(signal.SIGSEGV),
            hang=send(signal.SIGSTOP),
            unhang=send(signal.SIGCONT),
            timeout=TIMEOUT_S,
        )
    )


@pytest.mark.parametrize(
    ("number", "text", "external"),
    [
        (signal.SIGKILL, "killed by SIGKILL", True),
        (signal.SIGTERM, "killed by SIGTERM", True),
        (signal.SIGSEGV, "killed by SIGSEGV", False),
        (signal.SIGABRT, "killed by SIGABRT", False),
    ],
)
def test_the_signal_becomes_the_reason(
    number: int, text: str, external: bool, start: Callable[[StartContext], WorkerChild]
) -> None:
    child = start(StartContext(id="stage-1"))
    reasons = SimpleQueue[Reason]()
    child.watch(reasons.put)
    assert child.ref.pid is not None
    os.kill(child.ref.pid, number)
    child.join()
    assert isinstance(child, Child)
    reason = reasons.get(timeout=TIMEOUT_S)
    assert isinstance(reason, Crashed)
    error = reason.exception
    assert isinstance(error, ProcessDied)
    assert str(error).startswith(text)
    assert error.place in (None, "start"), "the start may not have ended when the supervisor learns that it is up"
    assert error.external == external
