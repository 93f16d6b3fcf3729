"""Lesson 2: forward is a chain of messages, and each actor waits for the one before it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from annex_actors.data import load
from annex_actors.experiments.simulation import simulate
from annex_actors.layers import activation, dense, sequence
from annex_actors.lessons.small_runs import SAMPLES, finished, program_of, xor_learner, xor_training
from annex_actors.lessons.steps import Code, Found, Lesson, Question, Run, Seen, Text, Wrong, WrongCode
from annex_actors.lessons.submission import Unusable
from annex_actors.observe.timeline import draw
from annex_actors.protocol.effects import Send
from annex_actors.protocol.messages import Envelope, Forward, Part, freeze
from annex_actors.protocol.node import Node
from annex_actors.protocol.routing import TRAINER
from annex_actors.runtimes import InlineRuntime
from annex_actors.runtimes.simulated import Piece
from annex_actors.tracing.tracer import trace
from annex_actors.training.learner import Learner

STAGES, MICROBATCHES, MOMENT, STAGE = 4, 4, 3, 1
ORDERS = 10
MOST = 1000
"""Pieces of work after which a learner's loop is taken to be endless."""

Mail = list[tuple[str, Forward]]


def _forwards(microbatches: int) -> tuple[list[Piece], list[str]]:
    """Return the forward work of stages that need one unit of time for each microbatch, and a drawing of it."""
    pieces = simulate("gpipe", stages=STAGES, microbatches=microbatches).pieces
    forward = [piece for piece in pieces if piece.work == "F"]
    return forward, draw(forward)


def _messages() -> Seen:
    with trace() as traced:
        xor_learner(microbatches=1).train(load("xor"), epochs=1, batch_size=SAMPLES)
    flows = [flow for flow in traced.trace.flows if flow.step == 0 and flow.kind == "forward"]
    lines = [f"{flow.sender} sends a forward message to {flow.to}" for flow in flows]
    layers = len(xor_learner().spec.network.layers)
    return Seen(lines, {"forwards": len(flows), "between": layers - 1, "layers": layers})


def _one() -> Seen:
    forward, lines = _forwards(1)
    last = forward[-1]
    return Seen(lines, {"begins": float(last.start), "ends": float(last.end), "now": float(forward[0].start)})


def _several() -> Seen:
    forward, lines = _forwards(MICROBATCHES)
    at_work = {piece.stage.number: piece.microbatch for piece in forward if piece.start == MOMENT}
    return Seen(lines, {"microbatch": at_work[STAGE], "first": at_work[0], "same": STAGE, "moment": MOMENT})


def _waited() -> Seen:
    forward, lines = _forwards(MICROBATCHES)
    begins = [min(float(piece.start) for piece in forward if piece.stage.number == s) for s in range(STAGES)]
    return Seen(lines, {"waited": sum(begins), "last": begins[-1], "stages": STAGES, "each": STAGES * begins[-1]})


def _reasons() -> Seen:
    network = sequence(dense(32), activation("relu"), dense(10))
    learner = Learner(network, microbatches=4, schedule="gpipe", seed=1, runtime="threads")
    with trace() as traced:
        learner.train(load("digits"), epochs=1)
    lines = []
    for each in traced.trace.figures().peers:
        reason = max(each.idle, key=each.idle.__getitem__)
        lines.append(f"{each.label:30} busy {each.busy:.3f} s, waited for: {reason}")
    return Seen(lines)


def _orders() -> Seen:
    training = xor_training(steps=5)
    found = []
    for seed in range(ORDERS):
        rng = random.Random(seed)
        host = InlineRuntime(choose=lambda channels, peers, rng=rng: rng.randrange(channels + peers))  # type: ignore[misc]
        found.append(finished(program_of(training), training, host).weights_sha256)
    lines = [f"order {seed}: weights {weights[:16]}" for seed, weights in enumerate(found)]
    return Seen(lines, {"different": len(set(found)), "orders": ORDERS, "none": 0})


