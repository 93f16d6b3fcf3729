"""What a prediction leaves out: how much longer a step takes than simulated, found by two short trainings.

The simulator has the schedule, the hops, and each layer's work as it is in one thread. It does not have what actors
that share an interpreter wait for each other between two operations of a layer, nor what the caches of several cores
hold together and that of one does not. Both depend on the network, and change with the number of stages. So a network
is trained on the runtime itself with one stage and with a stage for each layer, or a dozen, in turns, and what is
between these two follows from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from statistics import median

from annex_actors.base.errors import ConfigError, DivergedError
from annex_actors.data import Dataset
from annex_actors.experiments.prediction import predict
from annex_actors.placement.plan import Plan, PlannedStage
from annex_actors.placement.profile import Profile
from annex_actors.runtimes import RayRuntime, Runtime, clock
from annex_actors.training.automatic import step_seconds
from annex_actors.training.blocks import prepared_blocks
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.stages import PER_LAYER, Stages

_ROUNDS = 5
_FIRST, _FEWEST, _MOST = 4, 6, 400
"""Steps of a training that do not count, and how many do at least and at most."""

_MANY = 12
"""Stages at most: hundreds of processes are not started for a prediction."""


def calibrated(
    profile: Profile, spec: LearnerSpec, dataset: Dataset, *, microbatches: int, seconds: float = 2.0
) -> Profile:
    """Return a profile with the corrections of the learner's runtime.

    Args:
        profile: of the network, for as many rows as a microbatch has.
        spec: the learner's settings, but for its `stages`.
        dataset: what to train on.
        microbatches: of a step.
        seconds: about how long to train, in all, unless a few steps take longer. Where the cost is soon not finite any
            more, it ends there, and what was not measured is not corrected.

    Raises:
        UserError: settings or data that do not fit.
    """
    trainings = dict(_trainings(profile, replace(spec, microbatches=microbatches), dataset))
    times = _times({stages: training for stages, (training, _) in trainings.items()}, spec.runtime, seconds)
    factors = {
        stages: median(taken) / _simulated(profile, spec, trainings[stages][1], microbatches)
        for stages, taken in times.items()
    }
    return replace(profile, corrections={**profile.corrections, spec.runtime.name: factors})


def _times(trainings: Mapping[int, PreparedTraining], runtime: Runtime, seconds: float) -> dict[int, list[float]]:
    """Return how long a step took in each training, again and again, by its number of stages."""
    times: dict[int, list[float]] = {}
    share, steps = seconds / _ROUNDS / max(len(trainings), 1), dict.fromkeys(trainings, _FEWEST)
    with runtime.kept_up() if isinstance(runtime, RayRuntime) else nullcontext(), suppress(DivergedError):
        end = clock.now() + seconds
        for round_ in range(_ROUNDS + 1):
            if round_ > 1 and clock.now() > end:
                break
            for stages, training in trainings.items():
                found = step_seconds(training, _FIRST + steps[stages], _FIRST)
                if round_:  # the first one says how many steps to train
                    times.setdefault(stages, []).append(found)
                else:
                    steps[stages] = min(max(_FEWEST, int(share / found)), _MOST)
    return times


def _trainings(
    profile: Profile, spec: LearnerSpec, dataset: Dataset
) -> Iterator[tuple[int, tuple[PreparedTraining, Plan]]]:
    """Yield what to train, by the number of stages, with its plan; what the schedule does not take is left out."""
    alone = Plan((PlannedStage(len(profile.layers), blas_threads=profile.blas_threads),))
    many: Stages = PER_LAYER if len(profile.layers) <= _MANY else _MANY
    for stages in [alone, many] if profile.blas_threads == 1 else [alone]:
        own = replace(spec, stages=stages)
        try:
            training = prepared_blocks(own, dataset, profile.rows)
        except ConfigError:
            continue
        plan = Plan(
            tuple(
                PlannedStage(len(each), blas_threads=profile.blas_threads) for each in own.placement(training.initial)
            )
        )
        yield len(plan.stages), (training, plan)


def _simulated(profile: Profile, spec: LearnerSpec, plan: Plan, microbatches: int) -> float:
    others = {name: each for name, each in profile.corrections.items() if name != spec.runtime.name}
    return predict(
        replace(profile, corrections=others),
        plan,
        schedule=spec.schedule,
        microbatches=microbatches,
        runtime=spec.runtime,
    ).seconds
