"""What a training costs beside its layers: short real runs of the network itself, compared with each other.

On one thread of a scheduler, all that actors do comes one after another. So what a step takes longer there with an
actor for each layer than with one for all is the cost of the additional pieces of work, with the caches as the layers
leave them; and what it takes longer with one actor than its layers do is that of the trainer, of events and commits.

Two trainings of the network at once, on two threads of this process, show how much work slows other work down: they
share the memory, and an interpreter which does one thing at a time. Where layers are small, two threads are no faster
than one for that, and where one must often wait for the other, slower.

Runs are taken in turns, and compared within a turn, since processors change their speed from second to second.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from statistics import median
from threading import Barrier, Thread
from time import perf_counter

from annex_actors.base import checks
from annex_actors.placement.profile import Overheads
from annex_actors.profiling.step_ends import StepEnds
from annex_actors.runtimes import InlineRuntime, Program, Runtime, SchedulersRuntime

_WARM_UP, _FEWEST, _MOST = 4, 4, 500
"""Steps of a run that do not count, and how many do at least and at most."""

_TURNS, _RUNS = 3, 5
"""How many turns there are at least, and into how many runs, of which each is counted, a turn is divided."""

Training = Callable[[int], Program]
"""Returns a new program of so many steps."""


def measure_overheads(
    one: Training, each: Training, *, work: float, pieces: tuple[int, int], seconds: float = 1.0
) -> Overheads:
    """Return what a network's training costs beside its layers, and how much work slows other work down.

    Args:
        one: of the whole network in one stage.
        each: of the same with several stages.
        work: the part of a step on the inline runtime that the layers take, from 0 to 1.
        pieces: how many F, B and W a step has in the one and in the other training.
        seconds: about how long to measure, > 0; more where a few steps take longer.

    Raises:
        ConfigError: ``seconds`` out of range.
    """
    seconds = checks.real_number("seconds", seconds, above=0)
    one_thread, end = SchedulersRuntime(threads=1), perf_counter() + seconds
    step = _run(InlineRuntime(), one, _FEWEST)
    steps = int(min(max(seconds / _TURNS / _RUNS / max(step, 1e-6) - _WARM_UP, _FEWEST), _MOST))
    turns: list[tuple[float, float, float]] = []
    while len(turns) < _TURNS or perf_counter() < end:
        alone = _run(InlineRuntime(), one, steps)
        few, many = (_run(one_thread, training, steps) for training in (one, each))
        piece = max(0.0, many - few) / (pieces[1] - pieces[0])
        turns.append((piece, max(0.0, few - work * alone - pieces[0] * piece), _at_once(one, steps) / alone))
    piece, step, slowdown = map(median, zip(*turns, strict=True))
    return Overheads(piece, step, max(1.0, slowdown))


def _run(runtime: Runtime, training: Training, steps: int, start: Callable[[], object] = int) -> float:
    """Return how long a step takes; ``start`` is called before the first."""
    ends = StepEnds()
    program = training(_WARM_UP + steps)
    start()
    with closing(runtime.start(replace(program, observers=(ends,)))) as job:
        job.wait()
    return ends.seconds(_WARM_UP)


def _at_once(training: Training, steps: int) -> float:
    """Return how long a step takes while another thread trains the same."""
    barrier, found = Barrier(2), [0.0, 0.0]

    def train(index: int) -> None:
        found[index] = _run(InlineRuntime(), training, steps, barrier.wait)

    threads = [Thread(target=train, args=(index,), name=f"profile-{index}") for index in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return max(found)