SOLUTION = '''\
"""Lesson 2: a host, which carries messages between actors."""


def carry(actors, mail):
    """Let actors work until no mail is left, the oldest mail first.

    ``mail`` is a list of pairs, a receiver's name and a message, the oldest
    first. ``actors[name](message)`` lets an actor work on a message, and
    returns a list of such pairs: what it sends, which is newer than all other
    mail.
    """
    while mail:
        name, message = mail.pop(0)
        mail.extend(actors[name](message))
'''


def _outcome(made: ModuleType) -> Iterator[Found]:
    training = xor_training(steps=1, microbatches=SAMPLES)
    program = program_of(training)
    worked, ends = list[str](), list[Forward]()

    def end(message: Forward) -> Mail:
        ends.append(message)
        return []

    nodes = [spec.node(None, 1) for spec in program.stages[:-1]]
    actors: dict[str, Callable[[Forward], Mail]] = {"the end": end}
    for index, node in enumerate(nodes):
        to = f"layer {index + 1}" if index + 1 < len(nodes) else "the end"
        actors[f"layer {index}"] = _actor(f"layer {index}", node, to, worked)
    rows = [freeze(training.trainer.inputs[row : row + 1]) for row in range(SAMPLES)]
    mail: Mail = [
        ("layer 0", Forward(program.run, 0, row, 0, array, Part(SAMPLES, SAMPLES))) for row, array in enumerate(rows)
    ]
    made.carry(actors, mail)
    yield Found("how many messages layers worked on", len(worked))
    for number, each in enumerate(worked):
        yield Found(f"piece of work {number}, counted from 0", each)
    for message in ends:
        yield Found(f"what layer {len(nodes) - 1} sends at step 0 for microbatch {message.microbatch}", message.array)


def _actor(name: str, node: Node, to: str, worked: list[str]) -> Callable[[Forward], Mail]:
    """Return a real stage as a function: a message in, mail out."""
    node.start()

    def work(message: Forward) -> Mail:
        worked.append(f"{name} on microbatch {message.microbatch}")
        if len(worked) > MOST:
            raise Unusable(f"{name} got mail {MOST:,} times; take mail out of the list when it is delivered")
        node.receive(Envelope(TRAINER, 1, 0, message))
        sent: list[Any] = []
        while (effects := node.work()) is not None:
            sent += [each.envelope.message for each in effects if isinstance(each, Send)]
        return [(to, each) for each in sent if isinstance(each, Forward)]

    return work


