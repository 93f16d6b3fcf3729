"""What lesson 5 runs: trainings in an order and with kills that chance chooses, with an outbox and without."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType
from typing import Any

from annex_actors.lessons.small_runs import finished, program_of, xor_training
from annex_actors.lessons.steps import Found
from annex_actors.protocol.effects import Effect, Send
from annex_actors.protocol.instrument import Instrument, Peer, WorkItem
from annex_actors.protocol.messages import Address, Envelope, Message, Post
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import InlineRuntime, StandstillError, Supervision
from annex_actors.stores import MemoryStore

STEPS, RUNS, CHECKED = 6, 40, 12
KILLS = 0.02
"""The probability that the actor at work is killed, at each event of a run."""
RESTARTS = 1000


class _WithoutOutbox(MemoryStore):
    """A store that forgets the outbox of each commit."""

    def commit(self, snapshot: Snapshot, incarnation: int) -> None:
        """Keep a commit without its outbox."""
        super().commit(replace(snapshot, outbox=()), incarnation)


class _WrittenOutbox(MemoryStore):
    """A store whose commits have the outbox that a learner's class says."""

    def __init__(self, made: ModuleType, stages: list[Address]) -> None:
        super().__init__(stages)
        self._made = made
        self.outboxes: dict[Address, Any] = {}

    def open(self, address: Address) -> tuple[int, Snapshot | None]:
        """Start a new incarnation, with a new outbox."""
        number, snapshot = super().open(address)
        self.outboxes[address] = self._made.Outbox(() if snapshot is None else snapshot.outbox)
        return number, snapshot

    def commit(self, snapshot: Snapshot, incarnation: int) -> None:
        """Keep a commit with the learner's outbox."""
        posts = tuple(self.outboxes[snapshot.address].below(snapshot.step))
        super().commit(replace(snapshot, outbox=posts), incarnation)


@dataclass(frozen=True)
class _Watching(Instrument):
    """Tells the learner's outboxes what actors send, and what their receivers have committed."""

    outboxes: dict[Address, Any]

    def received(self, peer: Peer, envelope: Envelope) -> None:
        """Each envelope says how far its sender has committed."""
        self.outboxes[peer.address].drop(envelope.sender, envelope.committed)

    def done(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Keep what is sent for the first time, and not what is sent again."""
        if isinstance(item, Message):
            for each in effects:
                if isinstance(each, Send) and each.envelope.message.is_kept:
                    self.outboxes[peer.address].keep(Post(each.to, each.envelope.message))


@dataclass(frozen=True)
class RandomRun:
    """How a training with random kills ended."""

    seed: int
    kills: int
    weights: str
    standstill: str = ""


def carried_out(seed: int, store: MemoryStore | None = None, instrument: Instrument | None = None) -> RandomRun:
    """Train with an order of events and with kills that chance chooses."""
    training = xor_training(STEPS)
    rng, kills = random.Random(seed), list[int]()

    def kill(event: int) -> bool:
        strikes = rng.random() < KILLS
        kills.extend([event] * strikes)
        return strikes

    host = InlineRuntime(choose=lambda channels, peers: rng.randrange(channels + peers), kill=kill)
    program = replace(
        program_of(training, store),
        supervision=Supervision(max_restarts=RESTARTS),
        instruments=() if instrument is None else (instrument,),
    )
    try:
        weights = finished(program, training, host).weights_sha256
    except StandstillError as error:
        return RandomRun(seed, len(kills), "", str(error))
    return RandomRun(seed, len(kills), weights)


def stages() -> list[Address]:
    """Return the addresses of the stages, whose commits make a checkpoint."""
    return [spec.address for spec in program_of(xor_training(STEPS)).stages]


@cache
def without_outbox() -> tuple[RandomRun, ...]:
    """Return many trainings whose commits have no outbox."""
    return tuple(carried_out(seed, _WithoutOutbox(stages())) for seed in range(RUNS))


def undisturbed() -> str:
    """Return the fingerprint of the weights after a training without kills."""
    training = xor_training(STEPS)
    return finished(program_of(training), training).weights_sha256


def runs_with(made: ModuleType) -> Iterator[Found]:
    """Train with the learner's outboxes in the commits, with kills."""
    for seed in range(CHECKED):
        store = _WrittenOutbox(made, stages())
        run = carried_out(seed, store, _Watching(store.outboxes))
        yield Found(f"the weights after step {STEPS - 1} of run {seed}", run.weights[:16] or run.standstill)
