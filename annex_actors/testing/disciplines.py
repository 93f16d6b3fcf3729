"""The checker of pipeline schedules."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.words import counted
from annex_actors.data import Dataset, Samples
from annex_actors.experiments.simulation import Simulation, simulate
from annex_actors.layers import activation, dense, sequence
from annex_actors.protocol.messages import WHOLE_STEP
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import InlineRuntime
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.runtimes.inline import Choose
from annex_actors.schedules.discipline import Discipline, Grouping
from annex_actors.schedules.table import discipline
from annex_actors.testing.promises import require, require_kind
from annex_actors.training.learner import Learner


def check_discipline(row: Discipline, *, stages: int = 5, microbatches: int = 6, seed: int = 0) -> None:
    """Check that a pipeline schedule keeps the promises of `Discipline`.

    It never stands still, with any number of stages and microbatches up to the given ones, however long each piece of
    work takes; F, B and W of every microbatch are done once, and in this order; credit and cap are observed, and no
    stage keeps more versions than its lag requires. A small network is trained with it: the weights do not depend on
    the order of events and, where the schedule is synchronous, not on the schedule either.

    Args:
        row: the schedule to check.
        stages: every number of stages up to this one is tried.
        microbatches: every number of microbatches up to this one is tried.
        seed: of the random times and orders.

    Raises:
        AssertionError: the first promise that is broken.
        ConfigError: another argument out of range.
    """
    require_kind(row, Discipline)
    checks.whole_number("stages", stages, at_least=1)
    checks.whole_number("microbatches", microbatches, at_least=1)
    checks.whole_number("seed", seed, at_least=0)
    random = Random(seed)
    for S in range(1, stages + 1):
        for m in range(1, microbatches + 1):
            for costs in (CostModel(), CostModel(latency=random.randint(0, 5))):
                times = [LayerTimes(*(random.randint(0, 4) for _ in range(4))) for _ in range(S)]
                _check_shape(row, S, m, times if costs.latency else [LayerTimes()] * S, costs)
    _check_bits(row, random)


def check_order(row: Discipline, simulation: Simulation, *, microbatches: int, steps: int) -> None:
    """Check the order of work in a simulation, and what its stages kept.

    Args:
        row: the schedule.
        simulation: its result, with all pieces of work.
        microbatches: m.
        steps: how many.

    Raises:
        AssertionError: the first promise that is broken.
    """
    S, m = len(simulation.stages), microbatches
    places = [(t, j) for t in range(steps) for j in range(m)]
    each = row.weight_gradients is Grouping.MICROBATCH
    for s, tally in enumerate(simulation.stages):
        pieces = [piece for piece in simulation.pieces if piece.stage == stage_address(s)]
        done = {work: [(p.step, p.microbatch) for p in pieces if p.work == work] for work in "FBW"}
        where = f"{row.name} at stage {s} of {S} with {counted(m, 'microbatch')}"
        require(done["F"] == done["B"] == places, f"expected {where} to do F and B of each once, in order")
        whole = places if each else [(t, WHOLE_STEP) for t in range(steps)]
        require(done["W"] == whole, f"expected {where} to do W of each once, in order")
        ends = {(p.work, p.step, p.microbatch): p.end for p in pieces}
        for t, j in places:
            legal = ends["F", t, j] <= ends["B", t, j] <= ends["W", t, j if each else WHOLE_STEP]
            require(legal, f"expected {where} to do F before B before W of microbatch {j} of step {t}")
        credit, cap = row.credit(s, S, m), row.cap(s, S, m) if row.cap and each else tally.deferred
        require(tally.in_flight <= credit, f"expected {where} to keep its credit {credit}, got {tally.in_flight}")
        require(tally.deferred <= cap, f"expected {where} to keep its cap {cap}, got {tally.deferred}")
        versions = row.lag(s, S) + 1
        require(
            tally.versions <= versions, f"expected {where} to keep {counted(versions, 'version')}, got {tally.versions}"
        )


def _check_shape(row: Discipline, S: int, m: int, times: list[LayerTimes], costs: CostModel) -> None:
    try:
        steps = row.overlap(S) + 2
        simulation = simulate(row, stages=S, microbatches=m, steps=steps, times=times, costs=costs)
    except ConfigError as error:
        raise AssertionError(f"{error} (with {counted(S, 'stage')} and {counted(m, 'microbatch')})") from error
    check_order(row, simulation, microbatches=m, steps=steps)


def _check_bits(row: Discipline, random: Random) -> None:
    hosts = [InlineRuntime(), *(InlineRuntime(_any_order(Random(random.random()))) for _ in range(3))]
    for m in (1, 2, 3):
        weights = {_trained(row, m, host) for host in hosts}
        require(len(weights) == 1, f"expected {row.name} to give the same weights in whatever order things happen")
        if row.is_synchronous(_STAGES):
            plain = replace(discipline("sequential"), weight_gradients=row.weight_gradients)
            same = weights == {_trained(plain, m, hosts[0])}
            require(same, f"expected {row.name}, which is synchronous, to give the weights of the plain program")


def _any_order(random: Random) -> Choose:
    return lambda channels, peers: random.randrange(channels + peers)


_NETWORK = sequence(dense(4), activation("tanh"), dense(2))
_STAGES = len(_NETWORK.layers) + 1


def _trained(row: Discipline, m: int, host: InlineRuntime) -> str:
    numbers = np.random.default_rng(0)
    samples = Samples(numbers.standard_normal((11, 3)), numbers.integers(0, 2, 11))
    data = Dataset("random", samples, samples, ("0", "1"), None, "made")
    learner = Learner(_NETWORK, schedule=row, microbatches=m, runtime=host)
    return learner.train(data, epochs=2, batch_size=4).checkpoint.state_sha256
