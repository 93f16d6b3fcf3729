"""How long a step would take with a plan: the real stages on a virtual clock, with measured times of layers and hops.

The simulator does the rest: the schedule, which stages wait for which, how many pieces of work cores do at once, and
that Python does one thing at a time where actors share an interpreter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import brief
from annex_actors.base.texts import listed
from annex_actors.experiments.simulation import Simulation, simulate
from annex_actors.placement.memory import stage_memory
from annex_actors.placement.plan import Plan
from annex_actors.placement.profile import LayerProfile, Profile, Timing
from annex_actors.profiling import shares_interpreter
from annex_actors.profiling.machine import cores as cores_here
from annex_actors.protocol.instrument import Point
from annex_actors.runtimes import InlineRuntime, Runtime, SchedulersRuntime
from annex_actors.runtimes import runtime as runtime_of
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.runtimes.delayed_links import DelayedLinks
from annex_actors.runtimes.slowed_layers import SlowedLayers
from annex_actors.schedules.discipline import Discipline
from annex_actors.schedules.table import discipline as discipline_of

_FILL = 3
"""Steps at the beginning and at the end that do not count: the pipeline fills and drains."""

_STEPS = 8
"""Steps that count; enough for the pattern of an asynchronous schedule to repeat."""


@dataclass(frozen=True, slots=True, repr=False)
class Prediction:
    """What a plan is predicted to come to.

    Args:
        plan: the plan.
        seconds: of a step, in the long run.
        busy: of each worker, the part of the time in which it works, from 0 to 1.
        memory: bytes that each stage keeps at most: weights and their next version, gradients, optimizer slots, what F
            leaves for B, and B for W. What layers need while they compute is not among them.
    """

    plan: Plan
    seconds: float
    busy: tuple[float, ...]
    memory: tuple[int, ...]

    __repr__ = brief

    @property
    def bubble(self) -> float:
        """The part of all workers' time in which they do not work, from 0 to 1."""
        return 1 - sum(self.busy) / len(self.busy)


def predict(
    profile: Profile,
    plan: Plan,
    *,
    schedule: str | Discipline = "1f1b",
    microbatches: int = 1,
    runtime: str | Runtime = "schedulers",
    cores: int | None = None,
    slowed: SlowedLayers | None = None,
    delayed: DelayedLinks | None = None,
) -> Prediction:
    """Return how long a step would take, how busy the workers would be, and what the stages would keep.

    Args:
        profile: of the network, for microbatches of the size that they will have: see `Profile.scaled`.
        plan: places each of its layers.
        schedule: a discipline, or its name.
        microbatches: of a step.
        runtime: whose hops and overheads count; the profile has them.
        cores: how many pieces of work are done at once; None: as many as this machine has, or the runtime has threads.
        slowed: layers that wait after their work; in the prediction a core is theirs while they wait.
        delayed: how much later messages between stages arrive.

    Raises:
        ConfigError: what does not fit the profile, or the schedule.
    """
    slowed = slowed or SlowedLayers()
    checks.instance("profile", profile, Profile, "a profile, such as Profile.from_json(text)")
    checks.instance("plan", plan, Plan, 'a plan, such as Plan.parse("2,2", 4)')
    plan.check([each.name for each in profile.layers[:-1]])
    threads = {stage.blas_threads for stage in plan.stages}
    if threads != {profile.blas_threads}:
        raise ConfigError(
            f"expected a plan with `blas_threads` of {profile.blas_threads}, with which the profile was measured, got "
            f"{listed(sorted(map(str, threads)))}; measure a profile with as many, or choose one number for all stages"
        )
    host, row = runtime_of(runtime), discipline_of(schedule)
    replicas = [stage.replicas for stage in plan.stages]
    factor = profile.correction(host.name, sum(replicas))
    layers = [_layer_times(index, layer, slowed, factor) for index, layer in enumerate(profile.layers)]
    divided = zip(plan.ranges, replicas, strict=True)
    times = [_sum([layers[index] for index in indices], copies) for indices, copies in divided]
    simulation = simulate(
        row,
        stages=len(times),
        microbatches=microbatches,
        steps=_FILL + _STEPS + _FILL,
        times=times,
        replicas=replicas,
        costs=_costs(profile, plan, microbatches, host, cores, delayed or DelayedLinks(), factor),
    )
    start, end = _window(simulation)
    kept = zip(plan.ranges, simulation.stages, strict=True)
    return Prediction(
        plan,
        seconds=(end - start) / _STEPS,
        busy=_busy(simulation, start, end),
        memory=tuple(
            stage_memory(
                [profile.layers[index] for index in indices],
                in_flight=tally.in_flight,
                deferred=tally.deferred,
                versions=tally.versions,
            ).total
            for indices, tally in kept
        ),
    )


