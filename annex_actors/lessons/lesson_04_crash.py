"""Lesson 4: crash a layer; what is lost without a supervisor, and why nothing is lost with one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from types import ModuleType

from annex_actors.lessons.small_runs import finished, program_of, sentence, xor_training
from annex_actors.lessons.steps import Code, Found, Lesson, Question, Seen, Text, Wrong, WrongCode
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


def _alone() -> Seen:
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


def _one_for_one() -> Seen:
    program, events = _program()
    with closing(InlineRuntime().start(program)) as job:
        job.wait()
    return Seen(
        events.lines, {"restarts": job.restarts, "stages": len(program.stages), "peers": len(program.peers), "none": 0}
    )


def _repeated() -> Seen:
    work = _Work()
    program, _ = _program()
    finished(replace(program, instruments=(work,)), xor_training(STEPS, MICROBATCHES))
    once = STEPS * MICROBATCHES
    layers = range(len(program.stages))
    lines = [f"layer {each}: {work.forwards[each]} pieces of forward work, {once} are needed" for each in layers]
    again = work.forwards[LAYER] - once
    others = sum(work.forwards[each] - once for each in layers if each != LAYER)
    return Seen(
        lines,
        {"again": again, "one": 1, "all": STEP * MICROBATCHES + again, "others": others},
    )


def _equal() -> Seen:
    found = {"no crash": _undisturbed().weights_sha256}
    for strategy in STRATEGIES:
        program, _ = _program(strategy)
        found[strategy] = finished(program, xor_training(STEPS, MICROBATCHES)).weights_sha256
    lines = [f"{name:12} weights {weights[:32]}" for name, weights in found.items()]
    return Seen(lines, {"different": len(set(found.values())), "runs": len(found), "two": 2})


STRATEGY = '''\
"""Lesson 4: the rules of restart."""


def to_restart(strategy, layers, failed):
    """Return a list of the layers that are started again, in the order of ``layers``.

    ``layers`` is a list of names, ``failed`` the one of them that has ended. With the strategy "one_for_one" it alone
    is started again; with "rest_for_one" so are all layers after it; with "one_for_all" all layers are.
    """
    if strategy == "one_for_one":
        return [failed]
    if strategy == "rest_for_one":
        return layers[layers.index(failed) :]
    return layers
'''


def _rules(made: ModuleType) -> Iterator[Found]:
    layers = ["layer 0", "layer 1", "layer 2", "the cost"]
    for strategy in STRATEGIES:
        for failed in layers:
            restarted = made.to_restart(strategy, list(layers), failed)
            text = None if restarted is None else ", ".join(map(str, restarted))
            yield Found(f"{strategy} after the end of {failed}", text)


RECOVERY = '''\
"""Lesson 4: what a supervisor does when it starts a layer again."""


def restart(commits, number, start):
    """Start the next incarnation of a layer, and return it.

    ``commits`` is a list of what the layer has committed, the oldest first: a commit at the end of each step, with its
    weights. It is empty where the layer has committed nothing yet. ``number`` is the number of the new incarnation.
    ``start(commit, number)`` makes an actor that begins at a commit; None: at the very beginning.
    """
    last = commits[-1] if commits else None
    return start(last, number)
'''


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


def _recovered(made: ModuleType) -> Iterator[Found]:
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


LESSON = Lesson(
    4,
    "Crash it: supervisors and equal hashes",
    (
        "Say what is lost when a layer dies without a supervisor.",
        "Write the three strategies of restart, and the restart of a layer from its last commit.",
        "Show that a crash changes no bit.",
    ),
    (
        Text(
            f"""
            Layers die: of a fault in a library, of too little memory, of a hand that pulls a cable. What was in the
            layer's memory is lost then. So each layer commits: at the end of each step it puts its weights into a
            store, which lives elsewhere.

            In this lesson the network for XOR trains {STEPS} steps of {MICROBATCHES} microbatches, all numbered from 0.
            Layer {LAYER} dies at step {STEP}, in the backward work on the last microbatch.
            """
        ),
        Question(
            "alone",
            """
            First there is nothing to restart it: the supervisor is allowed no restart. How many steps have all layers
            committed when the run ends?
            """,
            _alone,
            "committed",
            "What was committed is safe. {left} steps are missing, and the other layers, which are well, end too: a "
            "chain without one of its links can do nothing.",
            (
                Wrong("steps", "The run cannot reach its end: no other layer can do the work of the dead one."),
                Wrong("nothing", "Memory is lost, but what was committed before is in the store."),
                Wrong("with_it", "The step in which it died was not finished, and so not committed."),
            ),
        ),
        Text(
            """
            A supervisor is an actor that does nothing but start others, hear when they end, and start them again. Three
            strategies are usual. With one_for_one it starts the one that ended. With rest_for_one it also stops and
            starts all that were started after it; with one_for_all it stops and starts all.
            """
        ),
        Code(
            "strategies",
            """
            Write the three strategies as one function. It decides; it starts nothing. Four or five lines are enough.
            """,
            ("to_restart",),
            STRATEGY,
            _rules,
            "layers.index(failed) is the place of the failed layer; layers[place:] are all from there on.",
            "These are the decisions of the product's supervisors, in supervisors/rules/strategy.py.",
            (
                WrongCode(
                    "layers[layers.index(failed) :]",
                    "layers[layers.index(failed) + 1 :]",
                    "The rest begins with the layer that failed: without it, that one stays dead.",
                ),
                WrongCode(
                    "layers[layers.index(failed) :]",
                    "layers[: layers.index(failed) + 1]",
                    "Those were started before it. The rest are the layers after it, which may depend on it.",
                ),
                WrongCode(
                    "    return layers\n",
                    "    return [each for each in layers if each != failed]\n",
                    "All are started again, the failed one among them.",
                ),
            ),
            minutes=5,
        ),
        Question(
            "restarts",
            f"""
            Now the same crash with one_for_one. The actors are those of the layers, the cost and the trainer. How many
            restarts of actors does it take until step {STEPS - 1} is finished?
            """,
            _one_for_one,
            "restarts",
            "The layer that died is started again, at its last commit. It asks its neighbours for the messages since.",
            (
                Wrong("stages", "one_for_all would restart so many. Here the other layers live, and need not."),
                Wrong("peers", "The others never stopped: they wait for the next message, as always."),
                Wrong("none", "The layer that died has to be started again."),
            ),
        ),
        Question(
            "again",
            f"""
            The new incarnation begins at the start of step {STEP}, since that is what it had committed. It died after
            its forward work on all {MICROBATCHES} microbatches of that step. How many pieces of forward work does layer
            {LAYER} do twice?
            """,
            _repeated,
            "again",
            "Only what was not committed is repeated, and only by the layer that died: the others repeat {others}. "
            "They still had the messages that it needed.",
            (
                Wrong("one", "The step was not committed, so all of its microbatches are worked on again."),
                Wrong("all", "That would be from the beginning; but it begins at its last commit."),
            ),
        ),
        Code(
            "restart",
            """
            Write what the supervisor does when it starts a layer. Your function is used for each start in a training in
            which two layers crash; then the weights are compared with those of the product. Two lines are enough.
            """,
            ("restart",),
            RECOVERY,
            _recovered,
            "The last element of a list is commits[-1]; an empty list has none, then the commit is None.",
            "Two layers died, and no bit differs.",
            (
                WrongCode(
                    "commits[-1] if commits else None",
                    "commits[0] if commits else None",
                    "That is the oldest commit. The layer has told its neighbours that it has committed more, so they "
                    "no longer have the messages that it would need.",
                ),
                WrongCode(
                    "commits[-1] if commits else None",
                    "None",
                    "So it begins with its initial weights, at a step that its neighbours have long forgotten.",
                ),
                WrongCode(
                    "start(last, number)",
                    "start(last, 1)",
                    "It would speak as the incarnation that is dead. Neighbours drop what that one says, since some "
                    "of its messages may still be on their way.",
                ),
            ),
            minutes=5,
        ),
        Question(
            "different",
            """
            Last, four trainings: one without a crash, and one with the crash for each of the three strategies. How many
            different weights do they end with, compared to the last bit?
            """,
            _equal,
            "different",
            "Repeated work has the same inputs, and so the same bits. One crash or a hundred: a hash can prove that "
            "nothing was lost.",
            (
                Wrong("runs", "The strategies differ in what they repeat, not in what comes out of it."),
                Wrong("two", "A layer that begins at its last commit, with the same messages, makes the same bits."),
            ),
        ),
        Text(
            f"""
            In your own programs this is

                from annex_actors import Crash, Learner, Supervision
                learner = Learner(network, supervision=Supervision("one_for_one"))
                crash = Crash(layer={LAYER}, step={STEP}, at="backward")
                learner.train(data, crashes=[crash])

            But one thing was hidden: the neighbours still had the messages. For how long do they have to keep them?
            That is lesson 5.
            """
        ),
    ),
)
