"""What the owner of a run may do: halt, interrupt, close and resume it."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress

from annex_actors.base.words import counted
from annex_actors.protocol.events import EpochFinished, Event
from annex_actors.protocol.instrument import Point
from annex_actors.runtimes import (
    Crash,
    CrashPlan,
    Job,
    Program,
    RunFailedError,
    Runtime,
)
from annex_actors.stores import MemoryStore
from annex_actors.testing.promises import require
from annex_actors.testing.small_runs import (
    STEPS,
    TIMEOUT_S,
    When,
    after_step,
    at_step,
    carried_out,
    committed,
    finished,
    oracle,
    program,
    require_bits,
    same,
)


def halts_at_one_step_of_all_layers(runtime: Runtime) -> None:
    """A run that is told to halt finishes the steps that were fed; then all layers have committed the same step."""
    for step in (0, 1, 2, 3, STEPS - 1):
        started, jobs = threading.Event(), list[Job]()

        def halt(started: threading.Event = started, jobs: list[Job] = jobs) -> None:
            started.wait()
            jobs[0].halt()

        def record(job: Job, started: threading.Event = started, jobs: list[Job] = jobs) -> None:
            jobs.append(job)
            started.set()

        run = program(observers=[When(at_step(step), halt)])
        finished(runtime, run, record)
        reached = _require_one_step(run)
        require(
            step < reached, f"expected a run that halts after step {step} to finish it, got {counted(reached, 'step')}"
        )


def halts_before_it_is_waited_for(runtime: Runtime) -> None:
    """A run can be told to halt as soon as it is started, though its layers crash, and more than once."""
    plan = [Crash(layer=layer, step=step, at=Point.COMMIT) for layer in (0, 3, 4) for step in (0, 1)]
    for crashes in ([], plan):
        halted = threading.Event()

        def hold(history: tuple[EpochFinished, ...], halted: threading.Event = halted) -> bool:
            halted.wait(TIMEOUT_S)
            return False

        def halt(job: Job, halted: threading.Event = halted) -> None:
            job.halt()
            job.halt()
            halted.set()

        run = program(halt=hold, crashes=CrashPlan(crashes))
        finished(runtime, run, halt)
        reached = _require_one_step(run)
        require(reached < STEPS, f"expected a run to halt before its end, got all its {counted(reached, 'step')}")


def lets_an_interrupt_through(runtime: Runtime) -> None:
    """Ctrl-C interrupts a wait; then the run can be halted and waited for again. Only the main thread gets Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        return
    waiting, taken, pressed = threading.Event(), threading.Event(), list[Event]()

    def once(event: Event) -> bool:
        if pressed or not at_step(0)(event):
            return False
        pressed.append(event)
        return True

    def hold(history: tuple[EpochFinished, ...]) -> bool:
        taken.wait(TIMEOUT_S)
        return False

    def press() -> None:
        waiting.wait(TIMEOUT_S)
        os.kill(os.getpid(), signal.SIGINT)

    run = program(halt=hold, observers=[When(once, press)])
    job = runtime.start(run)
    try:
        try:
            waiting.set()
            job.wait()
        except KeyboardInterrupt:
            job.halt()
            taken.set()
            job.wait()
        require(taken.is_set(), "expected Ctrl-C to get through the wait for a run")
    finally:
        job.close()
    reached = _require_one_step(run)
    require(reached < STEPS, f"expected an interrupted run to halt, got all its {counted(reached, 'step')}")


def can_be_closed_at_any_time(runtime: Runtime) -> None:
    """A job can be closed before it is waited for, and twice; one that is over can be waited for and halted again."""
    job = runtime.start(program())
    job.close()
    job.close()

    def again(job: Job) -> None:
        job.wait()
        job.halt()

    finished(runtime, program(), again)


def ends_with_a_failure_that_its_owner_has_found(runtime: Runtime) -> None:
    """A failure that the owner finds, in any thread, is raised by the wait; of a job that is closed it is ignored."""
    failure, jobs = RunFailedError("the owner has found a failure"), list[Job]()
    started, failed = threading.Event(), threading.Event()

    def fail() -> None:
        started.wait(TIMEOUT_S)
        jobs[0].fail(failure)
        failed.set()

    def hold(history: tuple[EpochFinished, ...]) -> bool:
        failed.wait(TIMEOUT_S)
        return False

    def record(job: Job) -> None:
        jobs.append(job)
        started.set()

    raised: Exception | None = None
    try:
        finished(runtime, program(halt=hold, observers=[When(at_step(0), fail)]), record)
    except RunFailedError as error:
        raised = error
    require(raised is failure, f"expected a run to end with the failure that its owner has found, got {raised!r}")
    job = finished(runtime, program())
    job.fail(failure)
    job.close()


def continues_from_its_store(runtime: Runtime) -> None:
    """A run that was closed in the middle continues from its peers' commits, to the same bits."""
    for step in (0, 2, 3, STEPS - 1):
        store = MemoryStore()
        _close_after(runtime, step, store)
        require_bits(carried_out(runtime, program(store=store)), oracle(), "a run that goes on from its store")


def _close_after(runtime: Runtime, step: int, store: MemoryStore) -> None:
    """Close a run when the cost of a step is known, whatever its peers are doing."""
    reached, waiting, in_waiting = threading.Event(), list[threading.Thread](), list[bool]()

    def stop() -> None:
        if threading.current_thread() in waiting:  # a runtime that works in the waiting thread can only be interrupted
            in_waiting.append(True)
            reached.set()
            raise KeyboardInterrupt
        reached.set()

    def wait() -> None:
        with suppress(KeyboardInterrupt):
            job.wait()

    job = runtime.start(program(store=store, observers=[When(at_step(step), stop)]))
    waiting.append(threading.Thread(target=wait))
    waiting[0].start()
    reached.wait(TIMEOUT_S)
    if in_waiting:
        waiting[0].join()
    job.close()
    waiting[0].join()


def _require_one_step(run: Program) -> int:
    """Require that all stages have committed the same step, with the bits of the oracle, and return it."""
    checkpoint = committed(run)
    latest = [run.store.latest(spec.address) for spec in run.stages]
    steps = [commit.step if commit else 0 for commit in latest]
    require(set(steps) == {checkpoint.step}, f"expected one step that all stages have committed last, got {steps}")
    if checkpoint.step:
        require(same(checkpoint, after_step(checkpoint.step)), f"expected the bits of the oracle at step {steps[0]}")
    return checkpoint.step
