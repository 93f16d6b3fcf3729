"""Compare plans: what is predicted of each, what is measured in interleaved rounds, and that all make equal weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import brief
from annex_actors.data import Dataset
from annex_actors.experiments.calibration import calibrated
from annex_actors.experiments.prediction import Prediction, predict
from annex_actors.placement.plan import Plan, PlannedStage
from annex_actors.placement.profile import Profile, Timing
from annex_actors.profiling import timing
from annex_actors.runtimes import InlineRuntime, RunFailedError, SchedulersRuntime
from annex_actors.runtimes.delayed_links import DelayedLinks
from annex_actors.runtimes.slowed_layers import SlowedLayers
from annex_actors.stores import MemoryStore
from annex_actors.training.automatic import tried
from annex_actors.training.blocks import StepEnds, block, prepared_blocks
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner_spec import LearnerSpec, checked_spec
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.profiles import profile
from annex_actors.training.session import start
from annex_actors.training.stages import AUTO, Stages

_PROFILE_S = 5.0
"""About how long to measure a profile that is not known, at most."""

_WARM_UP, _FEWEST, _MOST = 4, 12, 400
"""Steps of a block that do not count, and how many a block has at least and at most."""


@dataclass(frozen=True, slots=True, repr=False)
class Compared:
    """One of the plans that are compared.

    Args:
        name: as it was given, such as ``layer``.
        plan: the plan.
        predicted: what the simulator says.
        measured: seconds of a step: of the rounds' means the median, and the tenths; None: it was not measured.
        weights_sha256: fingerprint of the weights after a round; None: it was not measured.
    """

    name: str
    plan: Plan
    predicted: Prediction
    measured: Timing | None = None
    weights_sha256: str | None = None

    __repr__ = brief

    @property
    def seconds(self) -> float:
        """Of a step: measured, or predicted where it was not."""
        return self.predicted.seconds if self.measured is None else self.measured.median

    @property
    def error(self) -> float | None:
        """How far the prediction is from what was measured, as a part of that; None: it was not measured."""
        return None if self.measured is None else self.predicted.seconds / self.measured.median - 1


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """The plans that were compared, in the order in which they were given."""

    plans: tuple[Compared, ...]

    __repr__ = brief

    @property
    def winner(self) -> Compared:
        """The plan with the shortest step."""
        return min(self.plans, key=lambda each: each.seconds)

    @property
    def is_clear(self) -> bool:
        """Whether the winner's slow rounds are faster than the fast rounds of each other plan, or all is predicted."""
        best, others = self.winner, [each for each in self.plans if each is not self.winner]
        if best.measured is None:
            return True
        return all(other.measured is not None and best.measured.high < other.measured.low for other in others)


def compare(
    spec: LearnerSpec,
    dataset: Dataset,
    plans: Sequence[Stages],
    *,
    batch_size: int = 32,
    measure: bool = False,
    rounds: int = 7,
    seconds: float = 10.0,
    slowed: SlowedLayers | None = None,
    delayed: DelayedLinks | None = None,
    known: Profile | None = None,
) -> Comparison:
    """Return what is predicted and, if asked for, measured of several plans of a network.

    A round trains a block of steps with each plan, one after another, on the runtime of ``spec``, each from the drawn
    weights on. The first round does not count.

    Args:
        spec: the learner's settings, but for its `stages`.
        dataset: what to train on.
        plans: at least one; each as the `stages` of a learner.
        batch_size: samples in a step.
        measure: whether to train with each plan.
        rounds: that count, >= 1.
        seconds: about how long to measure, in all; blocks have at least a dozen steps.
        slowed: layers that wait after their work; None: none.
        delayed: how much later messages between stages arrive, except on ``inline``; None: as soon as they can.
        known: a profile of the network; None: it is found or measured, as by `annex_actors.training.profiles.profile`.

    Raises:
        UserError: settings, data or plans that do not fit.
        RunFailedError: two plans made different weights with a synchronous schedule.
    """
    checked_spec(spec)
    checks.instance("dataset", dataset, Dataset, 'a data set, such as load("iris")')
    for name, given, kind in (("slowed", slowed, SlowedLayers), ("delayed", delayed, DelayedLinks)):
        if given is not None:
            checks.instance(name, given, kind, f"such as {kind.__name__}()")
    if delayed is not None and spec.runtime.name == InlineRuntime.name:
        raise ConfigError("expected `delayed` with a runtime on which messages travel, got inline; choose schedulers")
    if known is not None:
        checks.instance("known", known, Profile, "a profile, such as that of `annex-actors profile`")
    measure = checks.boolean("measure", measure)
    batch_size = checks.whole_number("batch_size", batch_size, at_least=1)
    rounds = checks.whole_number("rounds", rounds, at_least=1)
    seconds = checks.real_number("seconds", seconds, above=0)
    parts = spec.parts(min(batch_size, len(dataset.train)))
    rows = min(batch_size, len(dataset.train)) // parts
    several = checks.several("plans", plans, 'a list of plans, such as ["layer", "3,2"]')
    if not several:
        raise ConfigError("expected `plans` to be at least one, got none")
    contestants = [
        _Contestant.of(replace(spec, stages=each, microbatches=parts), dataset, rows, slowed, delayed)
        for each in several
    ]
    profiles = _Profiles(
        spec, dataset, batch_size, parts, min(seconds, _PROFILE_S), None if known is None else known.scaled(rows)
    )
    predicted = [each.predicted(profiles.with_threads(each.spec.hosting.blas_threads)) for each in contestants]
    found = [
        Compared(str(name).strip(), each.plan, prediction)
        for name, each, prediction in zip(several, contestants, predicted, strict=True)
    ]
    if measure:
        slowest = max(each.seconds for each in predicted)
        steps = min(max(int(seconds / (rounds + 1) / len(found) / slowest), _FEWEST), _MOST)
        found = _measured(contestants, found, steps, rounds)
    return Comparison(tuple(found))


