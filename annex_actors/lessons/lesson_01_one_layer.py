"""Lesson 1: one layer is a process, which is sent an activation and sends another one."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from annex_actors.data import load
from annex_actors.layers import activation, dense, sequence
from annex_actors.lessons.steps import Code, Found, Lesson, Question, Run, Seen, Text, Wrong, WrongCode
from annex_actors.protocol.effects import Send
from annex_actors.protocol.messages import Envelope, Forward, Part, freeze
from annex_actors.protocol.node import Node
from annex_actors.protocol.routing import TRAINER
from annex_actors.runtimes import Program
from annex_actors.stores import MemoryStore
from annex_actors.tracing.tracer import trace
from annex_actors.training.learner import Learner
from annex_actors.training.preparation import PreparedTraining

SAMPLES, FEATURES, WIDTH, CLASSES = 4, 2, 3, 2
IMAGES, SIDE = 32, 8
XOR = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]


def _learner() -> Learner:
    return Learner(sequence(dense(WIDTH), activation("tanh"), dense(CLASSES)), microbatches=1, seed=1, runtime="inline")


def _program() -> Program:
    """Return the training of a network on XOR, which nothing has started yet."""
    prepared = PreparedTraining.of(_learner().spec, load("xor"), epochs=1, batch_size=SAMPLES)
    return prepared.program(MemoryStore(), ())


def _layer() -> tuple[Node, Forward]:
    """Return the actor of layer 0, which has just started, and the message that the trainer would send it."""
    program = _program()
    node = program.stages[0].node(None, 1)
    node.start()
    inputs = freeze(np.array(XOR, np.float32))
    return node, Forward(program.run, 0, 0, 0, inputs, Part(microbatches=1, samples=SAMPLES))


def _sent(node: Node, *messages: Forward) -> list[Forward]:
    """Give the actor messages, let it work until it has nothing to do, and return the activations that it sent."""
    sent = []
    for message in messages:
        node.receive(Envelope(TRAINER, 1, 0, message))
    while (effects := node.work()) is not None:
        sent += [each.envelope.message for each in effects if isinstance(each, Send)]
    return [each for each in sent if isinstance(each, Forward)]


def _look() -> Seen:
    program = _program()
    return Seen([spec.label for spec in program.peers])


def _send_one() -> Seen:
    node, message = _layer()
    (answer,) = _sent(node, message)
    rows = [" ".join(f"{value:7.4f}" for value in row) for row in answer.array]
    return Seen(
        [f"in:  {message}", f"out: {answer}", "", *rows],
        {
            "numbers": answer.array.size,
            "taken": message.array.size,
            "a_sample": answer.array.shape[1],
            "weights": FEATURES * WIDTH,
            "samples": len(answer.array),
        },
    )


def _bytes() -> Seen:
    digits = Learner(sequence(dense(10)), microbatches=1, seed=1)
    prepared = PreparedTraining.of(digits.spec, load("digits"), epochs=1, batch_size=IMAGES)
    inputs = freeze(prepared.trainer.inputs[:IMAGES])
    message = Forward("digits", 0, 0, 0, inputs, Part(microbatches=1, samples=IMAGES))
    return Seen(
        [str(message)],
        {
            "bytes": message.nbytes,
            "numbers": message.array.size,
            "as_float64": message.array.astype(np.float64).nbytes,
            "an_image": message.nbytes // IMAGES,
            "each": message.array.itemsize,
        },
    )


def _write_to_it() -> Seen:
    node, message = _layer()
    (answer,) = _sent(node, message)
    try:
        answer.array[0, 0] = 1
    except ValueError as error:
        return Seen([">>> answer.array[0, 0] = 1", f"ValueError: {error}"])
    raise AssertionError("expected an array of a message to be read-only")


def _send_twice() -> Seen:
    node, message = _layer()
    answers = _sent(node, message, message)
    lines = [f"in:  {message}"] * 2 + [f"out: {answer}" for answer in answers]
    return Seen(lines, {"answers": len(answers), "given": 2, "none": 0})


def _whole_step() -> Seen:
    with trace() as traced:
        _learner().train(load("xor"), epochs=1, batch_size=SAMPLES)
    peers = len(_program().peers)
    layers = len(_learner().spec.network.layers)
    lines = [line for line in traced.sequence(0).splitlines() if "predict" not in line]
    return Seen(lines, {"actors": peers, "layers": layers, "stages": peers - 1})


SOLUTION = '''\
"""Lesson 1: what the actor of a dense layer does with a message."""

from dataclasses import replace


def handle(weight, bias, message):
    """Return the message that a dense layer sends when it is given
    ``message``.

    Its array is ``message.array @ weight + bias``. It travels on the next edge
    of the network, whose number is one higher than that of ``message``. All
    else, such as step and microbatch, stays: ``replace(message, ...)``.
    """
    outputs = message.array @ weight + bias
    return replace(message, array=outputs, edge=message.edge + 1)
'''


def _outcome(made: ModuleType) -> Iterator[Found]:
    rng = np.random.default_rng(1)
    weight, bias = (rng.standard_normal(shape).astype(np.float32) for shape in ((FEATURES, WIDTH), (WIDTH,)))
    message = Forward("lesson", 5, 1, 0, freeze(np.array(XOR, np.float32)), Part(2, SAMPLES))
    answer: Any = made.handle(weight, bias, message)
    yield Found("the message that layer 0 sends at step 5", None if answer is None else type(answer).__name__)
    yield Found("the array that layer 0 sends at step 5", answer.array)
    yield Found("the edge of that message", answer.edge)
    yield Found("the step of that message", answer.step)
    yield Found("the microbatch of that message", answer.microbatch)
    yield Found("the array that layer 0 was given, afterwards", message.array)


LESSON = Lesson(
    1,
    "One layer is a process",
    (
        "Say what an actor is, and what is inside the actor of a layer.",
        "Read a message: kind, step, microbatch, edge, shape, bytes.",
        "Write what an actor does with a message.",
    ),
    (
        Text(
            """
            In most programs a network is one object: a loop calls its layers one after another. Here each layer is an
            actor. An actor has memory of its own, and a mailbox. It takes one message from its mailbox, works on it,
            perhaps sends messages to others, and takes the next one. Nothing else can read or change its memory.

            So a layer can live in a thread, in a process or on another machine, and nothing in it changes. And if it
            dies, only what was in its own memory is gone. The ten lessons are about what follows from this.

            You predict before you run: the first answer counts, and cannot be changed. That is not a test. What you
            expected, and did not see, is what you learn from.
            """
        ),
        Run(
            f"""
            This is a small network for XOR, which learns from two bits whether they differ: dense with {WIDTH} outputs,
            tanh, dense with {CLASSES} outputs. Here are its actors; nothing has been sent yet.
            """,
            _look,
            "The trainer feeds samples in and gets costs back. It is an actor, too.",
        ),
        Question(
            "numbers",
            f"""
            We send layer 0 one message: {SAMPLES} samples of {FEATURES} numbers each. Its weights have {FEATURES} rows
            and {WIDTH} columns. It answers by sending one message to layer 1. How many numbers are in that message?
            """,
            _send_one,
            "numbers",
            "Each of the {samples} samples becomes {a_sample} numbers, and all of them travel in one message.",
            (
                Wrong("taken", "As many numbers went in; a dense layer may make each sample longer or shorter."),
                Wrong("a_sample", "That is one sample. A message carries all samples of its microbatch."),
                Wrong("weights", "That is the size of the weights. They are the layer's memory, and never leave it."),
            ),
        ),
        Text(
            """
            Read the line of the message once more. It is a forward message: an activation. Step and microbatch say for
            which piece of the training it is; both count from 0. The edge says where in the network it travels:
            edge 0 leads into layer 0, edge 1 from layer 0 to layer 1. Then come shape, type and bytes.

            With these, a message can be understood without knowing anything of what was sent before.
            """
        ),
        Question(
            "bytes",
            f"""
            Now images: a network for handwritten digits is sent {IMAGES} of them in one message, each with {SIDE} rows
            of {SIDE} numbers, all of type float32. How many bytes is the array of the message?
            """,
            _bytes,
            "bytes",
            "{numbers:,} numbers of {each} bytes. Between processes these bytes travel; between threads a pointer.",
            (
                Wrong("as_float64", "float64, the default of NumPy, would take that. Networks here use float32."),
                Wrong("numbers", "That is how many numbers there are; each takes more than one byte."),
                Wrong("an_image", "That is one image. All images of a microbatch travel together."),
            ),
        ),
        Run(
            """
            Between threads, sender and receiver could write to the same array, and share memory after all. We try: we
            write to the array of a message that was sent.
            """,
            _write_to_it,
            "An array that was sent can only be read from then on, so no actor can change what another one has.",
        ),
        Question(
            "answers",
            """
            Networks of actors lose messages when an actor dies, and then send them again, to be safe. So we send layer
            0 the same message twice: same step, same microbatch, same edge. How many messages does it send to layer 1?
            """,
            _send_twice,
            "answers",
            "It knows a message by its step, microbatch and edge, and drops what it has seen. So it is always safe to "
            "send again, and a layer never learns from a sample twice.",
            (
                Wrong("given", "A function would compute twice. The actor remembers which messages it has seen."),
                Wrong("none", "It drops the second one; the first one it has answered by then."),
            ),
        ),
        Code(
            "handle",
            """
            Now you write what the actor of a dense layer does with a message. The function is given the layer's weights
            and one message, and returns the message to send. Two lines are enough; the docstring says what it needs.
            """,
            ("handle",),
            SOLUTION,
            _outcome,
            "Compute the outputs with @ and +, then return replace(message, array=..., edge=...).",
            "These are the bits that the real layer sends.",
            (
                WrongCode(
                    ", edge=message.edge + 1",
                    "",
                    "It would travel on the edge on which it came, back to layer 0 itself.",
                ),
                WrongCode(
                    "@ weight + bias\n    return",
                    "@ weight\n    return",
                    "The biases are left out: each column is off by the same number.",
                ),
                WrongCode(
                    "replace(message, array=outputs, edge=message.edge + 1)",
                    "outputs",
                    "That is a bare array: no receiver could tell for which step it is. Put it into a message.",
                ),
            ),
        ),
        Question(
            "actors",
            """
            Last, one whole training step of this network, traced: dense, tanh and dense, then the cost, which compares
            the outputs with the targets. How many actors exchange messages in it?
            """,
            _whole_step,
            "actors",
            "{layers} layers, the cost, and the trainer: each column is an actor, each arrow a message, and time runs "
            "from top to bottom. The actor of a layer is called a stage, and stages are numbered like layers.",
            (
                Wrong(
                    "layers", "Those are the layers with names; the cost is an actor, too, and the trainer feeds it."
                ),
                Wrong("stages", "Layers and cost; one more actor feeds the samples in: the trainer."),
            ),
        ),
        Text(
            """
            You have seen all that there is: actors, mailboxes, and messages that say for which step they are. In your
            own programs the picture is made by

                from annex_actors import trace
                with trace() as t:
                    learner.train(data)
                print(t.sequence(0))

            Lesson 2 asks in which order all this happens, and which actor waits for which.
            """
        ),
    ),
)
