"""The setting ``stages="auto"``: the plan with which a step takes the least time here and now, found by trying some.

What a planner computes from a profile is a guess where many actors share few cores, and on a machine that does other
work it is a wrong one: two BLAS threads that wait for each other's core take many times as long as one. So the plan of
the planner and a few others train on the first batches, in turns, with the learner's runtime and the network's drawn
weights, and the fastest is taken; the plans ``layer`` and ``1`` are always among them. It is then a setting like any
other: a run records it, and goes on with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from contextvars import Context
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from annex_actors.base.errors import ConfigError
from annex_actors.base.words import counted
from annex_actors.data import Dataset
from annex_actors.layers import NUMPY
from annex_actors.placement import Plan, PlannedStage
from annex_actors.placement.planner import Problem, Worker, plan
from annex_actors.profiling.machine import cores
from annex_actors.runtimes import clock
from annex_actors.stores import MemoryStore
from annex_actors.training.blocks import StepEnds, block, prepared_blocks
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.identity import Identity
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.profiles import profile
from annex_actors.training.session import start
from annex_actors.training.stages import AUTO, PER_LAYER, Stages

SECONDS = 2.0
"""About how long to try plans, unless a few steps of each take longer."""

PROFILE_SECONDS = 1.0
"""About how long to measure what the planner needs to know, unless it is known from before."""

_ROUNDS = 3
_LEAST, _MOST = 3, 2000
"""Steps of a trial."""

DECIDED_BY_PLANS = ("microbatches", "blas_threads", "schedule")
"""The settings of an identity in which plans may differ."""

_FIRST = 2
"""Steps that are not counted: the pipeline fills."""

_NEAR = 1.03
"""Of plans that differ by no more than this factor, the first one is taken: that with the fewest actors and threads."""

_HOPELESS = 1.5
"""A plan that takes so many times as long as the fastest is not tried again."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A plan that was tried.

    Args:
        stages: of the learner.
        microbatches: of a step.
        seconds: of a step, the median of the plan's trials.
    """

    stages: Stages
    microbatches: int
    seconds: float

    def __str__(self) -> str:
        """Return it on one line: ``2 with 2 microbatches: 1.53 ms``."""
        return f"{self.stages} with {counted(self.microbatches, 'microbatch')}: {1e3 * self.seconds:.3g} ms"

    def applied(self, spec: LearnerSpec) -> LearnerSpec:
        """Return a learner's settings with this plan."""
        return replace(spec, stages=self.stages, microbatches=self.microbatches)


OnTrials = Callable[[Sequence[Trial]], None]
"""Is called with the plans that were tried, the chosen one first."""


def tried(spec: LearnerSpec, dataset: Dataset, batch_size: int, before: Checkpoint | None = None) -> tuple[Trial, ...]:
    """Try some plans for a learner, and return them: the one to take, then the others, the fastest first.

    Args:
        spec: the learner's settings. Where they leave the number of microbatches open, plans may differ in it.
        dataset: what it trains on.
        batch_size: samples in a step.
        before: of a training that is to go on; plans with which it can are tried alone, if there are some.

    Raises:
        UserError: settings and data that do not fit.
    """
    trainings = _trainings(spec, dataset, batch_size, before.identity if before else None)
    times: list[list[float]] = [[] for _ in trainings]
    steps = [_FIRST + _LEAST] * len(trainings)
    share, began = SECONDS / len(trainings) / _ROUNDS, clock.now()
    for round_ in range(_ROUNDS + 1):
        if all(times) and clock.now() - began > SECONDS:
            break
        for index, training in enumerate(trainings):
            fastest = min((median(each) for each in times if each), default=0.0)
            if times[index] and median(times[index]) > _HOPELESS * fastest:
                continue
            seconds = step_seconds(training, steps[index], _FIRST)
            wanted = _FIRST + min(max(_LEAST, round(share / max(seconds, 1e-6))), _MOST)
            if 2 * steps[index] >= wanted or round_ == _ROUNDS:  # else it only says how many steps to try
                times[index].append(seconds)
            steps[index] = wanted
    trials = [_trial(training.spec, median(each)) for training, each in zip(trainings, times, strict=True)]
    near = _NEAR * min(trial.seconds for trial in trials)
    best = next(trial for trial in trials if trial.seconds <= near)
    return (best, *sorted((trial for trial in trials if trial is not best), key=lambda trial: trial.seconds))