@dataclass(slots=True)
class _Profiles:
    """The profiles of a network, by the number of BLAS threads, measured when they are asked for."""

    spec: LearnerSpec
    dataset: Dataset
    batch_size: int
    parts: int
    seconds: float
    known: Profile | None
    found: dict[int, Profile] = field(default_factory=dict)

    def with_threads(self, threads: int) -> Profile:
        """Return the profile with this number of BLAS threads."""
        if self.known is not None:
            return self.known
        if threads not in self.found:
            measured = profile(
                self.spec,
                self.dataset,
                batch_size=self.batch_size,
                microbatches=[self.parts],
                runtimes=[self.spec.runtime.name],
                seconds=self.seconds,
                blas_threads=threads,
            )
            self.found[threads] = calibrated(
                measured, self.spec, self.dataset, microbatches=self.parts, seconds=self.seconds / 2
            )
        return self.found[threads]


@dataclass(frozen=True, slots=True)
class _Contestant:
    """A plan, ready to be trained with."""

    spec: LearnerSpec
    training: PreparedTraining
    plan: Plan
    slowed: SlowedLayers | None
    delayed: DelayedLinks | None

    @classmethod
    def of(
        cls,
        spec: LearnerSpec,
        dataset: Dataset,
        rows: int,
        slowed: SlowedLayers | None,
        delayed: DelayedLinks | None,
    ) -> Self:
        if spec.stages == AUTO:
            spec = tried(spec, dataset, rows * (spec.microbatches or 1))[0].applied(spec)
        training = prepared_blocks(spec, dataset, rows)
        plan = spec.stages
        if not isinstance(plan, Plan):
            plan = Plan(tuple(PlannedStage(len(each)) for each in spec.placement(training.initial)))
        return cls(spec, training, plan, slowed, delayed)

    def predicted(self, known: Profile) -> Prediction:
        """Return the prediction; a wait needs no core, unless it takes one of the scheduler's threads."""
        waits = self.slowed is not None and not isinstance(self.spec.runtime, SchedulersRuntime)
        return predict(
            known,
            self.plan,
            schedule=self.spec.schedule,
            microbatches=self.training.trainer.microbatches,
            runtime=self.spec.runtime,
            cores=len(self.plan.stages) + 1 if waits and self.spec.runtime.name != "inline" else None,
            slowed=self.slowed,
            delayed=self.delayed,
        )

    def block(self, steps: int) -> tuple[float, str]:
        """Return the mean time of a step, and the fingerprint of the weights after the block."""
        stages = self.training.saved_stages
        store, ends = MemoryStore(stages, depth=self.training.trainer.overlap + 1), StepEnds()
        program = block(self.training, steps, store, [ends])
        job = start(self.spec, replace(program, slowed=self.slowed, delayed=self.delayed))
        try:
            job.wait()
        finally:
            job.close()
        weights = Checkpoint.gather(store, stages, self.training.initial).weights_sha256
        return ends.seconds(_WARM_UP), weights


def _measured(
    contestants: Sequence[_Contestant],
    found: Sequence[Compared],
    steps: int,
    rounds: int,
) -> list[Compared]:
    table = [[each.block(steps) for each in contestants] for _ in range(rounds + 1)]
    measured = [
        replace(each, measured=timing([time for time, _ in results[1:]]), weights_sha256=results[0][1])
        for each, results in zip(found, zip(*table, strict=True), strict=True)
    ]
    _check_equal(contestants, measured, table)
    return measured


def _check_equal(
    contestants: Sequence[_Contestant], measured: Sequence[Compared], table: Sequence[Sequence[tuple[float, str]]]
) -> None:
    """Refuse plans that made different weights where none may: the number of BLAS threads decides bits, as a lag does.

    Raises:
        RunFailedError: they did.
    """
    made: dict[object, set[str]] = {}
    for index, each in enumerate(contestants):
        lags = each.spec.lags(each.training.initial)
        made.setdefault((each.training.identity.settings["blas_threads"], lags), set()).update(
            results[index][1] for results in table
        )
    if any(len(weights) > 1 for weights in made.values()):
        got = ", ".join(f"{each.name}: {str(each.weights_sha256)[:12]}" for each in measured)
        raise RunFailedError(f"expected the same weights with every plan after the same steps, got {got}; report this")
