"""What lesson 4 runs: trainings in which layers crash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from types import ModuleType

from annex_actors.base.words import counted
from annex_actors.lessons.small_runs import finished, program_of, sentence, xor_training
from annex_actors.lessons.steps import Found, Seen
from annex_actors.protocol.events import Event, PeerExited, PeerStarted
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, Point
from annex_actors.protocol.messages import Address
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.routing import Routing
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import Crash, InlineRuntime, Program, RunFailedError, Supervision
from annex_actors.runtimes.program import PeerSpec
from annex_actors.stores import MemoryStore
from annex_actors.training.checkpoint import Checkpoint
from supervisors import Strategy

STEPS, LAYER, STEP, MICROBATCHES = 10, 1, 6, 2
CRASH = Crash(layer=LAYER, step=STEP, microbatch=MICROBATCHES - 1, at=Point.BACKWARD)
STRATEGIES = tuple(each.value for each in Strategy)


class _Events:
    """An observer that writes down the ends and the restarts of peers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def on_event(self, event: Event) -> None:
        """Write an event down."""
        if isinstance(event, PeerExited) and not event.orderly:
            self.lines += sentence(f"{event.label} has ended: {event.reason}")
        elif isinstance(event, PeerStarted) and event.incarnation > 1:
            self.lines.append(f"{event.label} has started, incarnation {event.incarnation}")


class _Work(Instrument):
    """Counts the forward work of each layer."""

    def __init__(self) -> None:
        self.forwards: Counter[int] = Counter()

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        """Count a piece of work."""
        self.forwards[layer] += point is Point.FORWARD


def _program(strategy: str = "one_for_one", **supervision: int) -> tuple[Program, _Events]:
    """Return the training in which a layer crashes once, and the observer of it."""
    training = xor_training(STEPS, MICROBATCHES, [CRASH])
    events = _Events()
    return replace(program_of(training), supervision=Supervision(strategy, **supervision), observers=(events,)), events


def _undisturbed() -> Checkpoint:
    training = xor_training(STEPS, MICROBATCHES)
    return finished(program_of(training), training)


def alone() -> Seen:
    """Return what a crash leaves where nothing may be restarted."""
    program, events = _program(max_restarts=0)
    training = xor_training(STEPS, MICROBATCHES)
    try:
        finished(program, training)
    except RunFailedError as error:
        events.lines += sentence(f"error: {error}")
    committed = Checkpoint.gather(program.store, [spec.address for spec in program.stages], training.initial).step
    return Seen(
        [*events.lines, f"committed by all layers: steps below {committed}"],
        {"committed": committed, "steps": STEPS, "nothing": 0, "with_it": STEP + 1, "left": STEPS - committed},
    )


def one_for_one() -> Seen:
    """Return how many restarts the crash takes."""
    program, events = _program()
    with closing(InlineRuntime().start(program)) as job:
        job.wait()
    return Seen(
        events.lines, {"restarts": job.restarts, "stages": len(program.stages), "peers": len(program.peers), "none": 0}
    )


def repeated() -> Seen:
    """Return how much work is done twice."""
    work = _Work()
    program, _ = _program()
    finished(replace(program, instruments=(work,)), xor_training(STEPS, MICROBATCHES))
    once = STEPS * MICROBATCHES
    layers = range(len(program.stages))
    lines = [f"layer {each}: {counted(work.forwards[each], 'forward')}, needed: {once}" for each in layers]
    again = work.forwards[LAYER] - once
    others = sum(work.forwards[each] - once for each in layers if each != LAYER)
    return Seen(
        lines,
        {"again": again, "one": 1, "all": STEP * MICROBATCHES + again, "others": others},
    )


def equal() -> Seen:
    """Return the weights after the crash, for each strategy."""
    found = {"no crash": _undisturbed().weights_sha256}
    for strategy in STRATEGIES:
        program, _ = _program(strategy)
        found[strategy] = finished(program, xor_training(STEPS, MICROBATCHES)).weights_sha256
    lines = [f"{name:13}{weights[:32]}" for name, weights in found.items()]
    return Seen(lines, {"different": len(set(found.values())), "runs": len(found), "two": 2})


class _Log(MemoryStore):
    """A store that keeps every commit."""

    def __init__(self, program: Program) -> None:
        super().__init__([spec.address for spec in program.stages])
        self.commits: dict[Address, list[Snapshot]] = {}
        self.numbers: list[str] = []

    def commit(self, snapshot: Snapshot, incarnation: int) -> None:
        """Keep a commit."""
        self.commits.setdefault(snapshot.address, []).append(snapshot)
        super().commit(snapshot, incarnation)


@dataclass(frozen=True)
class _Written:
    """A stage whose incarnations are started by a learner's function."""

    inner: PeerSpec
    restart: Callable[[list[Snapshot], int, Callable[[Snapshot | None, int], Node]], Node]
    log: _Log

    @property
    def address(self) -> Address:
        """Of the stage."""
        return self.inner.address

    @property
    def label(self) -> str:
        """Of the stage."""
        return self.inner.label

    @property
    def routing(self) -> Routing:
        """Of the stage."""
        return self.inner.routing

    def node(
        self,
        snapshot: Snapshot | None,
        incarnation: int,
        instrument: Instrument = NO_INSTRUMENT,
        is_due: Callable[[int], bool] = every_step,
    ) -> Node:
        """Return what the learner's function starts."""
        commits = list(self.log.commits.get(self.address, ()))
        node = self.restart(commits, incarnation, lambda commit, number: self.inner.node(commit, number, instrument))
        if node is None:
            raise NotImplementedError
        self.log.numbers.append(f"{self.label} as incarnation {node.incarnation}")
        return node


def recovered(made: ModuleType) -> Iterator[Found]:
    """Yield what comes of a training in which a learner's function restarts two layers."""
    training = xor_training(STEPS, MICROBATCHES, [CRASH, Crash(layer=2, step=STEP + 1, at=Point.UPDATE)])
    program = program_of(training)
    log = _Log(program)
    stages = tuple(_Written(spec, made.restart, log) for spec in program.stages)
    program = replace(program, stages=stages, store=log, supervision=Supervision(max_restarts=9))
    with closing(InlineRuntime().start(program)) as job:
        job.wait()
    for index, each in enumerate(log.numbers):
        yield Found(f"start {index}, counted from 0", each)
    checkpoint = Checkpoint.gather(log, [spec.address for spec in stages], training.initial)
    yield Found("committed steps", checkpoint.step)
    for name, array in sorted(checkpoint.weights.items()):
        yield Found(f"the weights {name} after step {STEPS - 1}", array)