def _layer_times(index: int, layer: LayerProfile, slowed: SlowedLayers, factor: float) -> LayerTimes:
    """Return the times of a layer, corrected by a factor, with those for which it waits."""

    def seconds(point: Point, timing: Timing) -> float:
        own = factor * timing.median
        return own + slowed.seconds(point, index, own, 1)

    return LayerTimes(
        seconds(Point.FORWARD, layer.forward),
        seconds(Point.BACKWARD, layer.backward),
        seconds(Point.WEIGHT_GRADIENT, layer.weight_gradient),
        seconds(Point.UPDATE, layer.update),
    )


def _sum(layers: Sequence[LayerTimes], replicas: int) -> LayerTimes:
    """Return the times of a stage: those of its layers in all; replicas divide W and the update."""
    return LayerTimes(
        forward=sum(each.forward for each in layers),
        backward=sum(each.backward for each in layers),
        weight_gradient=sum(each.weight_gradient for each in layers) / replicas,
        update=sum(each.update for each in layers) / replicas,
    )


def _costs(
    profile: Profile,
    plan: Plan,
    microbatches: int,
    host: Runtime,
    cores: int | None,
    delayed: DelayedLinks,
    factor: float,
) -> CostModel:
    hop = profile.hop(host.name)
    limit = _cores(host) if cores is None else checks.whole_number("cores", cores, at_least=1)
    ends = [indices.stop - 1 for indices in plan.ranges[:-1]]
    return CostModel(
        latency=factor * hop.latency + delayed.latency,
        per_byte=factor * hop.per_byte + delayed.per_byte,
        message_bytes=[profile.layers[end].output_bytes for end in ends],
        workers=range(sum(stage.replicas for stage in plan.stages)),
        cores=limit,
        piece=factor * profile.overhead(host.name),
        trainer=factor * profile.trainer.median * microbatches,
        one_interpreter=shares_interpreter(host),
    )


def _cores(host: Runtime) -> int:
    """Return how many pieces of work are done at once on a runtime of this machine."""
    if isinstance(host, InlineRuntime):
        return 1
    return host.threads or cores_here() if isinstance(host, SchedulersRuntime) else cores_here()


def _window(simulation: Simulation) -> tuple[float, float]:
    """Return from when to when the steps that count take: from the end of the one before them to that of the last."""
    ends: dict[int, float] = {}
    for piece in simulation.pieces:
        ends[piece.step] = max(ends.get(piece.step, 0.0), piece.end)
    return ends[_FILL - 1], ends[_FILL + _STEPS - 1]


def _busy(simulation: Simulation, start: float, end: float) -> tuple[float, ...]:
    """Return which part of the time from ``start`` to ``end`` each worker works."""
    worked = dict.fromkeys(sorted({piece.worker for piece in simulation.pieces}), 0.0)
    for piece in simulation.pieces:
        worked[piece.worker] += max(0.0, min(piece.end, end) - max(piece.start, start))
    return tuple(each / (end - start or 1.0) for each in worked.values())
