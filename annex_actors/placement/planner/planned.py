"""Find the best plan, and say why: what bounds it, why the second best lost, and which layers a hop would cost more."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import brief
from annex_actors.base.words import counted
from annex_actors.placement.plan import Plan
from annex_actors.placement.planner.choices import Candidate, Structure
from annex_actors.placement.planner.evaluation import Evaluated, evaluate
from annex_actors.placement.planner.hops import kinds
from annex_actors.placement.planner.problem import Objective, Problem
from annex_actors.placement.planner.search import fastest, smallest
from annex_actors.placement.planner.ways import PlacedStage

_COSTLY = 0.2
"""The part of the work of layers from which on a hop between them is worth a word."""

_EQUAL = 1e-6
"""The part by which two times may differ and still be called equal."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a plan is second.

    Args:
        by: the part by which its step takes longer than the best plan's, or its memory is larger.
        term: the field of `Terms` that is most larger in it; "memory"; or "", where it is as good.
    """

    by: float
    term: str


@dataclass(frozen=True, slots=True)
class Merge:
    """Layers that share a stage because a hop between any two of them would cost more than it buys.

    Args:
        layers: their indices.
        share: the cheapest hop with its fixed costs, forward and back, as a part of the work of these layers.
    """

    layers: range
    share: float


@dataclass(frozen=True, slots=True, repr=False)
class Planned:
    """The best plan, and why it is.

    Args:
        objective: what it was chosen by.
        best: the plan.
        second: the best of those that differ in schedule, microbatches or number of stages; None where there is none.
        loss: why it is second.
        merges: the layers whose merging is worth a word.
    """

    objective: Objective
    best: Evaluated
    second: Evaluated | None
    loss: Loss | None
    merges: tuple[Merge, ...]

    __repr__ = brief

    @property
    def plan(self) -> Plan:
        """The best placement, as every runtime takes it."""
        return self.best.plan


def plan(problem: Problem) -> Planned:
    """Return the best plan for a chain of layers, and why it is.

    Exact: no other plan is better by the formulas of `annex_actors.placement.planner.formulas`. Where those are bounds,
    the order of plans that are nearly as good may differ from the real one.

    Raises:
        ConfigError: no plan has enough memory.
    """
    checks.instance("problem", problem, Problem, "a Problem of chains, workers and schedules")
    found = _best(problem)
    if found is None:
        raise ConfigError(
            "expected workers with enough memory for some plan, got too little on all; "
            f"give more memory, more workers, or other schedules and microbatches{_needed(problem)}"
        )
    best = _evaluated(problem, found)
    other = _best(problem, {found.structure})
    second = None if other is None else _evaluated(problem, other)
    loss = None if second is None else _loss(problem.goal, best, second)
    return Planned(problem.goal, best, second, loss, tuple(_merges(problem, found, best)))


def _best(problem: Problem, excluded: Collection[Structure] = ()) -> Candidate | None:
    if problem.goal is not Objective.MEMORY:
        return fastest(problem, excluded)
    least = smallest(problem, excluded)
    return None if least is None else fastest(problem, excluded, memory=int(least.value))


def _needed(problem: Problem) -> str:
    """Return how much memory would be enough on every worker."""
    workers = [replace(each, memory=None) for each in problem.workers]
    least = smallest(replace(problem, objective=Objective.MEMORY, workers=workers))
    return "" if least is None else f" (with {counted(int(least.value), 'byte')} on each worker there is one)"


def _evaluated(problem: Problem, found: Candidate) -> Evaluated:
    return evaluate(problem, found.row, found.microbatches, found.stages)


def _loss(goal: Objective, best: Evaluated, second: Evaluated) -> Loss:
    if goal is Objective.MEMORY and second.memory > best.memory:
        return Loss(second.memory / best.memory - 1 if best.memory else float("inf"), "memory")
    by = second.seconds / best.seconds - 1 if best.seconds else 0.0
    return Loss(max(by, 0.0), best.terms.largest_rise(second.terms) if by > _EQUAL else "")


def _merges(problem: Problem, found: Candidate, best: Evaluated) -> Iterator[Merge]:
    """Yield the stages of several layers that no cut makes better, even with a worker more, for the sake of its hop."""
    if problem.links is not None:  # what a worker more would be linked to is not known
        return
    layers = problem.chains[found.microbatches].layers
    for s, stage in enumerate(found.stages):
        inside = layers[stage.start : stage.stop]
        work = sum(each.forward + each.backward + each.weight_gradient for each in inside)
        shares = {
            cut: 2 * (problem.link.seconds(layers[cut - 1].output_bytes) + problem.piece) / work
            for cut in range(stage.start + 1, stage.stop)
            if work
        }
        if shares and min(shares.values()) >= _COSTLY and not _pays(problem, found, s, best.seconds):
            yield Merge(range(stage.start, stage.stop), min(shares.values()))


def _pays(problem: Problem, found: Candidate, s: int, seconds: float) -> bool:
    """Return whether some cut of a stage would make a step shorter if there were a worker more like its own."""
    stage = found.stages[s]
    worker = kinds(problem)[stage.kind].worker
    more = replace(problem, workers=[*problem.workers, worker])
    for cut in range(stage.start + 1, stage.stop):
        stages = (*found.stages[:s], *_cut(stage, cut), *found.stages[s + 1 :])
        if evaluate(more, found.row, found.microbatches, stages).seconds < seconds * (1 - _EQUAL):
            return True
    return False


def _cut(stage: PlacedStage, cut: int) -> tuple[PlacedStage, PlacedStage]:
    return PlacedStage(stage.start, cut, stage.replicas, stage.kind), PlacedStage(cut, stage.stop, 1, stage.kind)
