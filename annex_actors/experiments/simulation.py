"""How long a schedule would take: the stages, mailboxes and trainer of the package on a virtual clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.words import counted
from annex_actors.costs import cost
from annex_actors.data import Batches
from annex_actors.layers import activation, sequence
from annex_actors.optimizers import Clipping, Sgd
from annex_actors.optimizers import clipping as clipping_of
from annex_actors.peers.trainer import TrainerSpec
from annex_actors.protocol.messages import freeze
from annex_actors.protocol.routing import Routing, stage_address
from annex_actors.runtimes import Program, StandstillError, Supervision
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.runtimes.simulated import (
    Piece,
    SimulatedJob,
    SimulatedRuntime,
)
from annex_actors.runtimes.tallies import StageTally, WorkerTally
from annex_actors.schedules.discipline import Discipline
from annex_actors.schedules.table import discipline as discipline_named
from annex_actors.stores import MemoryStore
from annex_actors.training.assembly import check_replicas, stage_specs
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.traced import traced

_MOST_PIECES = 10**7
"""Pieces of each kind of work: as many take some minutes, and far more would fill the memory."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """The result of a simulation; times are in the unit of the cost model, and exact if its times are fractions.

    Args:
        schedule: its name.
        makespan: the time from the start to the end of the last piece of work.
        workers: what each worker did.
        stages: the most that each stage kept at any time.
        messages: how many were sent.
        trainer_messages: how many of them to the trainer or by it.
        pieces: every piece of work, in the order of their ends; empty unless requested.
        restarts: how often a stage was restarted.
    """

    schedule: str
    makespan: float
    workers: tuple[WorkerTally, ...]
    stages: tuple[StageTally, ...]
    messages: int
    trainer_messages: int
    pieces: tuple[Piece, ...]
    restarts: int

    def __repr__(self) -> str:
        times = f"makespan {float(self.makespan):g}, busy {float(self.busy):.0%}, longest bubble {float(self.idle):g}"
        return f"Simulation({self.schedule!r}: {counted(len(self.stages), 'stage')}, {times})"

    @property
    def idle(self) -> float:
        """The bubble: the longest idle time of a worker between its first and its last piece of work."""
        return max(worker.idle for worker in self.workers)

    @property
    def busy(self) -> float:
        """The part of all workers' time in which they worked, from 0 to 1."""
        return float(sum(worker.busy for worker in self.workers) / (len(self.workers) * self.makespan or 1))


def simulate(
    schedule: str | Discipline,
    *,
    stages: int,
    microbatches: int,
    steps: int = 1,
    times: LayerTimes | Sequence[LayerTimes] = LayerTimes(),  # noqa: B008 - immutable
    costs: CostModel | None = None,
    clipping: str | Clipping | None = None,
    pieces: bool = True,
    replicas: Sequence[int] = (),
) -> Simulation:
    """Simulate a schedule: stages that compute almost nothing work on a virtual clock.

    Args:
        schedule: a discipline, or its name.
        stages: S, >= 1.
        microbatches: m, >= 1.
        steps: how many, >= 1; with asynchronous schedules they overlap.
        times: of each stage, or one for all.
        costs: latency, slow workers, kills; its ``layers`` are the ``times`` here. Without ``workers``, the schedule
            says which stages share one.
        clipping: of gradients; by their global norm it makes the stages wait for each other at the end of a step.
        pieces: whether to keep every piece of work.
        replicas: how many each stage has, which share its microbatches; empty: one each. Without ``workers``, each has
            a worker of its own. W takes each of them its time for every microbatch.

    Raises:
        ConfigError: a number out of range, or a schedule that stands still, or takes no replicas.
    """
    row = discipline_named(schedule)
    stages = checks.whole_number("stages", stages, at_least=1)
    microbatches = checks.whole_number("microbatches", microbatches, at_least=1)
    steps = checks.whole_number("steps", steps, at_least=1)
    if max(stages, microbatches, steps, stages * microbatches * steps) > _MOST_PIECES:
        raise ConfigError(f"expected stages x microbatches x steps to be at most {_MOST_PIECES:,}; simulate fewer")
    pieces = checks.boolean("pieces", pieces)
    each = _times_of(stages, times)
    row.check(stages, microbatches)
    routing = Routing(stages, replicas=_checked_replicas(stages, replicas, row))
    model = replace(_checked_costs(routing, costs), layers=each)
    if model.workers is None and not routing.replicas:
        shared = [row.worker(s, stages) for s in range(stages)]
        # Where workers have different numbers of stages, their orders may wait for each other.
        even = len(set(Counter(shared).values())) == 1
        model = replace(model, workers=shared, in_order=even)
    runtime = SimulatedRuntime(model, keep_pieces=pieces)
    job = runtime.start(traced(_program(row, routing, microbatches, steps, clipping_of(clipping)), runtime))
    assert isinstance(job, SimulatedJob)
    try:
        job.wait()
    except StandstillError as error:
        raise ConfigError(
            f"expected schedule {row.name} to go on with {counted(stages, 'stage')}, but {error}"
        ) from None
    finally:
        job.close()
    workers = tuple(job.workers.values())
    return Simulation(
        schedule=row.name,
        makespan=max(worker.last for worker in workers),
        workers=workers,
        stages=tuple(job.stages[stage_address(s)] for s in range(stages)),
        messages=job.messages,
        trainer_messages=job.trainer_messages,
        pieces=tuple(job.pieces),
        restarts=job.restarts,
    )


