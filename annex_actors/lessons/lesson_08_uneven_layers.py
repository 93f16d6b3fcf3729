"""Lesson 8: layers that are not equally fast: the bottleneck, and a layer that moves to the next actor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate, pairwise
from types import ModuleType

import numpy as np

from annex_actors.base.words import counted
from annex_actors.data import load
from annex_actors.experiments.comparison import compare
from annex_actors.experiments.simulation import Simulation, simulate
from annex_actors.layers import activation, dense, sequence
from annex_actors.lessons.small_runs import COLUMNS
from annex_actors.lessons.steps import Code, Found, Lesson, Question, Run, Seen, Text, Wrong, WrongCode
from annex_actors.observe.timeline import draw
from annex_actors.placement.partition import partition
from annex_actors.runtimes.cost_model import LayerTimes
from annex_actors.runtimes.slowed_layers import SlowedLayers
from annex_actors.training.learner import Learner

TIMES = (1, 1, 1, 4, 1, 1)  # units that each layer works on a microbatch, forward; and as many backward
MICROBATCHES = 8
EVEN, MOVED, OTHER, MORE = (2, 2, 2), (3, 1, 2), (2, 1, 3), (3, 1, 1, 1)
ROWS = 4
UNIT = 0.001  # seconds that a layer waits for a unit, where plans are measured
CASES: Sequence[tuple[tuple[int, ...], int]] = (
    (TIMES, 3),
    (TIMES, 2),
    ((5, 1, 1, 1, 1), 2),
    ((1, 2, 3, 4, 5, 6, 7), 4),
)


def text_of(counts: Sequence[int]) -> str:
    """Return a plan as users write it."""
    return ",".join(map(str, counts))


def _works(counts: Sequence[int], times: Sequence[int] = TIMES) -> list[int]:
    """Return how long each actor works on a microbatch."""
    return [sum(times[first:last]) for first, last in pairwise(accumulate(counts, initial=0))]


@cache
def _simulated(counts: Sequence[int]) -> Simulation:
    times = [LayerTimes(work, work, 0) for work in _works(counts)]
    return simulate("gpipe", stages=len(counts), microbatches=MICROBATCHES, times=times)


def _table(*plans: Sequence[int]) -> list[str]:
    rows = [f"{'plan':10}{'work of each actor':22}a step"]
    return rows + [
        f"{text_of(counts):10}{' '.join(map(str, _works(counts))):22}{_simulated(counts).makespan:6g}"
        for counts in plans
    ]


def _layers() -> Seen:
    return Seen([f"layer {layer}: {'#' * time}" for layer, time in enumerate(TIMES)])


def _even() -> Seen:
    step, works = _simulated(EVEN), _works(EVEN)
    mean = LayerTimes(sum(TIMES) / len(EVEN), sum(TIMES) / len(EVEN), 0)
    equal = simulate("gpipe", stages=len(EVEN), microbatches=MICROBATCHES, times=mean).makespan
    return Seen(
        [*_table(EVEN), "", *draw(step.pieces, width=COLUMNS)],
        {
            "step": step.makespan,
            "equal": equal,
            "alone": 2 * MICROBATCHES * sum(TIMES),
            "slowest": 2 * MICROBATCHES * max(works),
            "most": max(works),
            "busy": max(works) * 2 * MICROBATCHES / step.makespan,
        },
    )


def _moved() -> Seen:
    step = _simulated(MOVED)
    return Seen(
        [*_table(EVEN, MOVED, OTHER), "", *draw(step.pieces, width=COLUMNS)],
        {
            "step": step.makespan,
            "before": _simulated(EVEN).makespan,
            "other": _simulated(OTHER).makespan,
            "layer": sum(EVEN[:1]),
        },
    )


def _more() -> Seen:
    saved = _simulated(MOVED).makespan - _simulated(MORE).makespan
    return Seen(
        _table(MOVED, MORE, (2, 1, 1, 2)),
        {
            "saved": saved,
            "share": _simulated(MOVED).makespan / len(MORE),
            "as_before": _simulated(EVEN).makespan - _simulated(MOVED).makespan,
            "longest": max(TIMES),
        },
    )


def _compared() -> Seen:
    waits = {layer: LayerTimes(UNIT * time, UNIT * time, 0) for layer, time in enumerate(TIMES)}
    network = sequence(dense(16), activation("relu"), dense(16), activation("relu"), dense(10))
    learner = Learner(network, runtime="threads", schedule="gpipe", microbatches=MICROBATCHES, seed=1)
    found = compare(
        learner.spec,
        load("digits"),
        [text_of(EVEN), text_of(MOVED), text_of(OTHER)],
        batch_size=ROWS * MICROBATCHES,
        measure=True,
        rounds=1,
        seconds=1.0,
        slowed=SlowedLayers(waits=waits),
    )
    lines = ["plan      predicted  measured  weights"]
    for each in found.plans:
        assert each.measured is not None
        times = f"{1e3 * each.predicted.seconds:6.1f} ms {1e3 * each.measured.median:6.1f} ms"
        lines.append(f"{each.name:10}{times}  {str(each.weights_sha256)[:16]}")
    lines.append(f"the fastest is {found.winner.name}")
    weights = {each.weights_sha256 for each in found.plans}
    return Seen(lines, {"weights": len(weights), "plans": len(found.plans), "none": 0})


SOLUTION = '''\
"""Lesson 8: how to divide layers among actors."""

from itertools import combinations


def bottleneck(times, counts):
    """Return how long the slowest actor works on a microbatch.

    ``times`` says of each layer how long it works. The first actor has the
    first ``counts[0]`` layers, the second the next ``counts[1]``, and so on.
    """
    works, first = [], 0
    for count in counts:
        works.append(sum(times[first : first + count]))
        first += count
    return max(works)


def all_plans(layers, actors):
    """Yield all ways to divide so many layers, as tuples of counts. This part
    is written already."""
    for cuts in combinations(range(1, layers), actors - 1):
        ends = (0, *cuts, layers)
        yield tuple(last - first for first, last in zip(ends, ends[1:]))


def best(times, actors):
    """Return the plan, a tuple of counts, whose bottleneck is smallest; of
    several, the first that is yielded."""
    return min(all_plans(len(times), actors), key=lambda counts: bottleneck(times, counts))
'''


def _outcome(made: ModuleType) -> Iterator[Found]:
    for counts in (EVEN, MOVED, OTHER, (1, 4, 1)):
        what = f"bottleneck of plan {text_of(counts)} with times {list(TIMES)}"
        answer = made.bottleneck(list(TIMES), counts)
        yield Found(what, answer if answer is None else float(answer))
    for times, actors in CASES:
        what = f"best plan of {counted(actors, 'actor')} with times {list(times)}"
        counts = made.best(list(times), actors)
        if counts is not None:
            least = max(sum(times[layer] for layer in part) for part in partition(times, actors))
            near = np.array(float(least))
            yield Found(f"the bottleneck of the {what}", float(max(_works(counts, times))), near, by="the planner")
        yield Found(what, None if counts is None else text_of(counts))


LESSON = Lesson(
    8,
    "Uneven layers",
    (
        "Find the bottleneck of a pipeline, and predict what it costs.",
        "Move a layer to another actor, and say why no weight changes.",
        "Say when more workers do not help.",
    ),
    (
        Text(
            f"""
            Layers are seldom equally fast: a wide dense layer takes many times as long as an activation. And an actor
            need not be one layer: neighbouring layers can share one. Which layers share an actor is called a plan, and
            is written as counts: {text_of(EVEN)}, for example, is {counted(len(EVEN), "actor")} of
            {counted(EVEN[0], "layer")} each.

            The layers of an actor hand on their arrays without a message. For the others it is one layer, as slow as
            its layers together.
            """
        ),
        Run(
            f"""
            {counted(len(TIMES), "layer")}, and how many units each works on a microbatch: so long forward, and so long
            backward.
            """,
            _layers,
            "One of them has most of the work.",
        ),
        Question(
            "step",
            f"""
            The plan is {text_of(EVEN)}, the schedule gpipe, with {MICROBATCHES} microbatches. The first microbatch goes
            through all actors; each later one comes out when the slowest is done with it. Then all goes back in the
            same way. How many units does a step take?
            """,
            _even,
            "step",
            "All actors once, then the slowest for each further microbatch, forward and back. The actor with the work "
            "{most:g} is the bottleneck: it works {busy:.0%} of the step, and the others wait for it.",
            (
                Wrong("equal", "So long it would take if the work were divided equally: the mean says nothing here."),
                Wrong("alone", "That is one actor with all layers. Here they work at the same time."),
                Wrong("slowest", "So long works the slowest actor. It has to wait for the first microbatch, too."),
            ),
            minutes=3,
        ),
        Question(
            "moved",
            f"""
            Layer {EVEN[0]} moves from the second actor to the first: the plan is {text_of(MOVED)}. How many units does
            a step take now?
            """,
            _moved,
            "step",
            "The bottleneck has less to do, and the first actor, which waited anyway, has more. The work of all "
            "together is the same.",
            (
                Wrong("before", "The work is the same, but the slowest actor has less of it."),
                Wrong("other", "So it would be if the second actor kept that layer, and gave away the slow one."),
            ),
            minutes=3,
        ),
        Code(
            "best",
            """
            Find the best plan: write the bottleneck of a plan, and choose the plan for which it is smallest. Trying all
            is good enough here; yours is compared with the product's planner, which does not try all.
            """,
            ("bottleneck", "best"),
            SOLUTION,
            _outcome,
            "Sum the times of each actor's layers and return the largest; then min(..., key=...) over all_plans.",
            "That is what `--stages 3` does with a number: it divides the layers by their work. `annex-actors plan` "
            "also knows what messages cost, and how much memory there is.",
            (
                WrongCode("return max(works)", "return sum(works)", "The sum is the same for all plans."),
                WrongCode(
                    "return max(works)", "return sum(works) / len(works)", "The mean is the same for all plans, too."
                ),
                WrongCode(
                    "        first += count\n", "", "Each actor would begin with layer 0: go on behind the last."
                ),
                WrongCode("return min(all_plans", "return max(all_plans", "That is the worst plan."),
                WrongCode(
                    "key=lambda counts: bottleneck(times, counts)",
                    "key=lambda counts: max(counts)",
                    "Equal numbers of layers are not equal work.",
                ),
            ),
        ),
        Question(
            "saved",
            f"""
            One more worker: {counted(len(MORE), "actor")}, with the best plan there is. How many units does a step
            become shorter than with {text_of(MOVED)}?
            """,
            _more,
            "saved",
            "The slowest layer alone takes {longest:g} units, and no plan divides a layer. What helps is a replica: "
            "two actors of the same layer, which share its microbatches, written as x2. Or a faster layer.",
            (
                Wrong("as_before", "So much the first move saved. Then the bottleneck was two layers; now it is one."),
                Wrong("share", "Work is divided by layers, not by equal parts."),
                Wrong("longest", "The slow layer stays somewhere, and all wait for it."),
            ),
        ),
        Question(
            "weights",
            """
            Now on this machine: each layer waits as long as its work would take, so that real actors on threads are
            the workers. Three plans train the same network for the same number of steps. How many different sets of
            weights do they make?
            """,
            _compared,
            "weights",
            "Placement decides where and when, not what. Times are of this machine, and differ a little each time, or "
            "much if it has other work. Where they are near the predicted ones, that is because the simulator and the "
            "threads run the same actors.",
            (
                Wrong("plans", "Each plan is another placement of the same computation."),
                Wrong("none", "There is one set at least: each plan trains."),
            ),
        ),
        Text(
            f"""
            On your own network:

                annex-actors profile digits
                annex-actors plan digits --workers 3
                annex-actors compare {text_of(EVEN[:2])} layer --measure

            The first measures what each layer and each message costs here, the second finds a plan, the third tries.
            If a message costs more than the layer's work, let them share an actor: the planner says so.
            """
        ),
    ),
)
