"""The simulator, that is the package's own stages and mailboxes, agrees with every closed form, exactly, in integers.

Notation of the papers: S stages, m microbatches, f, b, w the times of F, B and W of a microbatch on a stage, c that of
a hop. Where a paper's backward is one piece, B + W, all of its time is in b here, and w is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import product
from random import Random
from statistics import mean

import pytest

from annex_actors.experiments.simulation import Simulation, simulate
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.schedules.discipline import B, Discipline, F, Grouping, W
from annex_actors.schedules.table import discipline, interleaved
from tests.matrix import matrix, some

STAGES, MICROBATCHES = range(1, 9), range(1, 33)
SHAPES = list(product(STAGES, MICROBATCHES))
RATIOS = [(1, 2), (1, 1), (3, 1), (2, 3)]
"""(f, whole backward)."""


def times(f: float, b: float, w: float = 0) -> LayerTimes:
    return LayerTimes(f, b, w, 0)


def named(case: object) -> str:
    return str(case).strip("()")


def in_flight(simulation: Simulation) -> list[int]:
    return [stage.in_flight for stage in simulation.stages]


SYNCHRONOUS: dict[str, tuple[Callable[[int, int, int], int], Callable[[int, int, int], int]]] = {
    "sequential": (lambda S, m, t: S * m * t, lambda S, m, s: 1),
    "gpipe": (lambda S, m, t: (m + S - 1) * t, lambda S, m, s: m),
    "1f1b": (lambda S, m, t: (m + S - 1) * t, lambda S, m, s: min(m, S - s)),
}
"""The makespan from (S, m, t), and the activations of stage s from (S, m, s)."""


@pytest.mark.parametrize("schedule", SYNCHRONOUS)
@pytest.mark.parametrize("shape", matrix(SHAPES, sample=40, id=named))
def test_makespan_bubble_and_activations(schedule: str, shape: tuple[int, int]) -> None:
    (S, m), (makespan, activations) = shape, SYNCHRONOUS[schedule]
    for f, backward in RATIOS:
        t = f + backward
        got = simulate(schedule, stages=S, microbatches=m, times=times(f, backward))
        assert got.makespan == makespan(S, m, t)
        assert in_flight(got) == [activations(S, m, s) for s in range(S)]
        assert got.makespan - m * t == (makespan(S, m, t) - m * t), "what is not work is bubble"


@pytest.mark.parametrize("schedule", ["gpipe", "1f1b"])
@pytest.mark.parametrize("shape", matrix(SHAPES, sample=20, id=named))
def test_a_deferred_weight_gradient_fills_a_part_of_the_bubble(schedule: str, shape: tuple[int, int]) -> None:
    """W is one product a step, after the last B of its stage: only the first stage's is not hidden behind another's."""
    (S, m), f, b, w = shape, 2, 3, 1
    got = simulate(schedule, stages=S, microbatches=m, times=times(f, b, w))
    assert got.makespan == (m + S - 1) * (f + b) + m * w
    assert got.makespan <= (m + S - 1) * (f + b + w), "never more than a backward in one piece takes"
    assert [stage.deferred for stage in got.stages] == [m] * S, "the price: inputs are kept to the end of the step"


def test_gpipe_with_unequal_stages(whole: bool) -> None:
    random = Random(1)
    for _ in range(300 if whole else 40):
        S, m = random.randint(1, 8), random.randint(1, 32)
        each = [(random.randint(1, 9), random.randint(1, 9)) for _ in range(S)]
        got = simulate("gpipe", stages=S, microbatches=m, times=[times(f, b) for f, b in each])
        forwards, backwards = ([pair[which] for pair in each] for which in (0, 1))
        assert got.makespan == sum(forwards) + (m - 1) * max(forwards) + sum(backwards) + (m - 1) * max(backwards)


def test_1f1b_with_unequal_stages_never_beats_its_bound(whole: bool) -> None:
    random, ratios = Random(2), []
    for _ in range(400 if whole else 40):
        S, m = random.randint(1, 8), random.randint(1, 32)
        each = [(random.randint(1, 9), random.randint(1, 9)) for _ in range(S)]
        got = simulate("1f1b", stages=S, microbatches=m, times=[times(f, b) for f, b in each])
        before = [(sum(f for f, _ in each[:s]), sum(b for _, b in each[:s])) for s in range(S)]
        bound = max(fs + m * (f + b) + bs for (fs, bs), (f, b) in zip(before, each, strict=True))
        assert got.makespan >= bound
        ratios.append(got.makespan / bound)
    assert mean(ratios) < 1.15, "and comes near it"


INTERLEAVED = [(p, v, m) for p in range(1, 9) for v in range(1, 5) for m in range(p, 33, p)]


@pytest.mark.parametrize("case", matrix(INTERLEAVED, sample=40, id=named))
def test_interleaved(case: tuple[int, int, int]) -> None:
    """In units of a chunk's time t: m v t + (p - 1) t; the bubble is v times smaller than with stages of v chunks."""
    p, v, m = case
    for f, backward in ((1, 2), (1, 1), (3, 1)):
        t = f + backward
        got = simulate(interleaved(v), stages=p * v, microbatches=m, times=times(f, backward))
        assert len(got.workers) == p
        assert got.makespan == m * v * t + (p - 1) * t
        peaks = [most_in_flight(got, worker) for worker in range(p)]
        assert peaks == [min(m * v, 2 * (p - r - 1) + (v - 1) * p + 1) for r in range(p)]
        if m > p:
            assert Fraction(peaks[0], v) == p * (1 + Fraction(p - 1, p * v)), "in whole stages, on the first worker"