def prepared(
    spec: LearnerSpec,
    dataset: Dataset,
    before: Checkpoint | None = None,
    *,
    batch_size: int,
    on_trials: OnTrials | None = None,
    **settings: Any,
) -> PreparedTraining:
    """Return a prepared training, with the fastest plan where the learner's stages are ``auto``.

    Args:
        spec: the learner's settings.
        dataset: see `PreparedTraining.of`.
        before: see `tried`.
        batch_size: see `PreparedTraining.of`.
        on_trials: called with the plans that were tried; None: nothing is.
        settings: all other arguments of `PreparedTraining.of`.

    Raises:
        UserError: settings and data that do not fit; before anything is tried.
    """
    training = PreparedTraining.of(spec, dataset, batch_size=batch_size, **settings)
    if spec.stages != AUTO:
        return training
    trials = tried(spec, dataset, batch_size, before)
    if on_trials is not None:
        on_trials(trials)
    return PreparedTraining.of(trials[0].applied(spec), dataset, batch_size=batch_size, **settings)


def _trainings(
    spec: LearnerSpec, dataset: Dataset, batch_size: int, like: Identity | None
) -> Sequence[PreparedTraining]:
    """Return a training for each plan that is possible."""
    found: dict[object, PreparedTraining] = {}
    refused, size = None, min(batch_size, len(dataset.train))
    for each in _candidates(spec, dataset, size):
        parts = each.parts(size)
        try:
            training = prepared_blocks(replace(each, microbatches=parts), dataset, size // parts)
        except ConfigError as error:
            refused = error
        else:
            found.setdefault((each.placement(training.initial), each.blas_threads, parts), training)
    if refused is not None and not found:
        raise refused
    return [each for each in found.values() if like is None or _is_placed_alike(each.identity, like)] or [
        *found.values()
    ]


def _is_placed_alike(one: Identity, other: Identity) -> bool:
    """Return whether what plans decide of the bits is the same."""
    return all(one.settings.get(name) == other.settings.get(name) for name in DECIDED_BY_PLANS)


def _candidates(spec: LearnerSpec, dataset: Dataset, size: int) -> Iterator[LearnerSpec]:
    """Yield the settings to try: one actor, a few, as planned, one for each layer, and one on all cores."""
    layers, count = len(spec.network.layers) + 1, cores()
    # One actor has no neighbour for which a second microbatch would be.
    alone = replace(spec, stages=1, microbatches=1 if spec.microbatches is None else spec.microbatches)
    yield alone
    yield from (replace(spec, stages=number) for number in range(2, min(count + 1, layers - 1) + 1))
    if count > 1 and layers > 2:
        yield from _planned(spec, dataset, size, count)
    yield replace(spec, stages=PER_LAYER)
    if count > 1 and spec.kernels == NUMPY:
        yield replace(alone, stages=Plan((PlannedStage(layers, blas_threads=count),)))


def _planned(spec: LearnerSpec, dataset: Dataset, size: int, workers: int) -> Iterator[LearnerSpec]:
    """Yield the planner's choice, where its formulas and the profile have the schedule and the runtime."""
    parts = spec.parts(size)
    try:
        measured = profile(
            spec, dataset, batch_size=size, microbatches=[parts], runtimes=[spec.runtime.name], seconds=PROFILE_SECONDS
        )
        problem = Problem.of(
            measured,
            batch_size=size,
            microbatches=[parts],
            runtime=spec.runtime.name,
            workers=[Worker()] * workers,
            cores=workers,
            schedules=[spec.schedule],
        )
    except ConfigError:
        return
    yield replace(spec, stages=plan(problem).plan)


def _trial(spec: LearnerSpec, seconds: float) -> Trial:
    return Trial(spec.stages, spec.microbatches or 1, seconds)


def step_seconds(training: PreparedTraining, steps: int, first: int) -> float:
    """Return how long a step takes in a training of so many, on the learner's runtime; the ``first`` do not count."""
    ends, store = StepEnds(), MemoryStore(depth=training.trainer.overlap + 1)
    program = block(training, steps, store, [ends])
    with closing(Context().run(start, training.spec, program)) as job:  # an empty one: a trial is not traced
        job.wait()
    return ends.seconds(first)
