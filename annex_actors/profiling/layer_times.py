"""Train blocks of steps, again and again, until their times are known well enough or the time for it is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import DivergedError
from annex_actors.placement.profile import Timing
from annex_actors.profiling.layer_clock import LayerClock, StepTimes, times_of
from annex_actors.protocol.instrument import Instrument, Point
from annex_actors.runtimes import InlineRuntime, Program

WARM_UP = 2
"""Steps at the beginning of each block that do not count: they fill caches and take memory from the system."""

_BLOCK_S, _BLOCKS = 0.1, 10
"""The length of a block, and into how many the time is divided at least."""
_FEWEST, _MOST = 6, 500
_NEAR = 0.01


@dataclass(frozen=True, slots=True)
class Workload:
    """A training of which blocks of steps are run.

    Args:
        rows: samples of each microbatch.
        microbatches: of each step.
        program: returns a new program of so many steps, with the whole network in one stage, that the instrument
            watches.
    """

    rows: int
    microbatches: int
    program: Callable[[int, Instrument], Program]


@dataclass(frozen=True, slots=True)
class LayerSeconds:
    """How long one layer works: F, B and W for a microbatch, the update for a step."""

    forward: Timing
    backward: Timing
    weight_gradient: Timing
    update: Timing


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a workload.

    Args:
        layers: each layer, the cost as the last one.
        trainer: the trainer's work for a microbatch.
        work: what a piece of work takes beside its layers, in seconds: protocol, mailbox, the host's loop.
        steps: how many steps were measured.
    """

    layers: tuple[LayerSeconds, ...]
    trainer: Timing
    work: float
    steps: int


@dataclass(slots=True)
class _Sample:
    """The steps of a workload that were measured so far."""

    workload: Workload
    seconds: float = _BLOCK_S
    steps: list[StepTimes] = field(default_factory=list)
    block: int = _FEWEST

    def run_block(self) -> None:
        """Train one block of steps; the next block takes about ``seconds``.

        Raises:
            DivergedError: the cost is not finite before any step could be measured.
        """
        clock = LayerClock(perf_counter)
        job = InlineRuntime().start(self.workload.program(self.block, clock))
        try:
            job.wait()
        except DivergedError:
            if len(clock.steps) <= WARM_UP:
                raise
        finally:
            job.close()
        measured = clock.steps[WARM_UP:]
        self.steps += measured
        if measured:
            step = float(np.median([each.whole / each.count for each in measured]))
            self.block = WARM_UP + int(min(max(self.seconds / max(step, 1e-9), _FEWEST - WARM_UP), _MOST))

    @property
    def is_known(self) -> bool:
        """Whether the median of the steps' times is probably within one percent: its standard error is that small."""
        times = np.array([each.whole / each.count for each in self.steps])
        if len(times) < 4 * _FEWEST:
            return False
        low, median, high = np.percentile(times, (25, 50, 75))
        # The median of n numbers of a normal distribution has the standard error 1.253 sigma / sqrt(n), and the
        # distance between the quartiles is 1.349 sigma.
        return bool(1.253 * (high - low) / 1.349 / np.sqrt(len(times)) <= _NEAR * median)

    def result(self) -> Measured:
        """Return what was measured."""
        workload, steps = self.workload, self.steps
        parts = workload.microbatches
        layers = 1 + max(layer for step in steps for _, layer in step.layers)
        trainer = [step.trainer / step.count / parts for step in steps]
        beside = [(each.whole - each.trainer - sum(map(sum, each.layers.values()))) / each.count for each in steps]
        grouped = [len(step.layers.get((Point.WEIGHT_GRADIENT, 0), ())) / step.count for step in steps]
        pieces = 2 * parts + float(np.median(grouped))
        return Measured(
            tuple(_seconds(steps, layer, parts) for layer in range(layers)),
            timing(trainer),
            max(0.0, float(np.median(beside))) / pieces,
            len(steps),
        )


def measure_layers(workloads: Sequence[Workload], *, seconds: float = 5.0) -> tuple[Measured, ...]:
    """Return how long each layer works, of each workload; their blocks are trained one after another, in rounds.

    So whatever else the machine does meets all of them alike. A block begins with drawn weights, and its first steps do
    not count. Each workload is trained at least two blocks, then until its median is known within a percent.

    Args:
        workloads: at least one.
        seconds: how long to go on at most, > 0.

    Raises:
        ConfigError: ``seconds`` out of range.
        DivergedError: the training's cost is not finite from its first steps on.
    """
    seconds = checks.real_number("seconds", seconds, above=0)
    end = perf_counter() + seconds
    samples = [_Sample(each, min(_BLOCK_S, seconds / _BLOCKS)) for each in workloads]
    for sample in samples:  # the first block also makes what is made once in a process
        sample.run_block()
        sample.steps.clear()
    open_ = samples
    while open_:
        for sample in open_:
            sample.run_block()
        open_ = [sample for sample in open_ if not sample.is_known] if perf_counter() < end else []
    return tuple(sample.result() for sample in samples)


def timing(times: Sequence[float]) -> Timing:
    """Return the median and the tenths of these times; 0 of none."""
    if not times:
        return Timing(0.0, 0.0, 0.0)
    low, median, high = np.percentile(times, (10, 50, 90)).tolist()
    return Timing(median, low, high)


def _seconds(steps: Sequence[StepTimes], layer: int, microbatches: int) -> LayerSeconds:
    forward, backward, gradient, update = (
        timing(times_of(steps, point, layer, microbatches))
        for point in (Point.FORWARD, Point.BACKWARD, Point.WEIGHT_GRADIENT, Point.UPDATE)
    )
    return LayerSeconds(forward, backward, gradient, update)
