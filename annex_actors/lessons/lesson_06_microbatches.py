"""Lesson 6: microbatches keep layers busy, and what is left of the waiting is the bubble."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from types import ModuleType

import numpy as np

from annex_actors.base.words import counted
from annex_actors.data import load
from annex_actors.experiments.simulation import Simulation, simulate
from annex_actors.layers import activation, dense, sequence
from annex_actors.lessons.measuring import measured_step
from annex_actors.lessons.steps import Code, Found, Lesson, Question, Run, Seen, Text, Wrong, WrongCode
from annex_actors.observe.timeline import draw
from annex_actors.runtimes.cost_model import LayerTimes
from annex_actors.runtimes.slowed_layers import SlowedLayers
from annex_actors.training.learner import Learner

LAYERS = 4
WHOLE = 12  # how long a layer works on a whole batch, in units of time: forward, and the same backward
CUT = 4
PART = WHOLE // CUT
TENTH = 0.1
MOST = 48  # microbatches that are tried
BATCH = 32
SECONDS = 0.016  # that a layer waits for a whole batch, where steps are measured
COUNTS = (1, 2, 4, 8)
WIDTH = 76


def _simulated(microbatches: int, layers: int = LAYERS) -> Simulation:
    """Return a step of gpipe in which the work on the whole batch takes the same time, however it is cut."""
    each = WHOLE / microbatches
    return simulate("gpipe", stages=layers, microbatches=microbatches, times=LayerTimes(each, each, 0))


def _idle(simulation: Simulation) -> float:
    """Return how long a layer does nothing in the step."""
    return simulation.makespan - simulation.workers[0].busy


def _one() -> Seen:
    step = _simulated(1)
    return Seen(
        draw(step.pieces, width=WIDTH),
        {"step": step.makespan, "own": 2 * WHOLE, "forwards": LAYERS * WHOLE, "idle": _idle(step)},
    )


def _four() -> Seen:
    step, whole = _simulated(CUT), _simulated(1)
    return Seen(
        draw(step.pieces, width=WIDTH),
        {
            "step": step.makespan,
            "whole": whole.makespan,
            "ideal": whole.makespan / LAYERS,
            "forwards": max(piece.end for piece in step.pieces if piece.work == "F"),
            "idle": _idle(step),
        },
    )


def _share() -> Seen:
    lines, step = ["microbatches  a step  work of a layer  idle"], _simulated(CUT)
    for count in (1, 2, CUT):
        each = _simulated(count)
        lines.append(f"{count:12}{each.makespan:8g}{each.workers[0].busy:17g}{_idle(each):6g}")
    work = step.workers[0].busy
    return Seen(
        lines,
        {
            "share": _idle(step) / work,
            "of_step": _idle(step) / step.makespan,
            "one_of": 1 / CUT,
            "idle": _idle(step),
            "work": work,
        },
    )


@cache
def _fewest(layers: int, of_step: bool = False) -> int:
    """Return the fewest microbatches with which the bubble is at most a tenth of a layer's work, or of the step."""
    for microbatches in range(1, MOST):
        step = simulate(
            "gpipe", stages=layers, microbatches=microbatches, times=LayerTimes(1, 1, 0), pieces=False
        )  # in units of one piece of work, which are whole numbers
        if _idle(step) <= TENTH * (step.makespan if of_step else step.workers[0].busy):
            return microbatches
    raise AssertionError("expected a tenth to be reached")


def _tenth() -> Seen:
    fewest = _fewest(LAYERS)
    lines = ["microbatches  bubble"]
    for count in (1, 2, 4, 8, 16, fewest - 1, fewest):
        lines.append(f"{count:12}{_idle(_simulated(count)) / (2 * WHOLE):8.1%}")
    return Seen(
        lines,
        {
            "fewest": fewest,
            "of_step": _fewest(LAYERS, of_step=True),
            "two": _fewest(2),
            "five": _fewest(LAYERS + 1),
            "after_first": LAYERS - 1,
        },
    )


