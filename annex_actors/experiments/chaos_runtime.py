"""A runtime that injects faults into the peers of another one while they work, at random times from a seed.

The faults are real: processes are killed and stopped by signals of the operating system, threads by exceptions raised
in them. They must not change a single bit of the result.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from random import Random
from threading import Event as Flag
from threading import Lock, Thread

from annex_actors.base.errors import ConfigError
from annex_actors.peers.stage import StageSpec
from annex_actors.protocol.events import Event, PeerExited, PeerStarted
from annex_actors.protocol.messages import WHOLE_STEP, Address, Committed, Envelope, Message
from annex_actors.runtimes.faults.injected import InjectedFaults, LayerFault
from annex_actors.runtimes.hosting.job import HostedJob
from annex_actors.runtimes.hosting.peer_ref import PeerRef
from annex_actors.runtimes.program import Job, Program, Runtime

FLOOD = 5000
"""The number of stale messages that fill a mailbox."""


class FaultKind(Enum):
    """The kinds of faults; what each does is in `annex-actors chaos --help`."""

    EXCEPTION = "exception"
    KILL = "kill"
    STOP = "stop"
    SLOW = "slow"
    FLOOD = "flood"
    PAIR = "pair"
    STORE = "store"
    TRAINER = "trainer"


NOT_FATAL = frozenset({FaultKind.SLOW, FaultKind.FLOOD})
"""The kinds of which no peer dies."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault injected into one peer.

    Args:
        kind: of the fault.
        address: of the peer.
        at: when, in monotonic seconds.
    """

    kind: FaultKind
    address: Address
    at: float


@dataclass(slots=True)
class FaultLog:
    """The faults of a run, and their consequences.

    Args:
        faults: in the order of their injection.
        recoveries: for each kind, the seconds from a fault until the peer's next incarnation was up. For a peer that
            hangs this includes the time until the hang is detected.
        worked: for each peer, the pieces of work of all its incarnations.
        most_kept_bytes: the most that each peer kept for its neighbours.
        died: the peers that died at least once.
    """

    faults: list[Fault] = field(default_factory=list)
    recoveries: dict[FaultKind, list[float]] = field(default_factory=dict)
    worked: dict[Address, int] = field(default_factory=dict)
    most_kept_bytes: dict[Address, int] = field(default_factory=dict)
    died: set[Address] = field(default_factory=set)


class _RecoveryTimer:
    """An observer that measures how long peers take to recover from faults."""

    def __init__(self, log: FaultLog) -> None:
        self._log = log
        self._lock = Lock()
        self._recovering: dict[Address, Fault] = {}
        self._ended: dict[Address, float] = {}

    def register(self, fault: Fault) -> bool:
        """Register a fault before injecting it; return False while its target is still recovering from the last one."""
        with self._lock:
            if fault.address in self._recovering:
                return False
            self._log.faults.append(fault)
            if fault.kind not in NOT_FATAL:
                self._recovering[fault.address] = fault
            return True

    def on_event(self, event: Event) -> None:
        """Record when a peer ends, and how long it took when its next incarnation is up."""
        now = time.monotonic()
        with self._lock:
            match event:
                case PeerExited(address=address, orderly=False):
                    self._log.died.add(address)
                    self._ended[address] = now
                case PeerStarted(address=address) if address in self._ended:
                    ended, fault = self._ended.pop(address), self._recovering.pop(address, None)
                    if fault is not None:
                        # A fault within a layer happens only when the layer next works.
                        since = ended if fault.kind in (FaultKind.EXCEPTION, FaultKind.STORE) else fault.at
                        self._log.recoveries.setdefault(fault.kind, []).append(now - since)


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
    """

    inner: Runtime
    seed: int
    faults: int
    pause_s: float = 0.1
    kinds: Sequence[FaultKind] = tuple(FaultKind)
    log: FaultLog = field(default_factory=FaultLog)

    @property
    def name(self) -> str:
        """The name of the inner runtime."""
        return self.inner.name

    def start(self, program: Program) -> Job:
        """Start the program, and the thread that injects faults.

        Raises:
            ConfigError: faults cannot be injected into the peers of the inner runtime.
        """
        injected, timer = InjectedFaults(), _RecoveryTimer(self.log)
        job = self.inner.start(replace(program, faults=injected, observers=(*program.observers, timer)))
        if not isinstance(job, HostedJob):
            job.close()
            raise ConfigError(
                f"expected a runtime into which faults can be injected, got {self.name}; choose threads or processes"
            )
        return ChaosJob(self, program, job, injected, timer)


class ChaosJob:
    """A job into whose peers faults are injected."""

    def __init__(
        self, chaos: ChaosRuntime, program: Program, job: HostedJob, injected: InjectedFaults, timer: _RecoveryTimer
    ) -> None:
        self._chaos = chaos
        self._program = program
        self._job = job
        self._injected = injected
        self._timer = timer
        self._random = Random(chaos.seed)
        self._stages = {spec.address: spec for spec in program.stages}
        self._closing = Flag()
        self._thread = Thread(target=self._run, name="chaos", daemon=True)
        self._thread.start()

    @property
    def restarts(self) -> int:
        """How often any peer was restarted."""
        return self._job.restarts

    def wait(self) -> None:
        """Return when the driver has finished."""
        self._job.wait()

    def halt(self) -> None:
        """Ask the driver to feed no more."""
        self._job.halt()

    def ask(self, question: Message) -> Message:
        """Ask the driver, and return its answer."""
        return self._job.ask(question)

    def emit(self, event: Event) -> None:
        """Show the observers an event."""
        self._job.emit(event)

    def close(self) -> None:
        """Stop injecting faults, release stuck layers, then close the job."""
        self._closing.set()
        self._thread.join()
        self._injected.end()
        self._job.close()
        log = self._chaos.log
        for address in [*self._stages, self._program.driver.address]:
            heartbeats = self._job.heartbeats(address)
            log.worked[address] = sum(each.worked for each in heartbeats)
            log.most_kept_bytes[address] = max((each.most_kept_bytes for each in heartbeats), default=0)

    def _run(self) -> None:
        left = self._chaos.faults
        while left > 0 and not self._closing.wait(self._random.uniform(0, 2 * self._chaos.pause_s)):
            left -= self._inject(self._random.choice(self._chaos.kinds))

    def _inject(self, kind: FaultKind) -> int:
        """Inject a fault into a random stage, two neighbours or the trainer; return the number of peers affected."""
        stages = list(self._stages)
        at = self._random.randrange(len(stages))
        if kind is FaultKind.TRAINER:
            return self._inject_into(kind, [self._program.driver.address])
        if kind is FaultKind.PAIR:
            return self._inject_into(kind, stages[at : at + 2] if at + 1 < len(stages) else stages[-2:])
        return self._inject_into(kind, [stages[at]])

    def _inject_into(self, kind: FaultKind, addresses: Iterable[Address]) -> int:
        count = 0
        for address in addresses:
            peer = self._job.peer(address)
            if peer is None or not self._timer.register(Fault(kind, address, time.monotonic())):
                continue
            count += 1
            self._carry_out(kind, address, peer)
        return count

    def _carry_out(self, kind: FaultKind, address: Address, peer: PeerRef) -> None:
        match kind:
            case FaultKind.KILL | FaultKind.PAIR | FaultKind.TRAINER:
                peer.kill()
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
        """Return the first layer of a stage, which works on every message."""
        spec = self._stages[address]
        assert isinstance(spec, StageSpec)
        return spec.first_layer
