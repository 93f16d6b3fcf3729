"""Every plan of a small problem, and what each costs by its definition: sums and maxima over stages, no recursion.

Nothing here is the planner's but the values that it is given and the rows of the table of schedules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations, product
from math import ceil

from annex_actors.placement.planner.problem import Objective, Problem, Worker
from annex_actors.schedules.discipline import Discipline, Grouping


@dataclass(frozen=True)
class Placed:
    """The layers from ``start`` to before ``stop``, in ``replicas`` on workers like ``worker``.

    Where links differ, ``number`` is that of its one worker.
    """

    start: int
    stop: int
    replicas: int
    worker: Worker
    number: int = 0


@dataclass(frozen=True)
class Option:
    """A whole plan."""

    row: Discipline
    m: int
    stages: tuple[Placed, ...]


def options(problem: Problem) -> Iterator[Option]:
    """Yield every plan that has enough workers and memory."""
    for row, m in product(problem.rows, problem.chains):
        for cuts in range(min(problem.layers, len(problem.workers))):
            for inner in combinations(range(1, problem.layers), cuts):
                ranges = list(pairwise((0, *inner, problem.layers)))
                for stages in _staffed(problem, row, m, ranges):
                    option = Option(row, m, stages)
                    if all(_memory(problem, option, s) <= _most(each) for s, each in enumerate(stages)):
                        yield option


def _most(stage: Placed) -> float:
    return float("inf") if stage.worker.memory is None else stage.worker.memory


def _staffed(
    problem: Problem, row: Discipline, m: int, ranges: Sequence[tuple[int, int]]
) -> Iterator[tuple[Placed, ...]]:
    """Yield every way to give workers of one kind to each range; where links differ, one worker to each."""
    if problem.links is not None:
        for numbers in permutations(range(len(problem.workers)), len(ranges)):
            pairs = zip(ranges, numbers, strict=True)
            yield tuple(Placed(*cut, 1, problem.workers[number], number) for cut, number in pairs)
        return
    shares = row.name != "sequential" and row.lag(0, len(problem.workers)) == 0
    most = min(problem.most_replicas, m) if shares else 1
    each = [(replicas, worker) for replicas in range(1, most + 1) for worker in set(problem.workers)]
    for chosen in product(each, repeat=len(ranges)):
        if all(
            sum(replicas for replicas, worker in chosen if worker == kind) <= problem.workers.count(kind)
            for kind in set(problem.workers)
        ):
            yield tuple(Placed(*cut, *one) for cut, one in zip(ranges, chosen, strict=True))


def memory(problem: Problem, option: Option) -> int:
    """Return the bytes of the worker that needs most."""
    return max(_memory(problem, option, s) for s in range(len(option.stages)))


def _memory(problem: Problem, option: Option, s: int) -> int:
    stage, row, m, S = option.stages[s], option.row, option.m, len(option.stages)
    chain, copies = problem.chains[m], stage.replicas
    layers = chain.layers[stage.start : stage.stop]
    lag = row.lag(s, S)
    kept = m * (lag + 1) if row.cap is None else min(m * (lag + 1), row.cap(s, S, m))
    flying = min(row.credit(s, S, m), kept)
    flying = min(flying, ceil(m * (lag + 1) / copies))
    saved, factors = sum(each.saved_bytes for each in layers), sum(each.factor_bytes for each in layers)
    total = max(flying * saved + (kept - flying) * factors, kept * factors)
    total += (lag + 3) * sum(each.parameter_bytes for each in layers)
    for each in layers:
        total += 2 * (each.optimizer_bytes - each.divided_bytes)
        blocks = each.divided_rows // 48
        most = each.divided_rows  # of a replica: the last one has the rest
        if blocks >= copies:
            firsts = [48 * (blocks * copy // copies) for copy in range(copies)]
            most = max(b - a for a, b in zip(firsts, [*firsts[1:], each.divided_rows], strict=True))
        total += 2 * (each.divided_bytes * most // max(each.divided_rows, 1))
    return total


def _received(problem: Problem, option: Option, stage: Placed) -> int:
    chain, m, copies = problem.chains[option.m], option.m, stage.replicas
    numbers = 0
    for index in range(stage.start, stage.stop):
        if chain.layers[index].parameter_bytes:
            inputs = chain.layers[index - 1].output_bytes if index else chain.input_bytes
            numbers += m * (copies - 1) * (inputs + copies * chain.layers[index].output_bytes)
    return ceil(numbers / copies**2)


def seconds(problem: Problem, option: Option) -> float:
    """Return how long a step takes under the problem's objective, memory aside."""
    row, m, S, stages = option.row, option.m, len(option.stages), range(len(option.stages))
    layers, link, piece = problem.chains[m].layers, problem.link, problem.piece
    whole = row.weight_gradients is Grouping.STEP
    alone = problem.goal is not Objective.THROUGHPUT
    f, b, weights, last, u, q, work = [], [], [], [], [], [], 0.0
    c: list[float] = []
    for stage in option.stages:
        own, v, copies = layers[stage.start : stage.stop], stage.worker.speed, stage.replicas
        f.append((sum(each.forward for each in own) + piece) / v)
        b.append((sum(each.backward for each in own) + piece) / v)
        one = sum(each.weight_gradient for each in own) / copies
        weights.append((m * one + piece) / v if whole else m * (one + piece) / v)
        last.append(weights[-1] if whole else weights[-1] / m)
        u.append(sum(each.update for each in own) / v / copies)
        work += m * (f[-1] + b[-1]) + copies * (weights[-1] + u[-1])
        parameters = sum(each.parameter_bytes for each in own)
        if copies > 1 and parameters:
            sent = _received(problem, option, stage) + (copies - 1) / copies * parameters
            u[-1] += 2 * link.latency + link.per_byte * sent
        if stage.stop < len(layers) and problem.links is not None:
            after = option.stages[len(c) + 1].number
            c.append(problem.links[stage.number][after].seconds(layers[stage.stop - 1].output_bytes))
        else:
            c.append(link.seconds(layers[stage.stop - 1].output_bytes) if stage.stop < len(layers) else 0.0)
        q.append(ceil(m / copies))
    t = [x + y for x, y in zip(f, b, strict=True)]
    before = [sum(f[j] + c[j] for j in range(s)) if alone else 0.0 for s in stages]
    trip = [sum(t[j] + 2 * c[j] for j in range(s, S)) for s in stages]
    if row.name == "sequential":
        found = (m - 1) * trip[0] + max(before[s] + trip[s] + weights[s] + u[s] for s in stages)
    elif row.name == "gpipe":
        slowest = [max((q[j] - 1) * b[j] for j in range(s, S)) for s in stages]
        found = max((q[s] - 1) * f[s] for s in stages)
        found += max(before[s] + trip[s] + slowest[s] + weights[s] + u[s] for s in stages)
    elif alone or row.lag(0, len(problem.workers)) == 0:
        found = _one_forward_one_backward(option, before, f, b, weights, last, u, c, q, trip)
    else:
        found = 0.0
        for s in stages:
            lag = row.lag(s, S)
            flying = min(row.credit(s, S, m), (lag + 1) * m)
            span = max(m * t[s], trip[s] + (m - 1) * max(f[s], b[s]))
            found = max(
                found, m * t[s] + weights[s] + u[s], m * trip[s] / flying, (span + weights[s] + u[s]) / (lag + 1)
            )
    return found if problem.cores is None else max(found, work / problem.cores)


