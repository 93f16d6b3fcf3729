"""The words of this package: what each means, in two sentences, and where it is in the code.

``annex-actors explain`` lists them, ``annex-actors explain credit`` tells one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from annex_actors.base.tables import Table


@dataclass(frozen=True, slots=True)
class Term:
    """A word of this package.

    Args:
        name: as users write it.
        meaning: two sentences.
        place: where it is in the code, as ``module:name``.
    """

    name: str
    meaning: str
    place: str

    @property
    def file(self) -> str:
        """The file of ``place``, from the folder that holds both packages."""
        return self.place.partition(":")[0].replace(".", "/") + ".py"

    @property
    def member(self) -> str:
        """The name in ``file``, such as ``Discipline.credit``."""
        return self.place.partition(":")[2]


_ACTORS = (
    Term(
        "actor",
        "An object with a mailbox and a state of its own, which handles one message after the other and shares "
        "nothing with other actors. Here each layer is one, or several neighbouring layers together, and so is the "
        "trainer.",
        "supervisors.actor:Actor",
    ),
    Term(
        "message",
        "An immutable value that one actor sends to another, with its run, step and microbatch, and with arrays that "
        "are read-only from then on. All that an actor learns of others, it learns from messages.",
        "annex_actors.protocol.messages:Message",
    ),
    Term(
        "mailbox",
        "The place where an actor's messages wait, in whatever order they arrive. That of a stage yields the next one "
        "that the discipline allows, and none as long as it allows none.",
        "annex_actors.peers.stage_mailbox:StageMailbox",
    ),
    Term(
        "supervisor",
        "An actor that starts other actors, its children, and starts them again when they end unexpectedly. It does "
        "no other work, so that there is little in it that could fail.",
        "supervisors.supervisor:Supervisor",
    ),
    Term(
        "strategy",
        "The rule of a supervisor for which children are restarted when one has ended: that one (one_for_one), all "
        "(one_for_all), or that one and those started after it (rest_for_one). Here layers are one_for_one, since a "
        "layer that is restarted asks its neighbours for what it has missed.",
        "supervisors.rules.strategy:Strategy",
    ),
    Term(
        "restart window",
        "The limit on the restarts of a supervisor: at most max_restarts within max_seconds. It tells a fault that a "
        "restart cures from one that comes back at once.",
        "supervisors.rules.window:RestartWindow",
    ),
    Term(
        "escalation",
        "The end of a supervisor whose restart window is used up: it stops its children and ends, and the next "
        "supervisor above decides. So a larger part of the tree is restarted, until the fault is cured or the run "
        "ends with an error.",
        "supervisors.children.events:Escalated",
    ),
)

_TRAINING = (
    Term(
        "cost",
        "A number that says how wrong the outputs of a network are, also called the loss; training makes it smaller. "
        "It is a mean over the batch, and the last actor of the chain computes it.",
        "annex_actors.costs.cost:Cost",
    ),
    Term(
        "optimizer",
        "The rule that makes the next weights from the last ones and their gradient, such as sgd or adam. What it "
        "remembers from step to step, its slots, is committed with the weights.",
        "annex_actors.optimizers.optimizer:Optimizer",
    ),
    Term(
        "step",
        "The work on one batch of samples, after which all weights are updated once. Steps are counted from 0 over "
        "all epochs, and the order of the samples is a function of seed and epoch.",
        "annex_actors.data.order:Batches",
    ),
    Term(
        "microbatch",
        "One of the nearly equal parts into which the batch of a step is cut, so that several layers work at once, "
        "each on another part. The weights change only after the last one, and the gradients are combined in their "
        "order.",
        "annex_actors.data.order:microbatch_slices",
    ),
    Term(
        "activation",
        "The output of a layer for the samples of a microbatch: an array with a row for each. It goes to the next "
        "layer in a forward message, and the layer keeps what it needs for the way back.",
        "annex_actors.protocol.messages:Forward",
    ),
    Term(
        "gradient",
        "The derivative of the cost with respect to an array, of the same shape: how the cost changes with each "
        "number. A layer is sent that of its output in a backward message, and sends that of its input to the layer "
        "before.",
        "annex_actors.protocol.messages:Backward",
    ),
    Term(
        "weight gradient",
        "The derivative of the cost with respect to a layer's weights, for which papers write W. No other layer waits "
        "for it, so it is put off, and done for all microbatches of a step in one matrix product.",
        "annex_actors.protocol.messages:WeightGradient",
    ),
)

_SCHEDULES = (
    Term(
        "stage",
        "One layer, or several neighbouring layers, hosted by one actor, with their weights and optimizer. Stages are "
        "numbered from 0, S is their number, and the last one computes the cost.",
        "annex_actors.peers.stage:Stage",
    ),
    Term(
        "schedule",
        "The order in which stages do forward (F), backward (B) and weight gradient (W) of the microbatches, such as "
        "gpipe or 1f1b. All synchronous schedules make the same weights; they differ in time and in memory.",
        "annex_actors.schedules.table:DISCIPLINES",
    ),
    Term(
        "discipline",
        "A schedule as data: which of the messages in its mailbox a stage handles next. It has a priority of F, B and "
        "W, a credit, perhaps a cap and a gate, and says how old the weights are that a microbatch meets.",
        "annex_actors.schedules.discipline:Discipline",
    ),
    Term(
        "credit",
        "The most microbatches that a stage may have in flight: their forward is done, and their backward is not. "
        "More of it keeps neighbours busy, less of it keeps fewer activations in memory.",
        "annex_actors.schedules.discipline:Discipline.credit",
    ),
    Term(
        "cap",
        "The most microbatches whose forward is done and whose weight gradient is still put off. It bounds the memory "
        "of schedules that fill idle time with weight gradients.",
        "annex_actors.schedules.discipline:Discipline.cap",
    ),
    Term(
        "gate",
        "A condition of a discipline on a piece of work, where priority, credit and cap are not enough. In gpipe it "
        "keeps every backward back until the last forward of the step is done.",
        "annex_actors.schedules.discipline:Discipline.gate",
    ),
    Term(
        "bubble",
        "The time in which a stage is idle because the pipeline fills or drains. With S equal stages, gpipe and 1f1b "
        "leave each of them idle in each step for as long as S - 1 forwards and backwards take.",
        "annex_actors.experiments.simulation:Simulation.idle",
    ),
    Term(
        "staleness",
        "How many updates the weights that a microbatch meets are behind, also called lag: 0 with a synchronous "
        "schedule. Asynchronous ones never let the pipeline drain, and so compute gradients at older weights, by a "
        "formula.",
        "annex_actors.schedules.discipline:Discipline.lag",
    ),
    Term(
        "stash",
        "The older versions of its weights that a stage keeps, since microbatches under way have met them. Forward "
        "and backward of a microbatch must meet the same version, or the result is the gradient of no function.",
        "annex_actors.peers.stage_versions:Versions",
    ),
)

_RECOVERY = (
    Term(
        "oracle",
        "The plain program with the same microbatches, on one thread, in the simplest order. What any other runtime, "
        "schedule or recovery makes must equal what it makes, to the last bit.",
        "annex_actors.runtimes.inline:InlineRuntime",
    ),
    Term(
        "fingerprint",
        "The SHA-256 of arrays with their names and shapes, in 64 hexadecimal digits. If those of two runs are equal, "
        "so is each bit of their weights.",
        "annex_actors.training.fingerprints:arrays_sha256",
    ),
    Term(
        "incarnation",
        "The number of a life of an actor: 1 at first, and one more after each restart. It is on each message, so "
        "that what an earlier life sent is told from what the present one sends.",
        "annex_actors.protocol.messages:Envelope.incarnation",
    ),
    Term(
        "fencing",
        "To drop all messages from an earlier incarnation of an actor, by its number. A thread that hangs cannot be "
        "killed, but if it wakes up and goes on to send, nothing of that counts.",
        "annex_actors.protocol.node:Node.receive",
    ),
    Term(
        "commit",
        "To make one immutable snapshot the state from which the next incarnation begins: weights, optimizer slots, "
        "cost log and outbox, all at once. A stage commits at the end of a step, and what it did since is done again "
        "after a crash, to the same bits.",
        "annex_actors.protocol.effects:Commit",
    ),
    Term(
        "upstream backup",
        "Each sender keeps a message until its receiver has committed the step of it. So a restarted stage asks its "
        "neighbours for all it has missed, and none of them has to begin again.",
        "annex_actors.protocol.retention:Retention",
    ),
    Term(
        "outbox",
        "The messages in a snapshot that no receiver has acknowledged yet. Without it a stage could commit a step and "
        "die while its neighbour still needs the gradient of that step, and both would wait for ever.",
        "annex_actors.protocol.snapshot:Snapshot.outbox",
    ),
    Term(
        "checkpoint",
        "The commits of all stages at the same step, on the disk. From it a run goes on after the whole job was "
        "killed, to the bits of a run that was never interrupted.",
        "annex_actors.training.checkpoint:Checkpoint",
    ),
    Term(
        "poison message",
        "A message that fails the same layer each time it is handled, such as one that makes a division by zero. "
        "After max_attempts failures (3) the run ends, and the error names layer, step and microbatch.",
        "annex_actors.runtimes.hosting.failures:FailureLedger",
    ),
    Term(
        "watchdog",
        "What looks at the heartbeat of each actor, the piece of work it began and when, and ends an actor that takes "
        "far too long. So a layer that hangs is restarted like one that crashes.",
        "annex_actors.runtimes.hosting.watchdog:Watchdog",
    ),
    Term(
        "standstill",
        "All actors wait, and no message is on its way. No clock decides that but markers that each actor passes on, "
        "and the run ends with an error that says for what each of them waits.",
        "annex_actors.runtimes.hosting.standstill:Surveyor",
    ),
)

_PLACEMENT = (
    Term(
        "runtime",
        "What hosts actors and carries their messages: threads, schedulers, processes, ray, or inline, which is one "
        "thread. It has no mathematics and no schedule, so none changes a bit of the weights.",
        "annex_actors.runtimes.program:Runtime",
    ),
    Term(
        "hop",
        "The way of one message from actor to actor, and what it costs: some 20 microseconds between threads, over a "
        "millisecond with Ray. A layer with less work than that should share an actor with its neighbour.",
        "annex_actors.placement.profile:Hop",
    ),
    Term(
        "plan",
        "A value that says which layers share an actor, in how many replicas, and where it lives; `--stages 3,2` is "
        "one. With a synchronous schedule, no plan changes a bit of the weights.",
        "annex_actors.placement.plan:Plan",
    ),
    Term(
        "replica",
        "One of several actors of the same stage, which share the microbatches of each step and each make the same "
        "weights. It pays where one stage takes longer than the others and a core is free.",
        "annex_actors.protocol.replicas:Share",
    ),
    Term(
        "bottleneck",
        "The stage with the most work for each microbatch, for which all others wait. A step takes as long as its "
        "work and the bubble, so a good plan gives it as little as possible.",
        "annex_actors.placement.planner.evaluation:Evaluated.bottleneck",
    ),
    Term(
        "virtual clock",
        "The time of a simulation, which goes on by what the cost model says a piece of work takes. The stages and "
        "mailboxes are the real ones, so the order that is drawn is the order that would happen.",
        "annex_actors.runtimes.simulated:VirtualClock",
    ),
)

GROUPS = {
    "Actors and supervision": _ACTORS,
    "Training": _TRAINING,
    "Schedules": _SCHEDULES,
    "Exactness and recovery": _RECOVERY,
    "Placement": _PLACEMENT,
}
"""The terms by what they belong to."""


def _by_name(groups: Iterable[tuple[Term, ...]]) -> dict[str, Term]:
    return {term.name: term for group in groups for term in group}


TERMS: Table[Term] = Table("term", _by_name(GROUPS.values()))
"""All terms, by name."""
