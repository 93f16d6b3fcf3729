"""Lesson 7: a pipeline schedule is a rule of mailboxes, and two cells of a table turn one into another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import ModuleType

import numpy as np

from annex_actors.base.words import counted
from annex_actors.data import load
from annex_actors.experiments.simulation import Simulation, simulate
from annex_actors.layers import activation, dense, sequence
from annex_actors.lessons.small_runs import COLUMNS
from annex_actors.lessons.steps import Code, Found, Lesson, Question, Seen, Text, Wrong, WrongCode
from annex_actors.observe.timeline import draw
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes.cost_model import LayerTimes
from annex_actors.schedules.discipline import B, Discipline, F, W
from annex_actors.training.learner import Learner

LAYERS, MICROBATCHES = 4, 8
SIZES = ((LAYERS, MICROBATCHES), (3, 5), (2, 7))
TRAINED = ("gpipe", "1f1b")
TIMES = LayerTimes(1, 1, 0)  # weight gradients take no time here, so that drawings show forwards and backwards


@cache
def _simulated(schedule: str) -> Simulation:
    return simulate(schedule, stages=LAYERS, microbatches=MICROBATCHES, times=TIMES)


def _kept(step: Simulation, layer: int) -> list[int]:
    """Return how many activations a layer keeps in each unit of time: from the begin of F to the end of B."""
    own = [piece for piece in step.pieces if piece.stage == stage_address(layer)]
    begun = {piece.microbatch: piece.start for piece in own if piece.work == "F"}
    ended = {piece.microbatch: piece.end for piece in own if piece.work == "B"}
    units = range(int(step.makespan))
    return [sum(begun[each] <= time < ended[each] for each in begun) for time in units]


def _strips(step: Simulation) -> list[str]:
    """Return a row for each layer: how many activations it keeps, below the drawing of its work."""
    return [f"{f'kept-{layer}':9}" + "".join(f"{count:<3}" for count in _kept(step, layer)) for layer in range(LAYERS)]


def _shown(schedule: str) -> list[str]:
    step = _simulated(schedule)
    return [*draw(step.pieces, width=COLUMNS), *(line.rstrip() for line in _strips(step))]


def _peaks(schedule: str) -> list[int]:
    return [stage.in_flight for stage in _simulated(schedule).stages]


def _order(step: Simulation, layer: int) -> str:
    """Return a layer's work in a step, such as ``F0 F1 B0 B1``."""
    pieces = [piece for piece in step.pieces if piece.stage == stage_address(layer) and piece.work in "FB"]
    return " ".join(f"{piece.work}{piece.microbatch}" for piece in sorted(pieces, key=lambda each: each.start))


def _gpipe() -> Seen:
    peaks = _peaks("gpipe")
    return Seen(
        _shown("gpipe"),
        {"peak": peaks[0], "layers": LAYERS, "others": LAYERS - 1, "one": min(_peaks("sequential"))},
    )


def _both() -> Seen:
    peaks = {name: _peaks(name) for name in TRAINED}
    lines = ["kept at most by layer    " + "".join(f"{layer:4}" for layer in range(LAYERS)) + "  all"]
    lines += [f"{name:25}{''.join(f'{peak:4}' for peak in each)}{sum(each):5}" for name, each in peaks.items()]
    after = peaks["1f1b"]
    return Seen(
        [*_shown("1f1b"), "", *lines],
        {
            "all": sum(after),
            "first": after[0],
            "equal": len(after) * after[0],
            "before": sum(peaks["gpipe"]),
            "last": after[-1],
        },
    )


def _longer() -> Seen:
    spans = {name: _simulated(name).makespan for name in TRAINED}
    return Seen(
        [f"{name:8} a step takes the time {span:g}" for name, span in spans.items()],
        {
            "longer": spans["1f1b"] - spans["gpipe"],
            "others": LAYERS - 1,
            "fewer": _peaks("gpipe")[0] - _peaks("1f1b")[0],
        },
    )


def _weights() -> Seen:
    network = sequence(dense(16), activation("relu"), dense(10))
    lines, made = list[str](), list[np.ndarray]()
    for name in TRAINED:
        learner = Learner(network, schedule=name, microbatches=MICROBATCHES, seed=1)
        trained = learner.train(load("digits"), epochs=1).checkpoint
        made.append(np.concatenate([array.ravel() for array in trained.weights.values()]))
        lines.append(f"{name:8} {counted(trained.step, 'step')}, weights {trained.weights_sha256[:32]}")
    differ = int((made[0].view(np.uint32) != made[1].view(np.uint32)).sum())
    lines.append(f"different in any bit: {differ} of {counted(made[0].size, 'weight')}")
    biases = sum(array.size for name, array in trained.weights.items() if name.endswith("bias"))
    return Seen(lines, {"differ": differ, "all": made[0].size, "biases": biases})


