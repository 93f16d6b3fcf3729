"""Find a learning rate: train with one that rises at each step, and see where the cost falls fastest.

It is a training as any other, by actors on the learner's runtime, with a rule of the step for its learning rate. So it
is exact, too: the same learner and data have the same costs on every runtime, whatever dies.

Source: Smith (2017), Cyclical learning rates for training neural networks, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DivergedError
from annex_actors.base.shown import shown
from annex_actors.base.words import counted
from annex_actors.data import Dataset
from annex_actors.peers.trainer_state import TrainerState
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.session import Session

SMOOTHING = 0.95
"""The share of the costs before in a smoothed cost."""

EXPLODED = 4.0
"""A cost has exploded if, smoothed, it is so many times the least one before."""

WINDOWS = 5
"""The fall of the costs is measured over such a part of all steps."""


@dataclass(frozen=True)
class Ramp:
    """The rule ``lowest (highest / lowest)**(step / (steps - 1))``: it rises exponentially.

    Args:
        lowest: at the first step.
        highest: at the last step.
        steps: how many.
    """

    lowest: float
    highest: float
    steps: int

    def at(self, step: int) -> float:
        """Return the step size."""
        return self.lowest * float((self.highest / self.lowest) ** (step / (self.steps - 1)))


@dataclass(frozen=True)
class RateSearch:
    """The costs of a training whose learning rate rises, until they explode; a value for each step.

    Args:
        learning_rate: of each step.
        cost: of each step.
        smoothed: an exponential average of the costs so far, without the bias to its beginning.
        suggestion: the rate about which the costs fall fastest; None: they fall nowhere.
        exploded: whether the cost exploded before the highest rate.
    """

    learning_rate: tuple[float, ...]
    cost: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float | None
    exploded: bool

    def __repr__(self) -> str:
        found = "none" if self.suggestion is None else f"{self.suggestion:.3g}"
        return f"RateSearch({counted(len(self.cost), 'step')}, suggestion {found})"

    @property
    def columns(self) -> dict[str, list[Any]]:
        """Lists by name, a value for each step: ``step`` (from 0), ``learning_rate``, ``cost``, ``smoothed``."""
        return {
            "step": list(range(len(self.cost))),
            "learning_rate": list(self.learning_rate),
            "cost": list(self.cost),
            "smoothed": list(self.smoothed),
        }


def find_rate(
    spec: LearnerSpec, dataset: Dataset, *, lowest: float, highest: float, steps: int, batch_size: int
) -> RateSearch:
    """Return how the cost depends on the learning rate; see `Learner.find_learning_rate`."""
    lowest = checks.real_number("lowest", lowest, above=0)
    highest = checks.real_number("highest", highest, above=lowest)
    steps = checks.whole_number("steps", steps, at_least=10, limit=10**6)
    ramp = Ramp(lowest, highest, steps)
    rising = replace(spec, optimizer=_with_rate(spec.optimizer, ramp))
    prepared = PreparedTraining.of(rising, dataset, epochs=steps, batch_size=batch_size)
    try:
        costs = _costs(prepared, steps)
    except DivergedError as error:
        if error.step is None or error.step == 0:
            raise
        # How many costs were reported before it depends on timing, so those steps are trained again, and no more.
        costs = _costs(prepared, error.step)
    return searched(ramp, costs)


def searched(ramp: Ramp, costs: Sequence[float]) -> RateSearch:
    """Return what these costs say, a function of them and the rule alone."""
    smoothed: list[float] = []
    average = 0.0
    for step, cost in enumerate(costs):
        average = SMOOTHING * average + (1 - SMOOTHING) * cost
        value = average / (1 - SMOOTHING ** (step + 1))
        if smoothed and value > EXPLODED * min(smoothed):
            break
        smoothed.append(value)
    count = len(smoothed)
    rates = tuple(ramp.at(step) for step in range(count))
    suggestion = _steepest(rates, costs[:count], smoothed)
    return RateSearch(rates, tuple(costs[:count]), tuple(smoothed), suggestion, count < ramp.steps)


def _steepest(rates: Sequence[float], costs: Sequence[float], smoothed: Sequence[float]) -> float | None:
    """Return the rate about which the costs fall fastest, by the logarithm of the rate, before their least value.

    The fall is that of a straight line through many costs: from one step to the next, the smoothed cost falls fastest
    where it is still the average of a few costs, by their noise alone.
    """
    least = min(range(len(smoothed)), key=lambda step: smoothed[step], default=0)
    width = min(max(len(smoothed) // WINDOWS, 3), least + 1)
    if width < 2:
        return None
    falls = [_slope(rates[start : start + width], costs[start : start + width]) for start in range(least + 2 - width)]
    start = min(range(len(falls)), key=lambda each: falls[each])
    return None if falls[start] >= 0 else rates[start + width // 2]


def _slope(rates: Sequence[float], costs: Sequence[float]) -> float:
    """Return the slope of the line with the least squares, by the logarithm of the rate."""
    places, middle = [math.log(rate) for rate in rates], math.fsum(costs) / len(costs)
    centre = math.fsum(places) / len(places)
    both = zip(places, costs, strict=True)
    return math.fsum((place - centre) * (cost - middle) for place, cost in both) / math.fsum(
        (place - centre) ** 2 for place in places
    )


def _costs(prepared: PreparedTraining, steps: int) -> tuple[float, ...]:
    """Train so many steps, without an evaluation, and return their costs."""
    until = TrainerState(halt_at=steps)
    trainer = replace(prepared.trainer, test=None, test_targets=None, resumed=until, rate_factor=None)
    return Session(replace(prepared, trainer=trainer)).run().checkpoint.costs


def _with_rate(optimizer: Any, ramp: Ramp) -> Any:
    if not is_dataclass(optimizer) or all(each.name != "learning_rate" for each in fields(optimizer)):
        raise ConfigError(f"expected an optimizer with a `learning_rate`, such as Adam(), got {shown(optimizer)}")
    settings = {each.name: getattr(optimizer, each.name) for each in fields(optimizer) if each.init}
    kind: Any = type(optimizer)
    return kind(**{**settings, "learning_rate": ramp})
