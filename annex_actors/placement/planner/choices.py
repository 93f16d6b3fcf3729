"""What a planner chooses, beside where to cut: schedule and formula, microbatches, workers, numbers of stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from annex_actors.placement.planner.formula import Formula
from annex_actors.placement.planner.formulas import Asynchronous, Flush, OnCores, Sequential, Synchronous
from annex_actors.placement.planner.problem import Objective, Problem
from annex_actors.placement.planner.stages import Limits
from annex_actors.placement.planner.ways import PlacedStage
from annex_actors.schedules.discipline import Discipline, Grouping

Structure: TypeAlias = tuple[str, int, int]
"""Schedule, microbatches and number of stages: what two plans must differ in to be different ones."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan that was found.

    Args:
        row: its schedule.
        microbatches: of a step.
        stages: in the order of the layers.
        value: of the objective: seconds a step, or bytes.
    """

    row: Discipline
    microbatches: int
    stages: tuple[PlacedStage, ...]
    value: float

    @property
    def structure(self) -> Structure:
        """What distinguishes it from other plans."""
        return structure(self.row, self.microbatches, len(self.stages))


EXACT = ("sequential", "gpipe")
"""The schedules whose formula is what a step takes, without replicas and with a core for each worker."""


def structure(row: Discipline, microbatches: int, stages: int) -> Structure:
    """Return what distinguishes plans: with one microbatch, or one W and one stage, all that flush do the same."""
    alike = microbatches == 1 or (stages == 1 and row.weight_gradients is Grouping.STEP)
    return "" if alike and row.is_synchronous(stages) else row.name, microbatches, stages


def formula_of(problem: Problem, row: Discipline, microbatches: int) -> Formula:
    """Return how long a step takes with a schedule, under the problem's objective."""
    alone = problem.goal is not Objective.THROUGHPUT
    formula: Formula
    if row.name == "sequential":
        formula = Sequential(microbatches, alone=alone)
    elif row.name == "gpipe":
        formula = Flush(alone=alone)
    elif alone or row.is_synchronous(len(problem.workers)):
        formula = Synchronous(alone=alone)
    else:
        formula = Asynchronous(microbatches)
    return formula if problem.cores is None else OnCores(formula, problem.cores)


def most_replicas(problem: Problem, row: Discipline) -> int:
    """Return in how many replicas a stage may be: one where steps overlap, or where no two microbatches do."""
    shares = row.name != "sequential" and row.is_synchronous(len(problem.workers))
    return problem.most_replicas if shares else 1


class Group(NamedTuple):
    """Numbers of stages that one search can serve: counted from the end, their stages have the same limits."""

    stages: range
    limits: tuple[Limits, ...]


def groups(problem: Problem, row: Discipline, microbatches: int) -> Iterator[Group]:
    """Yield the numbers of stages in as few groups as possible."""
    most = min(problem.layers, len(problem.workers))
    last = first = most
    limits = _limits(problem, row, most, microbatches)
    for stages in range(most - 1, 0, -1):
        fewer = _limits(problem, row, stages, microbatches)
        if fewer != limits[: len(fewer)]:
            yield Group(range(first, last + 1), limits)
            limits, last = fewer, stages
        first = stages
    yield Group(range(first, last + 1), limits)


def _limits(problem: Problem, row: Discipline, stages: int, microbatches: int) -> tuple[Limits, ...]:
    """Return the limits of each stage, the last one first; without memory, of what decides about time."""
    found = tuple(Limits.of(row, s, stages, microbatches) for s in reversed(range(stages)))
    if counts_memory(problem):
        return found
    return tuple(Limits(each.in_flight, each.in_flight, each.lag) for each in found)


def counts_memory(problem: Problem) -> bool:
    """Return whether the memory of stages matters."""
    return problem.goal is Objective.MEMORY or any(worker.memory is not None for worker in problem.workers)