def _one_forward_one_backward(
    option: Option,
    before: Sequence[float],
    f: Sequence[float],
    b: Sequence[float],
    weights: Sequence[float],
    last: Sequence[float],
    u: Sequence[float],
    c: Sequence[float],
    q: Sequence[int],
    trip: Sequence[float],
) -> float:
    """Return the latest end of an update: of the spans that a stage sees, its own and those of the stages behind it."""
    row, m, S = option.row, option.m, len(option.stages)
    busy, own = [], []
    for s in range(S):
        kept = m * (row.lag(s, S) + 1) if row.cap is None else min(m * (row.lag(s, S) + 1), row.cap(s, S, m))
        flying = min(row.credit(s, S, m), kept, q[s])
        away = trip[s] - f[s] - b[s]
        busy.append(q[s] * (f[s] + b[s]) + max(0.0, away - (flying - 1) * f[s]))
        trips, rest = divmod(q[s] - 1, flying)
        own.append(max(busy[s], (trips + 1) * trip[s] + rest * max(f[s], b[s])))
    spans = [max(trip[s] - trip[j] + own[j] for j in range(s, S)) for s in range(S)]
    ends = [max(spans[s] + last[s], busy[s] + weights[s]) + u[s] for s in range(S)]
    return max(one + end for one, end in zip(before, ends, strict=True))
