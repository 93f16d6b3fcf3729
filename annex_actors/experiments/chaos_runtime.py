"""A runtime that injects faults into the peers of another one while they work, at random times from a seed.

The faults are real: processes are killed and stopped by signals of the operating system, threads by exceptions raised
in them. They must not change a single bit of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from threading import Event as Flag
from threading import Thread
from typing import Protocol

from annex_actors.base.errors import ConfigError
from annex_actors.experiments.fault_log import ON_ONE_MACHINE, Fault, FaultKind, FaultLog, FaultWatch
from annex_actors.peers.stage import StageSpec
from annex_actors.protocol.events import Event
from annex_actors.protocol.messages import WHOLE_STEP, Address, Committed, Envelope, Message
from annex_actors.runtimes import clock
from annex_actors.runtimes.faults.injected import InjectedFaults, LayerFault
from annex_actors.runtimes.hosting.failures import chained, one_line
from annex_actors.runtimes.hosting.job import HostedJob
from annex_actors.runtimes.hosting.peer_ref import PeerRef
from annex_actors.runtimes.program import Job, PeerSpec, Program, RunFailedError, Runtime


class Nodes(Protocol):
    """The nodes of a cluster."""

    @property
    def killable(self) -> Collection[str]:
        """The names of those that may be killed."""

    def kill(self, name: str) -> None:
        """Kill a node, and add another one in its place; wait until that is up."""


FLOOD = 5000
"""The number of stale messages that fill a mailbox."""


@dataclass(frozen=True, eq=False)
class ChaosRuntime:
    """Runs a program on another runtime, and injects faults into it.

    Args:
        inner: any runtime except the inline one.
        seed: of the faults: their kinds, peers and times.
        faults: how many at most.
        pause_s: mean seconds between two faults.
        kinds: the kinds to choose from; by default all.
        log: filled by the run.
        on_fault: called after each injection with how many there were, in the thread that injects.
        nodes: of which some are killed, where that is among the kinds.
    """

    inner: Runtime
    seed: int
    faults: int
    pause_s: float = 0.1
    kinds: Sequence[FaultKind] = ON_ONE_MACHINE
    log: FaultLog = field(default_factory=FaultLog)
    on_fault: Callable[[int], None] = lambda count: None
    nodes: Nodes | None = None

    @property
    def name(self) -> str:
        """The name of the inner runtime."""
        return self.inner.name

    def start(self, program: Program) -> Job:
        """Start the program, and the thread that injects faults.

        Raises:
            ConfigError: faults cannot be injected into the peers of the inner runtime.
        """
        injected = InjectedFaults()
        stages = {_first_layer(spec): spec.address for spec in reversed(program.stages)}  # the first of replicas
        watch = FaultWatch(self.log, injected.strikes, stages)
        job = self.inner.start(replace(program, faults=injected, observers=(*program.observers, watch)))
        if not isinstance(job, HostedJob):
            job.close()
            raise ConfigError(
                f"expected a runtime into which faults can be injected, got {self.name}; choose threads or processes"
            )
        return ChaosJob(self, program, job, injected, watch)


class ChaosJob:
    """A job into whose peers faults are injected."""

    def __init__(
        self, chaos: ChaosRuntime, program: Program, job: HostedJob, injected: InjectedFaults, watch: FaultWatch
    ) -> None:
        self._chaos = chaos
        self._program = program
        self._job = job
        self._injected = injected
        self._watch = watch
        self._began = clock.now()
        self._random = Random(chaos.seed)
        self._stages = {spec.address: spec for spec in program.stages}
        self._closing = Flag()
        self._thread = Thread(target=self._run, name="chaos", daemon=True)
        self._thread.start()

    @property
    def restarts(self) -> int:
        """How often any peer was restarted."""
        return self._job.restarts

    @property
    def seconds(self) -> float:
        """See `Job.seconds`."""
        return self._job.seconds

    def wait(self) -> None:
        """Return when the driver has finished."""
        self._job.wait()

    def halt(self) -> None:
        """Ask the driver to feed no more."""
        self._job.halt()

    def ask(self, question: Message) -> Message:
        """Ask the driver, and return its answer."""
        return self._job.ask(question)

    def fail(self, error: RunFailedError) -> None:
        """End the run with a failure that its owner has found."""
        self._job.fail(error)

    def emit(self, event: Event) -> None:
        """Show the observers an event."""
        self._job.emit(event)

    def close(self) -> None:
        """Stop injecting faults, release stuck layers, then close the job."""
        self._closing.set()
        self._thread.join()
        self._injected.end()
        self._job.close()
        self._watch.close()
        log = self._chaos.log
        finished_at = self._watch.finished_at
        log.seconds = (clock.now() if finished_at is None else finished_at) - self._began
        for address in [*self._stages, self._program.driver.address]:
            heartbeats = self._job.heartbeats(address)
            log.worked[address] = sum(each.worked for each in heartbeats)
            log.most_kept_bytes[address] = max((each.most_kept_bytes for each in heartbeats), default=0)

    def _run(self) -> None:
        try:
            self._inject_all()
        except Exception as error:  # noqa: BLE001 - a training without the faults that it was to have shows nothing
            self.fail(chained(RunFailedError(f"the faults could not be injected: {one_line(error)}"), error))

    def _inject_all(self) -> None:
        chaos, count = self._chaos, 0
        while count < chaos.faults and not self._closing.wait(self._random.uniform(0, 2 * chaos.pause_s)):
            count += self._inject(self._random.choice(chaos.kinds))
            chaos.on_fault(count)

    def _inject(self, kind: FaultKind) -> int:
        """Inject a fault into a random stage, two neighbours, the trainer or a node; return how many are affected."""
        stages = list(self._stages)
        at = self._random.randrange(len(stages))
        if kind is FaultKind.TRAINER:
            return self._inject_into(kind, [self._program.driver.address])
        if kind is FaultKind.NODE:
            return self._kill_node()
        if kind is FaultKind.PAIR:
            return self._inject_into(kind, stages[at : at + 2] if at + 1 < len(stages) else stages[-2:])
        return self._inject_into(kind, [stages[at]])

    def _inject_into(self, kind: FaultKind, addresses: Iterable[Address]) -> int:
        count = 0
        for address in addresses:
            peer = self._job.peer(address)
            if peer is None or not self._watch.register(Fault(kind, address, clock.now())):
                continue
            count += 1
            self._carry_out(kind, address, peer)
        return count

    def _kill_node(self) -> int:
        """Kill a node on which stages live; return how many."""
        assert self._chaos.nodes is not None
        homes: dict[str, list[Address]] = {}
        for address in self._stages:
            peer = self._job.peer(address)
            if peer is not None and peer.node in self._chaos.nodes.killable:
                homes.setdefault(peer.node, []).append(address)
        if not homes:
            return 0
        name = self._random.choice(sorted(homes))
        count = sum(self._watch.register(Fault(FaultKind.NODE, each, clock.now())) for each in homes[name])
        self._chaos.nodes.kill(name)
        return count

    def _carry_out(self, kind: FaultKind, address: Address, peer: PeerRef) -> None:
        match kind:
            case FaultKind.KILL | FaultKind.PAIR | FaultKind.TRAINER:
                peer.kill()
            case FaultKind.MOVE:
                with suppress(ConfigError):  # the run is over
                    self._job.move(address, self._random.choice(self._job.workers), block=False)
            case FaultKind.FLOOD:
                self._flood(peer)
            case FaultKind.STOP:
                peer.inject(LayerFault.STUCK, self._layer(address))
            case _:
                peer.inject(LayerFault(kind.value), self._layer(address))

    def _flood(self, peer: PeerRef) -> None:
        """Fill a mailbox with messages of a dead incarnation of the trainer."""
        run = self._program.run
        stale = Envelope(self._program.driver.address, 0, 0, Committed(run, 0, WHOLE_STEP, WHOLE_STEP))
        for _ in range(FLOOD):
            peer.tell(stale)

    def _layer(self, address: Address) -> int:
        return _first_layer(self._stages[address])


def _first_layer(spec: PeerSpec) -> int:
    """Return the first layer of a stage, which works on every message."""
    assert isinstance(spec, StageSpec)
    return spec.first_layer
