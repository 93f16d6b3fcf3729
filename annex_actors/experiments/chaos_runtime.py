"""A runtime that harms the peers of another one, at random times from a seed, while they work.

What it does is what happens: processes are killed and stopped by signals of the operating system, threads by what kills
threads. What it may not do is change a single bit of what the run comes to.
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
from annex_actors.protocol.messages import WHOLE_STEP, Address, Committed, Envelope
from annex_actors.runtimes.faults.injected import Fault, InjectedFaults
from annex_actors.runtimes.hosting.job import HostedJob
from annex_actors.runtimes.hosting.peer_ref import PeerRef
from annex_actors.runtimes.program import Job, Program, Runtime

FLOOD = 5000
"""Messages of a life long past that fill a mailbox."""


class Kind(Enum):
    """What can befall a run."""

    EXCEPTION = "exception"
    KILL = "kill"
    STOP = "stop"
    SLOW = "slow"
    FLOOD = "flood"
    PAIR = "pair"
    STORE = "store"
    TRAINER = "trainer"


HARMLESS = frozenset({Kind.SLOW, Kind.FLOOD})
"""What nobody dies of."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One thing that befell a peer.

    Args:
        kind: what.
        address: whom.
        at: when, in monotonic seconds.
    """

    kind: Kind
    address: Address
    at: float


@dataclass(slots=True)
class Damage:
    """What a run suffered.

    Args:
        blows: what befell it.
        recoveries: for each kind the seconds from a blow until the peer's next life was up; of a peer that hangs, until
            that was noticed, too.
        worked: for each stage the pieces of work that all its lives did.
        most_kept_bytes: the most that each peer kept for others.
        hurt: the stages that died at least once.
    """

    blows: list[Blow] = field(default_factory=list)
    recoveries: dict[Kind, list[float]] = field(default_factory=dict)
    worked: dict[Address, int] = field(default_factory=dict)
    most_kept_bytes: dict[Address, int] = field(default_factory=dict)
    hurt: set[Address] = field(default_factory=set)


class _Watch:
    """The observer that measures how long it takes until a peer that was struck is up again."""

    def __init__(self, damage: Damage) -> None:
        self._damage = damage
        self._lock = Lock()
        self._struck: dict[Address, Blow] = {}
        self._ended: dict[Address, float] = {}

    def note(self, blow: Blow) -> bool:
        """Hear of a blow before it falls; return whether it may: who was struck and is not up again is left alone."""
        with self._lock:
            if blow.address in self._struck:
                return False
            self._damage.blows.append(blow)
            if blow.kind not in HARMLESS:
                self._struck[blow.address] = blow
            return True

    def on_event(self, event: Event) -> None:
        """Take the time."""
        now = time.monotonic()
        with self._lock:
            match event:
                case PeerExited(address=address, orderly=False):
                    self._damage.hurt.add(address)
                    self._ended[address] = now
                case PeerStarted(address=address) if address in self._ended:
                    ended, blow = self._ended.pop(address), self._struck.pop(address, None)
                    if blow is not None:
                        # A failure within the layer falls when the layer comes to it.
                        since = ended if blow.kind in (Kind.EXCEPTION, Kind.STORE) else blow.at
                        self._damage.recoveries.setdefault(blow.kind, []).append(now - since)


@dataclass(frozen=True, eq=False)
class ChaosRuntime:
    """Runs a program on another runtime, and harms it.

    Args:
        inner: any runtime but the inline one.
        seed: of what befalls whom, and when.
        blows: how many at most.
        pause_s: mean seconds from one to the next.
        kinds: which; by default all.
    """

    inner: Runtime
    seed: int
    blows: int
    pause_s: float = 0.1
    kinds: Sequence[Kind] = tuple(Kind)
    damage: Damage = field(default_factory=Damage)

    @property
    def name(self) -> str:
        """The name of the runtime within."""
        return self.inner.name

    def start(self, program: Program) -> Job:
        """Start the program, and the harm."""
        faults, watch = InjectedFaults(), _Watch(self.damage)
        harmed = replace(program, faults=faults, observers=(*program.observers, watch))
        job = self.inner.start(harmed)
        if not isinstance(job, HostedJob):
            job.close()
            raise ConfigError(f"expected a runtime whose peers can be harmed, got {self.name}; choose another")
        return ChaosJob(self, program, job, faults, watch)


class ChaosJob:
    """A job under blows."""

    def __init__(
        self, chaos: ChaosRuntime, program: Program, job: HostedJob, faults: InjectedFaults, watch: _Watch
    ) -> None:
        self._chaos = chaos
        self._program = program
        self._job = job
        self._faults = faults
        self._watch = watch
        self._random = Random(chaos.seed)
        self._stages = {spec.address: spec for spec in program.stages}
        self._over = Flag()
        self._thread = Thread(target=self._run, name="chaos", daemon=True)
        self._thread.start()

    @property
    def restarts(self) -> int:
        """How often any peer was started anew."""
        return self._job.restarts

    def wait(self) -> None:
        """Return when the driver has finished."""
        self._job.wait()

    def halt(self) -> None:
        """Ask the driver to feed no more."""
        self._job.halt()

    def emit(self, event: Event) -> None:
        """Show the observers an event."""
        self._job.emit(event)

    def close(self) -> None:
        """End the harm, then the job; who is stuck or stopped goes on."""
        self._over.set()
        self._thread.join()
        self._faults.end()
        self._job.close()
        damage = self._chaos.damage
        for address in [*self._stages, self._program.driver.address]:
            beacons = self._job.heartbeats(address)
            damage.worked[address] = sum(beacon.worked for beacon in beacons)
            damage.most_kept_bytes[address] = max((beacon.most_kept_bytes for beacon in beacons), default=0)

    def _run(self) -> None:
        left = self._chaos.blows
        while left > 0 and not self._over.wait(self._random.uniform(0, 2 * self._chaos.pause_s)):
            left -= self._strike(self._random.choice(self._chaos.kinds))

    def _strike(self, kind: Kind) -> int:
        """Strike once; return how many peers were hit."""
        stages = list(self._stages)
        at = self._random.randrange(len(stages))
        if kind is Kind.TRAINER:
            return self._hit(kind, [self._program.driver.address])
        if kind is Kind.PAIR:
            return self._hit(kind, stages[at : at + 2] if at + 1 < len(stages) else stages[-2:])
        return self._hit(kind, [stages[at]])

    def _hit(self, kind: Kind, addresses: Iterable[Address]) -> int:
        hits = 0
        for address in addresses:
            peer = self._job.peer(address)
            if peer is None or not self._watch.note(Blow(kind, address, time.monotonic())):
                continue
            hits += 1
            self._hit_peer(kind, address, peer)
        return hits

    def _hit_peer(self, kind: Kind, address: Address, peer: PeerRef) -> None:
        match kind:
            case Kind.KILL | Kind.PAIR | Kind.TRAINER:
                peer.kill()
            case Kind.FLOOD:
                self._flood(peer)
            case Kind.STOP:
                peer.inject(Fault.STUCK, self._layer(address))
            case _:
                peer.inject(Fault(kind.value), self._layer(address))

    def _flood(self, peer: PeerRef) -> None:
        """Fill a mailbox with what a dead life of its neighbours would have sent."""
        run = self._program.run
        stale = Envelope(self._program.driver.address, 0, 0, Committed(run, 0, WHOLE_STEP, WHOLE_STEP))
        for _ in range(FLOOD):
            peer.tell(stale)

    def _layer(self, address: Address) -> int:
        """Return the first layer of a stage, by which every message comes."""
        spec = self._stages[address]
        assert isinstance(spec, StageSpec)
        return spec.first_layer