def most_in_flight(simulation: Simulation, worker: int) -> int:
    now = most = 0
    for piece in simulation.pieces:
        if piece.worker == worker:
            now += {"F": 1, "B": -1, "W": 0}[piece.work]
            most = max(most, now)
    return most


ZERO_BUBBLE = [(1, 1, 1), (10, 12, 8), (2, 2, 1), (3, 2, 2), (2, 3, 1), (2, 1, 1), (5, 4, 3), (1, 3, 1)]
"""(f, b, w) with w <= f."""


@pytest.mark.parametrize("ratio", ZERO_BUBBLE, ids=named)
def test_zb_h1(ratio: tuple[int, int, int], whole: bool) -> None:
    f, b, w = ratio
    for S, m in some([(S, m) for S, m in SHAPES if m >= S], sample=8, whole=whole, seed=f * b * w):
        got = simulate("zb-h1", stages=S, microbatches=m, times=times(*ratio))
        assert got.idle == (S - 1) * (f + b - w)
        assert max(stage.deferred for stage in got.stages) <= S, "1F1B's memory, on every stage"


def test_zb_h1_idles_longer_where_weight_gradients_take_longer_than_forwards() -> None:
    assert simulate("zb-h1", stages=4, microbatches=8, times=times(1, 1, 2)).idle == 3


def test_b_before_f_with_a_cap_of_s_is_not_zb_h1() -> None:
    row = Discipline(
        "greedy",
        "B first, and no order for W",
        (B, F, W),
        credit=lambda s, S, m: S - s,
        cap=lambda s, S, m: S,
        weight_gradients=Grouping.MICROBATCH,
    )
    assert simulate("zb-h1", stages=4, microbatches=8, times=times(1, 1, 1)).idle == 3
    assert simulate(row, stages=4, microbatches=8, times=times(1, 1, 1)).idle == 5


@pytest.mark.parametrize("ratio", [*ZERO_BUBBLE, (1, 1, 2)], ids=named)
def test_zb_h2(ratio: tuple[int, int, int], whole: bool) -> None:
    f, b, w = ratio
    for S, m in some([(S, m) for S, m in SHAPES if m >= 2 * S], sample=8, whole=whole, seed=f * b * w):
        got = simulate("zb-h2", stages=S, microbatches=m, times=times(*ratio))
        assert got.idle == max(0, (S - 1) * (f + b - 2 * w))
        assert max(stage.deferred for stage in got.stages) <= 2 * S - 1


def period(schedule: str | Discipline, S: int, m: int, each: LayerTimes | list[LayerTimes], hop: float = 0) -> Fraction:
    """Return the time of a step in steady state, over as many steps as any pattern takes to come round."""
    spans = [
        simulate(schedule, stages=S, microbatches=m, steps=n, times=each, costs=CostModel(latency=hop), pieces=False)
        for n in (4 * S, 12 * S)
    ]
    return Fraction(spans[1].makespan - spans[0].makespan) / (8 * S)


