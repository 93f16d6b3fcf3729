"""Each runtime here breaks one promise; the checker refuses it, and its message names the promise."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from annex_actors.peers.stage import StageSpec
from annex_actors.protocol.events import Event, StepFinished
from annex_actors.protocol.messages import Address, Envelope
from annex_actors.runtimes import InlineRuntime, Job, Program, RunFailedError, Runtime, ThreadsRuntime
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.program import PeerSpec
from annex_actors.runtimes.threads import PeerActor, ThreadHost
from annex_actors.testing import check_runtime, small_runs
from annex_actors.testing.runtime_faults import sends_only_to_the_new_incarnation
from annex_actors.testing.runtimes import RUNTIME_CHECKS
from supervisors import ChildSpec, Ref


def test_the_oracle_passes() -> None:
    check_runtime(InlineRuntime())


@dataclass(frozen=True)
class Broken:
    """The threads runtime, given another program, or giving another job."""

    program: Callable[[Program], Program] = lambda program: program
    job: Callable[[Job], Job] = lambda job: job
    name: str = "broken"

    def start(self, program: Program) -> Job:
        return self.job(ThreadsRuntime().start(self.program(program)))


def other_seed(program: Program) -> Program:
    stages = [replace(each, seed=each.seed + 1) for each in program.stages if isinstance(each, StageSpec)]
    return replace(program, stages=tuple(stages))


@dataclass(frozen=True)
class Inattentive:
    """An observer that misses a step."""

    inner: Any

    def on_event(self, event: Event) -> None:
        if not isinstance(event, StepFinished) or event.step != 2:
            self.inner.on_event(event)


def inattentive(program: Program) -> Program:
    return replace(program, observers=tuple(Inattentive(each) for each in program.observers))


def one_attempt(program: Program) -> Program:
    return replace(program, supervision=replace(program.supervision, max_attempts=1))


class IgnoresHalt:
    """A job that ignores `halt`."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __getattr__(self, name: str) -> Any:
        return getattr(self._job, name)

    def halt(self) -> None:
        pass


class IgnoresFailures(IgnoresHalt):
    """A job that ignores `fail`."""

    def halt(self) -> None:
        self._job.halt()

    def fail(self, error: RunFailedError) -> None:
        pass


class LeavesThread(IgnoresHalt):
    """A job that leaves a thread behind."""

    def close(self) -> None:
        self._job.close()
        threading.Thread(target=over.wait, name="litter", daemon=True).start()


over = threading.Event()


@pytest.mark.parametrize(
    ("runtime", "message"),
    [
        (Broken(other_seed), "expected a training with 1f1b to have the bits of the oracle"),
        (Broken(inattentive), "expected the costs"),
        (Broken(one_attempt), "Got RunFailedError: layer 1"),
        (Broken(job=IgnoresHalt), "expected a run to halt before its end"),
        (Broken(job=IgnoresFailures), "expected a run to end with the failure that its owner has found, got None"),
        (Broken(job=LeavesThread), r"expected no thread to be left behind, got \['litter'"),
    ],
    ids=["other bits", "a missing event", "no restart", "deaf", "deaf to failures", "a thread that is left"],
)
def test_a_broken_promise_is_named(runtime: Runtime, message: str) -> None:
    over.clear()
    try:
        with pytest.raises(AssertionError, match=message):
            check_runtime(runtime)
    finally:
        over.set()


class Stale:
    """Surroundings that for a while still send to an incarnation that has ended."""

    def __init__(self, inner: RunSurroundings) -> None:
        self._inner = inner
        self._known: dict[Address, Ref[Any]] = {}
        self._lost = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def send(self, to: Address, envelope: Envelope) -> None:
        receiver = self._known.get(to) or self._inner.registry.whereis(to)
        if receiver is None:
            return
        self._known[to] = receiver
        if receiver.exit_reason is not None:
            self._lost += 1
            if self._lost > 20:
                del self._known[to]
        receiver.tell(envelope)


class StaleHost(ThreadHost):
    def child(self, spec: PeerSpec, surroundings: RunSurroundings) -> ChildSpec:
        return ChildSpec.of(PeerActor, spec, Stale(surroundings), id=str(spec.address), name=spec.address)


class StaleRuntime:
    name = "stale"

    def start(self, program: Program) -> Job:
        return SupervisedJob(program, lambda spec: StaleHost())


def test_a_host_that_still_sends_to_an_ended_incarnation_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_runs, "TIMEOUT_S", 3.0)
    with pytest.raises(AssertionError, match="expected messages to a peer to go to its new incarnation"):
        sends_only_to_the_new_incarnation(StaleRuntime())


def test_every_check_says_what_it_checks() -> None:
    assert len(set(RUNTIME_CHECKS)) == len(RUNTIME_CHECKS)
    assert all(check.__doc__ for check in RUNTIME_CHECKS)
