"""A run that goes on, as it is seen from outside: what a look at it costs is paid by the looking thread alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from annex_actors.control.branches import Branch, branches
from annex_actors.control.journal import Journal
from annex_actors.control.samples import Answer, Probes, Sample, sample
from annex_actors.control.status import ActorKind, ActorState, ActorStatus, RunState, Status, wall_time
from annex_actors.peers.stage import StageSpec
from annex_actors.peers.trainer import TrainerSpec
from annex_actors.protocol.messages import Address
from annex_actors.runtimes import Job, PeerSpec, Program, clock
from annex_actors.runtimes.hosting.heartbeat import START
from annex_actors.runtimes.hosting.tree import INPUTS, LAYERS, OBSERVERS, ROOT
from supervisors import ChildState

PATIENCE_S = 0.1
"""Seconds that a look waits for the answers of processes; where one is missing, its mailbox is not known."""


@dataclass(eq=False)
class View:
    """A run that goes on; may be looked at from several threads.

    Args:
        run: the run's folder, as text.
        runtime: the name of its runtime.
        job: the run.
        program: what it carries out.
        journal: has observed it from the beginning.
        stopping: whether it was asked to end early.
    """

    run: str
    runtime: str
    job: Job
    program: Program
    journal: Journal
    stopping: bool = False

    @property
    def state(self) -> RunState:
        """How far the run is."""
        return "stopping" if self.stopping else "running"


class Viewer:
    """Looks at a run again and again; rates are those since its last look.

    Args:
        view: of the run.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._before: dict[Address, Sample] = {}
        self._branches: dict[str, Branch] = {}

    def look(self) -> Status:
        """Return the run as it is now."""
        view, counts = self._view, self._view.journal.counts
        trainer, first = _specs(view.program)
        return Status(
            run=view.run,
            pid=os.getpid(),
            state=view.state,
            time=clock.now(),
            wall_time=wall_time(),
            seconds=view.job.seconds,
            runtime=view.runtime,
            schedule=first.discipline.name,
            microbatches=trainer.microbatches,
            epoch=counts.finished,
            epochs=trainer.epochs,
            step=max(counts.steps, first.step),
            steps=trainer.epochs * trainer.batches.steps_per_epoch,
            samples_per_second=counts.samples_per_second,
            train_cost=counts.cost,
            metrics=counts.epochs[-1].metrics if counts.epochs else {},
            restarts=view.job.restarts,
            actors=tuple(self._actors()),
        )

    def _actors(self) -> Iterator[ActorStatus]:
        program = self._view.program
        self._branches = branches(self._view.job, self._branches)
        probes = Probes(self._view.job, program.peers)
        probes.wait(PATIENCE_S)
        yield self._supervisor(ROOT, None)
        yield from self._observers()
        yield self._supervisor(LAYERS, ROOT)
        for spec in program.stages:
            yield self._peer(spec, "layer", LAYERS, probes.answers.get(spec.address))
        if program.reader is not None:
            yield self._supervisor(INPUTS, ROOT)
            yield self._peer(program.reader, "reader", INPUTS, probes.answers.get(program.reader.address))
        yield self._peer(program.driver, "trainer", ROOT, probes.answers.get(program.driver.address))

    def _supervisor(self, id: str, parent: str | None) -> ActorStatus:
        branch = self._branches.get(id, Branch())
        return ActorStatus(
            id=id,
            parent=parent,
            kind="supervisor",
            label=branch.kind or id,
            state=branch.state,
            incarnation=1,
            restarts_used=branch.used,
            restarts_left=branch.left,
            uptime=self._view.job.seconds,
        )

    def _observers(self) -> Iterator[ActorStatus]:
        yield self._supervisor(OBSERVERS, ROOT)
        running = self._branches.get(OBSERVERS, Branch()).children
        for index, observer in enumerate(self._view.program.observers):
            id = f"observer-{index}"
            is_up = running.get(id) is ChildState.RUNNING or not running
            state: ActorState = "waiting" if is_up else "failed"
            label = type(observer).__name__.lstrip("_")
            yield ActorStatus(id=id, parent=OBSERVERS, kind="observer", label=label, state=state, incarnation=1)

    def _peer(self, spec: PeerSpec, kind: ActorKind, parent: str, answer: Answer | None) -> ActorStatus:
        view, address = self._view, spec.address
        now, started = sample(view.job, address), view.journal.started.get(address)
        handled, busy = self._rates(address, now)
        incarnation = 0 if started is None else started.incarnation
        return ActorStatus(
            id=str(address),
            parent=parent,
            kind=kind,
            label=spec.label,
            state=_state(now, incarnation, is_hung=view.journal.hung.get(address) == incarnation),
            incarnation=incarnation,
            restarts_used=max(0, incarnation - 1),
            restarts_left=self._branches.get(parent, Branch()).left,
            mailbox=None if answer is None else answer.probed.waiting,
            handled=now.handled_before + now.handled,
            handled_per_second=handled,
            busy=busy,
            work=None if now.began is None else now.place,
            work_seconds=None if now.began is None else now.work_s,
            memory_bytes=now.memory_bytes,
            pid=now.pid,
            node=now.node or ("" if started is None or now.is_up else started.node),
            uptime=max(0.0, now.time - started.time) if started and now.is_up else 0.0,
            exits=view.journal.exits(address),
        )

    def _rates(self, address: Address, now: Sample) -> tuple[float, float]:
        """Return messages per second, and the fraction of the time that it worked, since the last look."""
        before = self._before.get(address)
        self._before[address] = now
        if before is None or before.incarnations != now.incarnations:
            started = self._view.journal.started.get(address)
            before = Sample(time=started.time if started else now.time)
        seconds = now.time - before.time
        if seconds <= 0:
            return 0.0, 0.0
        return (now.handled - before.handled) / seconds, min(1.0, max(0.0, (now.busy_s - before.busy_s) / seconds))


def _state(now: Sample, incarnation: int, *, is_hung: bool) -> ActorState:
    if not now.incarnations:  # the host has no heartbeats, or the peer has not been started yet
        return "working" if incarnation else "starting"
    if not now.is_up:
        return "restarting" if incarnation else "starting"
    if is_hung:
        return "hung"
    if now.began is None:
        return "waiting"
    return "starting" if now.place == START else "working"


def _specs(program: Program) -> tuple[TrainerSpec, StageSpec]:
    """Return the trainer and the first stage of a training's program."""
    driver, first = program.driver, program.stages[0]
    assert isinstance(driver, TrainerSpec)
    assert isinstance(first, StageSpec)
    return driver, first
