"""The ideal of a trace: the same schedule in the simulator, with the times that were measured, and no other delay."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median

from annex_actors.base.errors import DataError
from annex_actors.experiments.simulation import Simulation, simulate
from annex_actors.protocol.messages import WHOLE_STEP
from annex_actors.protocol.routing import is_stage, stage_address
from annex_actors.runtimes.cost_model import LayerTimes
from annex_actors.tracing.pieces import Work
from annex_actors.tracing.recording import Recording

MOST_PIECES = 50_000
"""Forwards that are simulated: as many take seconds."""

_KINDS = {"F": "forward", "B": "backward", "W": "weight_gradient"}


def ideal_of(trace: Recording, steps: int = 1) -> Simulation:
    """Return the simulation of so many steps, with the median time of each kind of work at each stage; in seconds.

    Raises:
        DataError: no step was traced, or so many pieces of work would be simulated that it takes long.
        ConfigError: the schedule is your own and is not registered.
    """
    schedule, stages, microbatches = schedule_of(trace), trace.header["stages"], trace.header["microbatches"]
    if stages * microbatches * steps > MOST_PIECES:
        raise DataError(
            f"expected stages x microbatches x steps to be at most {MOST_PIECES:,}, got {stages} x {microbatches} "
            f"x {steps}; choose fewer `steps`"
        )
    return simulate(
        schedule,
        stages=stages,
        microbatches=microbatches,
        steps=steps,
        times=times_of(trace),
        replicas=_replicas_of(trace),
    )


def _replicas_of(trace: Recording) -> list[int]:
    counts = Counter(peer.number for peer in trace.labels if is_stage(peer))
    return [counts[s] for s in range(trace.header["stages"])]


def schedule_of(trace: Recording) -> str:
    """Return the name of the schedule.

    Raises:
        DataError: the job has none, since it predicts.
    """
    schedule = trace.header["schedule"]
    if schedule is None or not trace.steps:
        raise DataError("expected a trace of a training, got one without a step; trace a training")
    return str(schedule)


def times_of(trace: Recording) -> tuple[LayerTimes, ...]:
    """Return the median times of each stage's work on a microbatch; of its update they are a part of W."""
    return tuple(_times(trace.work.get(stage_address(s), ())) for s in range(trace.header["stages"]))


def _times(works: Sequence[Work]) -> LayerTimes:
    took: dict[str, list[float]] = defaultdict(list)
    parts = max([1, *(work.microbatch + 1 for work in works if work.letter in "FB")])
    for work in works:
        if work.on_step:
            share = parts if work.letter == "W" and work.microbatch == WHOLE_STEP else 1
            took[work.letter].append((work.end - work.start) / share)
    return LayerTimes(**{name: median(took[letter]) if took[letter] else 0.0 for letter, name in _KINDS.items()})