def _times_of(stages: int, times: LayerTimes | Sequence[LayerTimes]) -> tuple[LayerTimes, ...]:
    if isinstance(times, LayerTimes):
        return (times,) * stages
    each = checks.elements("times", times, LayerTimes, "times such as LayerTimes(forward=2)")
    if len(each) != stages:
        raise ConfigError(f"expected times of {counted(stages, 'stage')}, got {len(each)}")
    return each


def _checked_replicas(stages: int, replicas: Sequence[int], row: Discipline) -> tuple[int, ...]:
    wanted = "how many each stage has, such as (1, 2, 1)"
    each = tuple(
        checks.whole_number("replicas", count, at_least=1) for count in checks.several("replicas", replicas, wanted)
    )
    if each and len(each) != stages:
        raise ConfigError(f"expected replicas of {counted(stages, 'stage')}, got {len(each)}; name a number for each")
    check_replicas(each, row)
    return each if max(each, default=1) > 1 else ()


def _checked_costs(routing: Routing, costs: CostModel | None) -> CostModel:
    """Return the cost model; refuse what would be ignored, or is of a stage or a worker that does not exist."""
    stages = routing.stages
    if costs is None:
        return CostModel()
    checks.instance("costs", costs, CostModel, "a cost model such as CostModel(latency=0.5)")
    if costs.layers:
        raise ConfigError("expected `costs` without `layers`, got some; give them as `times`")
    if costs.workers is not None and len(costs.workers) != routing.workers:
        each = "each stage" if routing.workers == stages else "each replica of a stage"
        raise ConfigError(
            f"expected `workers` of {counted(routing.workers, 'stage')}, got {len(costs.workers)}; name one for {each}"
        )
    sizes = costs.message_bytes
    if isinstance(sizes, tuple) and len(sizes) != stages - 1:
        raise ConfigError(
            f"expected `message_bytes` of {counted(stages - 1, 'pair')} of neighbours, got {len(sizes)}; "
            "name one for each, or one number for all"
        )
    for _, address in costs.kills:
        if address not in routing.stage_addresses:
            raise ConfigError(f"expected `kills` of stages from 0 to {stages - 1}, got {address}; correct it")
    return costs


def _program(row: Discipline, routing: Routing, microbatches: int, steps: int, clipping: Clipping | None) -> Program:
    """Return a program whose layers do nothing to arbitrary numbers."""
    stages = routing.stages
    error, optimizer = cost("mean_squared_error"), Sgd()
    network = sequence(*(activation("linear") for _ in range(stages)))
    placement = (*(range(s, s + 1) for s in range(stages - 1)), range(stages - 1, stages + 1))
    specs = stage_specs(
        network,
        placement,
        cost=error,
        optimizer=optimizer,
        clipping=clipping,
        discipline=row,
        state=Checkpoint.initial(network, (1,), optimizer, seed=0),
        seed=0,
        run="simulation",
        replicas=routing.replicas,
    )
    samples = np.zeros((microbatches * steps, 1), np.float32)
    trainer = TrainerSpec(
        run="simulation",
        routing=routing,
        inputs=freeze(samples),
        targets=freeze(samples.copy()),
        test=None,
        test_targets=None,
        classes=None,
        cost=error,
        batches=Batches(len(samples), microbatches, 0),
        microbatches=microbatches,
        epochs=1,
        overlap=row.overlap(stages),
    )
    store = MemoryStore((spec.address for spec in specs if spec.is_saved), depth=trainer.overlap + 1)
    return Program("simulation", specs, trainer, store, Supervision(max_restarts=10**9))
