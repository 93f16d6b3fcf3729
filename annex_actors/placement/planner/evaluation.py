"""What a plan costs: how long a step takes and why, and what each stage does and needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from annex_actors.placement.plan import Plan, PlannedStage
from annex_actors.placement.planner.choices import EXACT, formula_of
from annex_actors.placement.planner.formula import Formula
from annex_actors.placement.planner.hops import kinds
from annex_actors.placement.planner.problem import Problem
from annex_actors.placement.planner.stages import Costs, Limits, StageCosts
from annex_actors.placement.planner.ways import PlacedStage
from annex_actors.schedules.discipline import Discipline


@dataclass(frozen=True, slots=True)
class Terms:
    """What the seconds of a step are made of; they add up.

    Args:
        work: of the stage that works longest, in its layers.
        waits: that it waits while the pipe fills and drains, or for its credit: the bubble.
        hops: that a step takes longer than with messages that take no time.
        pieces: that it takes longer than with pieces of work that cost no more than their layers.
        cores: that it takes longer than with a core for each worker.
    """

    work: float
    waits: float
    hops: float
    pieces: float
    cores: float

    def largest_rise(self, other: Terms) -> str:
        """Return the name of the term that is most larger in ``other``."""
        mine = asdict(self)
        return max(asdict(other).items(), key=lambda each: each[1] - mine[each[0]])[0]


@dataclass(frozen=True, slots=True)
class EvaluatedStage:
    """A stage of a plan.

    Args:
        layers: the indices of its layers.
        workers: the numbers of its workers, one for each replica.
        nodes: the names of their nodes; empty where workers have none.
        busy: seconds that each of them works in a step.
        memory: bytes that each needs.
        hop: seconds of a message to the next stage; 0 for the last one.
    """

    layers: range
    workers: tuple[int, ...]
    nodes: tuple[str, ...]
    busy: float
    memory: int
    hop: float


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A plan, and what it costs.

    Args:
        schedule: its name.
        microbatches: of a step.
        stages: in the order of the layers.
        seconds: that a step takes: alone, or in the long run where the objective is the throughput.
        terms: what the seconds are made of.
        bubble: the part of its workers' time in which they wait, from 0 to 1.
        is_exact: whether a step takes so long; if not, it takes at least so long.
    """

    schedule: str
    microbatches: int
    stages: tuple[EvaluatedStage, ...]
    seconds: float
    terms: Terms
    bubble: float
    is_exact: bool

    @property
    def plan(self) -> Plan:
        """The placement, as every runtime takes it."""
        return Plan(
            tuple(
                PlannedStage(len(each.layers), replicas=len(each.workers), node=each.nodes or None)
                for each in self.stages
            )
        )

    @property
    def bottleneck(self) -> int:
        """The stage that works longest."""
        return max(range(len(self.stages)), key=lambda s: self.stages[s].busy)

    @property
    def memory(self) -> int:
        """The bytes of the worker that needs most."""
        return max(each.memory for each in self.stages)


def evaluate(problem: Problem, row: Discipline, microbatches: int, stages: Sequence[PlacedStage]) -> Evaluated:
    """Return what a plan costs.

    Args:
        problem: the layers and workers.
        row: the schedule.
        microbatches: of a step, one of those in the problem.
        stages: in the order of the layers; their kinds are those of `choices.kinds`.
    """
    total = _seconds(problem, row, microbatches, stages)
    only_work = replace(problem, piece=0.0, cores=None)
    without_hops = _seconds(problem, row, microbatches, stages, at_once=True)
    without_pieces = _seconds(replace(problem, piece=0.0), row, microbatches, stages, at_once=True)
    with_cores = _seconds(only_work, row, microbatches, stages, at_once=True)
    work = max(each.busy for each in _costs(only_work, row, microbatches, stages, at_once=True))
    costs = _costs(problem, row, microbatches, stages)
    used = sum(each.replicas for each in stages)
    at_once = used if problem.cores is None else min(used, problem.cores)
    time = total * at_once
    return Evaluated(
        row.name,
        microbatches,
        tuple(_stages(problem, stages, costs)),
        total,
        Terms(
            work=work,
            waits=max(0.0, with_cores - work),
            hops=total - without_hops,
            pieces=without_hops - without_pieces,
            cores=without_pieces - with_cores,
        ),
        max(0.0, 1 - sum(float(each.work) for each in costs) / time) if time else 0.0,
        is_exact=row.name in EXACT and problem.cores is None and used == len(stages),
    )


def _stages(problem: Problem, stages: Sequence[PlacedStage], costs: Sequence[StageCosts]) -> list[EvaluatedStage]:
    free = [list(kind.numbers) for kind in kinds(problem)]
    found = []
    for placed, cost in zip(stages, costs, strict=True):
        workers = tuple(free[placed.kind].pop(0) for _ in range(placed.replicas))
        layers = range(placed.start, placed.stop)
        names = [problem.workers[worker].node for worker in workers]
        nodes = tuple(name for name in names if name is not None)
        found.append(EvaluatedStage(layers, workers, nodes, float(cost.busy), int(cost.memory), float(cost.hop)))
    return found


def _costs(
    problem: Problem, row: Discipline, microbatches: int, stages: Sequence[PlacedStage], *, at_once: bool = False
) -> list[StageCosts]:
    return stage_costs(Costs(problem, row, microbatches, at_once=at_once), stages)


def stage_costs(costs: Costs, stages: Sequence[PlacedStage]) -> list[StageCosts]:
    """Return what each stage of a plan costs."""
    kinds_after = [*(each.kind for each in stages[1:]), None]
    return [
        costs.stage(each.start, each.stop, each.replicas, each.kind, limits, after)
        for each, limits, after in zip(stages, limits_of(costs, len(stages)), kinds_after, strict=True)
    ]


def limits_of(costs: Costs, stages: int) -> list[Limits]:
    """Return the limits of each stage of a plan with so many."""
    return [Limits.of(costs.row, s, stages, costs.microbatches) for s in range(stages)]


def seconds_of(formula: Formula, costs: Costs, stages: Sequence[PlacedStage]) -> float:
    """Return the value of a plan by a formula: seconds, or bytes."""
    numbers = formula.nothing
    for cost, limits in zip(reversed(stage_costs(costs, stages)), reversed(limits_of(costs, len(stages))), strict=True):
        numbers = formula.before(numbers, cost, limits)
    return float(formula.seconds(numbers))


def _seconds(
    problem: Problem, row: Discipline, microbatches: int, stages: Sequence[PlacedStage], *, at_once: bool = False
) -> float:
    costs = Costs(problem, row, microbatches, at_once=at_once)
    return seconds_of(formula_of(problem, row, microbatches), costs, stages)