@pytest.mark.parametrize("schedule", ["pipedream", "pipedream-vertical", "no-stash"])
@pytest.mark.parametrize("S", STAGES)
def test_pipedream_takes_as_long_as_its_slowest_stage(schedule: str, S: int) -> None:
    random = Random(S)
    each = [times(*(random.randint(1, 5) for _ in range(3))) for _ in range(S)]
    slowest = max(each, key=lambda one: one.forward + one.backward + one.weight_gradient)
    equal = slowest.forward + slowest.backward + slowest.weight_gradient
    assert period(schedule, S, 1, slowest) == equal
    assert period(schedule, S, 1, each) >= equal


VERSIONS: dict[str, Callable[[int, int], int]] = {
    "pipedream": lambda s, S: S - s,
    "pipedream-vertical": lambda s, S: S,
    "2bw": lambda s, S: 2,
    "1f1b": lambda s, S: 1,
}


@pytest.mark.parametrize("schedule", VERSIONS)
@pytest.mark.parametrize("S", STAGES)
def test_versions_and_activations_of_schedules_that_overlap_steps(schedule: str, S: int) -> None:
    got = simulate(schedule, stages=S, microbatches=S, steps=2 * S + 2, times=times(1, 1, 1))
    assert [stage.versions for stage in got.stages] == [VERSIONS[schedule](s, S) for s in range(S)]
    assert in_flight(got) == [S - s for s in range(S)]


@pytest.mark.parametrize("S", STAGES)
def test_2bw_never_waits_with_as_many_microbatches_as_stages(S: int) -> None:
    assert period("2bw", S, S, times(1, 2, 1)) == S * 4


@pytest.mark.parametrize(("S", "c"), [(4, 0.5), (4, 1), (8, 0.5), (2, 1)])
def test_a_hop_slows_1f1b_down_by_littles_law(S: int, c: float) -> None:
    """A microbatch comes back after t S + 2 c (S - 1); with S of them in flight one is done each S-th part of that."""
    t, m = 3, 40 * S
    spans = [
        simulate("1f1b", stages=S, microbatches=n, times=times(1, 2), costs=CostModel(latency=c), pieces=False).makespan
        for n in (m, 2 * m)
    ]
    assert Fraction(spans[1] - spans[0]) / m == t + Fraction(2 * (S - 1), S) * Fraction(c)


@pytest.mark.parametrize("S", [4, 8])
@pytest.mark.parametrize("c", [0.5, 1])
def test_twice_the_credit_hides_a_hop_of_a_third_of_the_work(S: int, c: float) -> None:
    t, m = 3, 40 * S
    spans = [
        simulate(
            "1f1b-latency-hiding", stages=S, microbatches=n, times=times(1, 2), costs=CostModel(latency=c), pieces=False
        ).makespan
        for n in (m, 2 * m)
    ]
    assert Fraction(spans[1] - spans[0]) / m == t


def credit_of(k: int) -> Discipline:
    return replace(discipline("1f1b"), name="bounded", credit=lambda s, S, m: k)


def test_no_schedule_beats_littles_law(whole: bool) -> None:
    """The throughput is at most the credit of a stage over the time that a microbatch is away from it."""
    random = Random(3)
    for _ in range(100 if whole else 15):
        S, c = random.randint(2, 8), random.randint(0, 3)
        each = [(random.randint(1, 5), random.randint(1, 5)) for _ in range(S)]
        row = credit_of(random.randint(1, 4))
        spans = [
            simulate(
                row,
                stages=S,
                microbatches=m,
                times=[times(f, b) for f, b in each],
                costs=CostModel(latency=c),
                pieces=False,
            ).makespan
            for m in (48, 96)
        ]
        away = [sum(f + b for f, b in each[s:]) + 2 * c * (S - 1 - s) for s in range(S)]
        bound = max(*(Fraction(away[s], row.credit(s, S, 1)) for s in range(S)), *(Fraction(f + b) for f, b in each))
        assert Fraction(spans[1] - spans[0]) / 48 >= bound