STRIP = '''\
"""Lesson 7: how many activations a layer keeps."""


def kept(order):
    """Return how many activations a layer keeps after each piece of its work:
    a list of whole numbers.

    ``order`` is its work in a step, such as ``["F0", "F1", "B0", "B1"]``.
    After F of a microbatch it keeps what the backward will need; after B of
    the same microbatch it forgets that.
    """
    count, counts = 0, []
    for piece in order:
        count += 1 if piece.startswith("F") else -1
        counts.append(count)
    return counts
'''

CELLS = '''\
"""Lesson 7: two cells of the table of schedules."""


def credit(s, S, m):
    """Return how many microbatches layer ``s`` of ``S`` may have in flight: F
    done, B not. ``m`` are in a step.

    In gpipe it is ``m``. Let it be as many as layer s has to send on until the
    first of them can be back: one for itself, and one for each layer behind
    it.
    """
    return S - s


def gate(work, at):
    """Return whether the layer may do this ``work`` now, given that the credit
    allows it; ``at`` says how far it is.

    In gpipe it is ``work.value != "B" or at.forwards == at.m``: no backward
    before the last forward. Let it always be open.
    """
    return True
'''


def _strip_outcome(made: ModuleType) -> Iterator[Found]:
    for name in ("sequential", *TRAINED):
        for layer in (0, LAYERS - 1):
            order = _order(_simulated(name), layer).split()
            counts = made.kept(order)
            what = f"kept(order) of layer {layer} with {name}"
            yield Found(what, None if counts is None else np.array(counts))
            peak = _peaks(name)[layer]
            yield Found(f"its largest, for layer {layer} with {name}", float(max(counts)), np.array(float(peak)))


def _discipline(made: ModuleType) -> Discipline:
    """Return gpipe with the learner's two cells."""
    return Discipline("yours", "gpipe with two other cells", (F, B, W), credit=made.credit, gate=made.gate)


def _cells_outcome(made: ModuleType) -> Iterator[Found]:
    for layers, microbatches in SIZES:
        credits = [made.credit(layer, layers, microbatches) for layer in range(layers)]
        what = f"with {counted(layers, 'layer')} and {counted(microbatches, 'microbatch')}"
        yield Found(f"credit {what}", None if None in credits else np.array(credits))
        row = _discipline(made)
        step = simulate(row, stages=layers, microbatches=microbatches, times=TIMES)
        yield Found(f"the time of a step {what}", float(step.makespan))
        for layer in range(layers):
            yield Found(f"the work of layer {layer} {what}", _order(step, layer))