def _measure() -> Seen:
    digits, network = load("digits"), sequence(dense(16), activation("relu"), dense(10))
    rows = ["microbatches  simulated  measured"]
    for count in COUNTS:
        wait = SECONDS / count
        slowed = SlowedLayers(waits={layer: LayerTimes(wait, wait, 0) for layer in range(LAYERS)})
        learner = Learner(network, runtime="threads", schedule="gpipe", microbatches=count)
        seconds, _ = measured_step(learner, digits, BATCH // count, slowed)
        simulated = _simulated(count).makespan * SECONDS / WHOLE
        rows.append(f"{count:12}{1e3 * simulated:8.1f} ms{1e3 * seconds:7.1f} ms")
    return Seen(rows)


SOLUTION = '''\
"""Lesson 6: when each forward of a step ends."""

import numpy as np


def forward_ends(times, microbatches):
    """Return when each forward ends: an array with a row for each layer and a
    column for each microbatch.

    ``times`` says of each layer how long it works on a microbatch. At time 0,
    all microbatches are in the mailbox of layer 0. Layer s begins with
    microbatch i when layer s - 1 has sent it, and when layer s is done with
    microbatch i - 1; a message takes no time.
    """
    ends = np.zeros((len(times), microbatches))
    for s in range(len(times)):
        for i in range(microbatches):
            arrives = ends[s - 1, i] if s > 0 else 0.0
            is_free = ends[s, i - 1] if i > 0 else 0.0
            ends[s, i] = max(arrives, is_free) + times[s]
    return ends
'''

CASES: Sequence[tuple[tuple[int, ...], int]] = (((1, 1, 1), 1), ((1, 1, 1), 4), ((1, 3, 1, 2), 5), ((2, 1, 5), 6))


def _outcome(made: ModuleType) -> Iterator[Found]:
    for times, microbatches in CASES:
        each = [LayerTimes(time, time, 0) for time in times]
        step = simulate("gpipe", stages=len(times), microbatches=microbatches, times=each)
        near = np.zeros((len(times), microbatches))
        for piece in step.pieces:
            if piece.work == "F":
                near[piece.stage.number or 0, piece.microbatch] = piece.end
        what = f"the ends of forwards, times {list(times)}, {counted(microbatches, 'microbatch')}"
        yield Found(what, made.forward_ends(times, microbatches), near, by="the simulator")


LESSON = Lesson(
    6,
    "Microbatches and the bubble",
    (
        "Say why layers of a pipeline wait, and for how long.",
        "Compute the bubble from the numbers of layers and of microbatches.",
        "Compare what is predicted with what is measured.",
    ),
    (
        Text(
            f"""
            So far a batch went through the network as a whole. Then only one layer works at any time: the others wait
            for its message, forward and back. {LAYERS} workers are no faster than one.

            In this lesson time is counted in units. A layer works {WHOLE} units on the forward of a batch and {WHOLE}
            on its backward. To keep drawings small, messages, weight gradients and updates take no time. The simulator
            runs the real actors and mailboxes; only its clock is not real. In its drawings each actor has a row, such
            as stage-0 for layer 0; F1 is the forward of microbatch 1, B1 its backward.
            """
        ),
        Question(
            "one",
            f"""
            {LAYERS} layers, and the batch in one piece. How many units does a step take, from the first forward to
            the end of the last backward?
            """,
            _one,
            "step",
            "Each layer works {own:g} units, one after another, and waits for {idle:g}. Dots are idle time.",
            (
                Wrong("own", "So long works each layer. But no two of them ever work at once."),
                Wrong("forwards", "Those are the forwards; the backwards go all the way back."),
            ),
        ),
        Text(
            f"""
            Now we cut the batch into microbatches. As soon as layer 0 is done with the first, layer 1 can begin with
            it, while layer 0 takes the second from its mailbox. The weights change once a step, after all of them, and
            their gradients are combined in the same order: so it is the same training, no matter what works at once.

            The work stays the same: each of {CUT} microbatches takes {PART} units forward, and {PART} back.
            """
        ),
        Question(
            "four",
            f"""
            The same {LAYERS} layers, {CUT} microbatches; all forwards come first, then all backwards. How many units
            does a step take?
            """,
            _four,
            "step",
            "The first microbatch has to pass all other layers before the last one has work, and on the way back it is "
            "the same. With S layers and m microbatches a step takes as long as m + S - 1 forwards and as many "
            "backwards.",
            (
                Wrong("whole", "That is a batch in one piece. Here several layers work at the same time."),
                Wrong("ideal", "So it would be if all layers worked all the time. The last has to wait first."),
                Wrong("forwards", "That is when the last forward ends; then come the backwards."),
            ),
        ),
        Question(
            "share",
            f"""
            The bubble is the time in which a layer is idle in a step. How large is it with {CUT} microbatches, as a
            part of the time in which the layer works? Answer with a number such as 0.5.
            """,
            _share,
            "share",
            "{idle:g} of {work:g} units, which is (S - 1) / m. It does not depend on how long the work takes.",
            (
                Wrong("of_step", "That is its part of the whole step. Compare it with the work alone."),
                Wrong("one_of", "One microbatch of them all? A layer waits once for each of the other layers."),
            ),
            within=0.01,
        ),
        Question(
            "fewest",
            f"""
            Into how many microbatches must the batch be cut, at least, so that the bubble is at most {TENTH} of the
            work? Still {LAYERS} layers.
            """,
            _tenth,
            "fewest",
            "(S - 1) / m, with {after_first} layers after the first. Each further halving takes twice as many again.",
            (
                Wrong("two", "That would do for two layers. Each further layer adds as much again."),
                Wrong("five", "That is S / m. The first layer waits for the others, not for itself: S - 1."),
                Wrong("of_step", "With these it is a tenth of the whole step, which is less to ask for."),
            ),
        ),
        Code(
            "forward_ends",
            """
            Write when each forward ends: a simulator in a few lines. The rule is that of any actor: it needs the
            message, and it needs to be done with the last one. Your times are compared with the ends of the pieces of
            work in the real simulator, also for layers that are not equally fast.
            """,
            ("forward_ends",),
            SOLUTION,
            _outcome,
            "Two loops, over layers and microbatches; each end is max(of two times) + times[s].",
            "A whole pipeline in one max: so little is behind the drawings. Backwards follow the same rule.",
            (
                WrongCode("max(arrives, is_free)", "arrives", "A layer would work on several microbatches at once."),
                WrongCode("max(arrives, is_free)", "is_free", "A layer would begin before the message has arrived."),
                WrongCode(
                    "max(arrives, is_free)",
                    "arrives + is_free",
                    "It waits for both at the same time, not for one after the other: the later one counts.",
                ),
            ),
        ),
        Run(
            f"""
            Now on this machine, with real actors on threads. To have {LAYERS} equal workers on any machine, each layer
            waits after its little work: {1e3 * SECONDS:g} ms for a whole batch. This takes a few seconds.
            """,
            _measure,
            "These are times of this machine, and differ a little each time. What a measured step takes longer is the "
            "price of messages and threads. It grows with the number of microbatches, and a product of few rows is "
            "slower for each of them: so a batch is not cut into single samples.",
        ),
        Text(
            """
            Remember: the bubble is (S - 1) / m of the work. More layers make it larger, more microbatches smaller, and
            each microbatch costs messages. `annex-actors explain bubble` has it in two sentences, and

                annex-actors sweep "stages=1..5" microbatches=1,2,4,8

            predicts it for your own network. What microbatches cost in memory, and what decides which one is next, is
            the matter of the next lesson.
            """
        ),
    ),
)