LESSON = Lesson(
    2,
    "Forward is a chain of messages",
    (
        "Predict in which order the layers of a chain work, and how long each waits.",
        "Say why microbatches let layers work at the same time.",
        "Write a host that carries messages, and say why its order changes no result.",
    ),
    (
        Text(
            """
            An actor works when there is a message that it can work on. Nothing calls it, and nothing tells it when. So
            the order of the work is not written anywhere: it follows from which messages have arrived.
            """
        ),
        Question(
            "forwards",
            """
            The network for XOR once more: dense, tanh, dense, and the cost. All samples travel in one message. How
            many forward messages are sent in one training step, the trainer's included?
            """,
            _messages,
            "forwards",
            "One into each actor of the chain: the cost needs an activation, too, to compare it with the targets.",
            (
                Wrong("between", "Those travel between layers. The trainer sends one, and one goes to the cost."),
                Wrong("layers", "Each layer gets one, and so does the cost."),
            ),
        ),
        Question(
            "begins",
            f"""
            A chain of {STAGES} stages, actors of layers, on a clock that we control: each forward takes one unit of
            time, a message takes none. There is one message for the step. The trainer sends it at time 0. At which time
            does the last stage begin?
            """,
            _one,
            "begins",
            "Each stage begins when the one before it has finished. F0 is forward work on microbatch 0, · is a wait.",
            (
                Wrong("now", "It would have nothing to work on: its input is the output of the stage before it."),
                Wrong("ends", "That is when it has finished."),
            ),
        ),
        Text(
            f"""
            So at each moment one stage works and the others wait. That is a chain of actors at its worst: as slow as
            the plain program, with messages on top.

            The cure is to cut the samples of a step into microbatches, each a message of its own. While stage 1 works
            on the first one, stage 0 can work on the second. Now there are {MICROBATCHES} of them, numbered from 0, and
            each still takes one unit of time at each stage.
            """
        ),
        Question(
            "which",
            f"""
            The stages are numbered from 0, too. Which microbatch does stage {STAGE} begin to work on at time {MOMENT}?
            """,
            _several,
            "microbatch",
            "Stage s begins microbatch b at time s + b, since it is the s-th to get it and has b others before it.",
            (
                Wrong("first", "That is what stage 0 begins then; stage {same} comes later by one forward."),
                Wrong("same", "That is its own number. It has finished that microbatch by then."),
            ),
        ),
        Question(
            "waited",
            """
            Look at the same drawing once more. How many units of time do all stages together wait before their first
            piece of work?
            """,
            _waited,
            "waited",
            "0, 1, 2 and so on, added up. However many microbatches there are, this part stays the same; lesson 6 "
            "measures how much of the whole it is.",
            (
                Wrong("last", "That is what the last stage waits; the stages before it wait, too."),
                Wrong("stages", "Stage 0 does not wait, and stage 3 waits longer than stage 1."),
                Wrong("each", "Only the last stage waits so long; a stage nearer to the trainer begins earlier."),
            ),
        ),
        Run(
            """
            Now the real thing: a network for handwritten digits on threads, traced. These are times, so they differ
            from machine to machine and from run to run.
            """,
            _reasons,
            "An actor knows what it waits for, since it knows which message it could work on: an activation, a "
            "gradient. Credit is how many microbatches it may have under way, which lesson 7 is about.",
        ),
        Code(
            "carry",
            """
            Actors need a host that carries their messages. Write the simplest one: while there is mail, take the
            oldest out of the list, let its receiver work on it, and add what it sends to the end of the list. Three
            lines are enough. The actors are the real layers of the network for XOR.
            """,
            ("carry",),
            SOLUTION,
            _outcome,
            "mail.pop(0) takes out the oldest; mail.extend(...) adds a list at the end.",
            "Your host carried real layers. The product's simplest host, annex_actors/runtimes/inline.py, is this loop "
            "with supervision.",
            (
                WrongCode(
                    "mail.pop(0)",
                    "mail.pop()",
                    "pop() takes the newest: the last microbatch overtakes all others. Take the oldest: pop(0).",
                ),
                WrongCode(
                    "mail.extend(actors[name](message))",
                    "mail = actors[name](message)",
                    "The rest of the mail is lost: what an actor sends takes the place of all that was left.",
                ),
                WrongCode("while mail:", "if mail:", "That delivers one message, and leaves what is sent for good."),
            ),
        ),
        Question(
            "orders",
            f"""
            Does it matter which mail comes first? We train the network {ORDERS} times, and let chance choose each time
            which actor works next and which message arrives next. How many different results, compared to the last
            bit, do the {ORDERS} trainings have?
            """,
            _orders,
            "different",
            "A layer adds up gradients in the order of microbatches, in whatever order they arrive. So the order of "
            "mail, which no network of machines guarantees, changes nothing.",
            (
                Wrong("orders", "Rounding does depend on the order of additions; that is why a layer keeps to one."),
                Wrong("none", "Each training has a result; the question is how many different ones there are."),
            ),
        ),
        Text(
            """
            The order of the work follows from the messages, and the result does not depend on it. That is what makes
            it safe to let chance, threads or a network decide. Lesson 3 sends mail the other way.
            """
        ),
    ),
)