LESSON = Lesson(
    7,
    "A schedule is a mailbox rule",
    (
        "Read a row of the table of schedules: priority, credit, gate.",
        "Say what a schedule costs in memory, and what in time.",
        "Change a schedule without touching a layer, and say why no weight changes.",
    ),
    (
        Text(
            """
            Messages wait in a layer's mailbox in the order in which they came. Which one it takes next is free: for
            each microbatch there is a forward to do, later a backward. A rule decides, the discipline, and it is only
            data: a priority among forward (F), backward (B) and weight gradient (W), a credit, and perhaps a gate.

            The credit is how many microbatches a layer may have in flight: their forward is done, their backward is
            not. For each it keeps an activation, since the backward will need it. That is memory.
            """
        ),
        Question(
            "peak",
            f"""
            The schedule gpipe does all forwards, then all backwards. {LAYERS} layers, {MICROBATCHES} microbatches: how
            many activations does layer 0 keep at most?
            """,
            _gpipe,
            "peak",
            "The rows named kept count them. At the end of the forwards each layer keeps all microbatches of the step: "
            "more microbatches make a smaller bubble, and no smaller memory.",
            (
                Wrong("layers", "As many as there are layers? A layer does not know how many there are: it goes on."),
                Wrong("others", "It does not wait for the other layers: all its forwards come first."),
                Wrong("one", "It would keep one if each went back before the next comes: that is no pipeline."),
            ),
        ),
        Code(
            "strip",
            """
            Count it: write the row named kept, of one layer, from the order of its work. Your largest numbers are
            compared with what the real mailboxes had in flight.
            """,
            ("kept",),
            STRIP,
            _strip_outcome,
            "A count that goes up at an F and down at a B, and a list of its values.",
            "Each schedule is such a line: what it gains in time it has to keep in memory.",
            (
                WrongCode('"F") else -1', '"F") else 0', "After its backward, an activation is forgotten."),
                WrongCode(
                    "        counts.append(count)\n", "    counts.append(count)\n", "That is one number: the last."
                ),
                WrongCode(
                    '        count += 1 if piece.startswith("F") else -1\n        counts.append(count)\n',
                    '        counts.append(count)\n        count += 1 if piece.startswith("F") else -1\n',
                    "Those are the numbers before each piece of work.",
                ),
            ),
            minutes=5,
        ),
        Text(
            """
            Does layer 0 need all these activations? It has to send on until the first microbatch has been at the last
            layer and is back: one for itself, and one for each layer behind it. From then on, one comes back for each
            that it sends. The last layer can turn each microbatch around at once.

            So layer s of S needs a credit of S - s, and no gate. The rest of the row may stay. This schedule is called
            1f1b: one forward, one backward.
            """
        ),
        Question(
            "all",
            f"""
            With the credit S - s, how many activations do all {LAYERS} layers keep, if each keeps as many as it may?
            """,
            _both,
            "all",
            "With gpipe it was {before}. The number of microbatches is no longer in it, so they may be many.",
            (
                Wrong("first", "That is layer 0 alone."),
                Wrong("equal", "Layers further behind may have fewer in flight than layer 0."),
                Wrong("before", "That is gpipe, which keeps every microbatch everywhere."),
            ),
        ),
        Code(
            "cells",
            """
            Turn gpipe into 1f1b: write two cells of its row, as functions. The stages, the mailboxes and the messages
            are the product's and stay as they are; yours decide what each layer takes next.
            """,
            ("credit", "gate"),
            CELLS,
            _cells_outcome,
            "Each is one return. The text above has the formula of the credit; a gate that is open returns True.",
            "That was a pipeline schedule: two lines. `annex-actors schedules` lists the others, which are rows, too.",
            (
                WrongCode(
                    "    return True",
                    '    return work.value != "B" or at.forwards == at.m',
                    "That is the gate of gpipe. With less credit than microbatches, B waits for all F, F waits for "
                    "credit, and credit comes from B: the run stands still. See `annex-actors explain standstill`.",
                ),
                WrongCode("return S - s", "return m", "That is the credit of gpipe: nothing holds a forward back."),
                WrongCode("return S - s", "return S", "As many everywhere: later layers hoard what they need not."),
                WrongCode("return S - s", "return 1", "One microbatch in the whole network: no two layers ever work."),
                WrongCode(
                    "return S - s", "return s + 1", "The wrong way round: layer 0 has the longest way, not the last."
                ),
                WrongCode(
                    "return S - s",
                    "return S - s - 1",
                    "The last layer would have no credit at all, and never begin: it is one for itself, too.",
                ),
            ),
            minutes=5,
        ),
        Question(
            "longer",
            f"""
            1f1b keeps less. By how many units is its step longer than that of gpipe, with {LAYERS} layers and
            {MICROBATCHES} microbatches? F and B take one unit each.
            """,
            _longer,
            "longer",
            "The same work, the same bubble, in another order: both wait only while the pipeline fills and drains. If "
            "messages take time, a larger credit hides it: see 1f1b-latency-hiding.",
            (
                Wrong("others", "The pipeline fills and drains once, with both schedules."),
                Wrong("fewer", "Fewer activations are less memory; they make nothing wait here."),
            ),
        ),
        Question(
            "differ",
            """
            We train a network on digits for an epoch, once with each schedule. How many of its weights differ at the
            end, in any bit?
            """,
            _weights,
            "differ",
            "A layer does F and B of each microbatch with the same weights, in whatever order, and combines gradients "
            "in the order of microbatches, not of arrival. So a synchronous schedule decides time and memory alone.",
            (
                Wrong("all", "The order of work changes, but not the numbers that go into any sum, nor its order."),
                Wrong("biases", "Biases are sums over samples, which are added in the same order, too."),
            ),
        ),
        Text(
            """
            A row of your own needs ten lines of a file, see examples/own_schedule.py, and then

                annex-actors simulate --load mine.py --schedule mine

            draws it. Up to here all layers took equally long. The next lesson is about those that do not.
            """
        ),
    ),
)
