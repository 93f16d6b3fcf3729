"""What was measured of a network on a machine, from which plans are made: values, kept as JSON.

Nothing is measured here; `annex_actors.profiling` does.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import exp, log
from typing import Any, Self

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.words import counted

_STRICT = {"extra": "forbid", "allow_inf_nan": False}
_AGAIN = "measure again with `annex-actors profile --fresh`"


SECONDS = ("forward", "backward", "weight_gradient", "update")
"""The times of a layer."""

BYTES = (
    "output_bytes",
    "parameter_bytes",
    "saved_bytes",
    "optimizer_bytes",
    "factor_bytes",
    "divided_rows",
    "divided_bytes",
)
"""The sizes of a layer."""


def _check_numbers(owner: object, *names: str) -> None:
    checks.keep(owner, **{name: checks.real_number(name, getattr(owner, name), at_least=0) for name in names})


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a piece of work took when it was measured again and again, in seconds.

    Args:
        median: half of the times were shorter.
        low: the 10th percentile.
        high: the 90th percentile.

    Raises:
        ConfigError: numbers below 0, or not in the order low, median, high.
    """

    __pydantic_config__ = _STRICT

    median: float
    low: float
    high: float

    def __post_init__(self) -> None:
        _check_numbers(self, "median", "low", "high")
        if not self.low <= self.median <= self.high:
            raise ConfigError(
                f"expected `low` <= `median` <= `high`, got {self.low}, {self.median} and {self.high}; correct them"
            )

    @property
    def spread(self) -> float:
        """The distance from low to high as a part of the median; 0 where the median is 0."""
        return (self.high - self.low) / self.median if self.median else 0.0


@dataclass(frozen=True, slots=True)
class LayerProfile:
    """What one microbatch costs at a layer; the cost of a network counts as the layer after the last.

    Args:
        name: the layer's spec, such as ``dense:128``.
        forward: F, the outputs.
        backward: B, the input gradient.
        weight_gradient: W, a microbatch's share of the one product that serves a whole step.
        update: of the optimizer, once a step.
        output_bytes: of the outputs, which the next stage is sent; the gradient that comes back is as large.
        parameter_bytes: of the parameters and of the arrays that no gradient changes.
        saved_bytes: of what F leaves for B. An array that two layers hold counts at the first.
        optimizer_bytes: of the optimizer's slots.
        factor_bytes: of what B leaves for W; where one W serves a whole step, all microbatches of a step keep it.
        divided_rows: of the array that replicas of a stage divide; 0: there is none.
        divided_bytes: of the optimizer's slots of that array.

    Raises:
        ConfigError: a number of bytes that is none.
    """

    __pydantic_config__ = _STRICT

    name: str
    forward: Timing
    backward: Timing
    weight_gradient: Timing
    update: Timing
    output_bytes: int
    parameter_bytes: int
    saved_bytes: int
    optimizer_bytes: int = 0
    factor_bytes: int = 0
    divided_rows: int = 0
    divided_bytes: int = 0

    def __post_init__(self) -> None:
        checks.text("name", self.name)
        for name in SECONDS:
            checks.instance(name, getattr(self, name), Timing, "a time such as Timing(0.001, 0.0009, 0.002)")
        for name in BYTES:
            checks.keep(self, **{name: checks.whole_number(name, getattr(self, name), at_least=0)})


@dataclass(frozen=True, slots=True)
class Hop:
    """How long a message travels between two stages on a runtime: ``latency + per_byte * bytes``.

    Args:
        latency: in seconds.
        per_byte: in seconds for each byte of the message's arrays.
        work: the seconds of a core that a piece of work takes beside its layers: protocol, mailbox, switch of threads.

    Raises:
        ConfigError: a number below 0.
    """

    __pydantic_config__ = _STRICT

    latency: float
    per_byte: float
    work: float = 0.0

    def __post_init__(self) -> None:
        _check_numbers(self, "latency", "per_byte", "work")

    def seconds(self, size: int) -> float:
        """Return how long a message whose arrays have ``size`` bytes travels."""
        return self.latency + self.per_byte * checks.whole_number("size", size, at_least=0)

    @staticmethod
    def several_to_json(hops: Mapping[str, Hop]) -> str:
        """Return hops by runtime as JSON."""
        return json.dumps({name: asdict(hop) for name, hop in hops.items()}, indent=1)

    @staticmethod
    def several_from_json(content: str | bytes) -> dict[str, Hop]:
        """Return the hops that `several_to_json` wrote.

        Raises:
            DataError: they are none.
        """
        found: dict[str, Hop] = _from_json(dict[str, Hop], content, "hops")
        return found


@dataclass(frozen=True)
class Profile:
    """A network's work on a machine, measured.

    Args:
        rows: samples of a microbatch, for which ``layers`` hold.
        layers: each layer, the cost as the last one.
        hops: by the name of the runtime.
        machine: what was measured on: processor, cores, versions of what computes.
        blas_threads: of each layer while it was measured.
        others: the same layers with microbatches of other sizes, by the number of rows.
        trainer: what the trainer does for a microbatch: gather its rows, send them, count its report.
        beside: the seconds that a piece of work takes beside its layers on one thread: protocol, mailbox, and to free
            arrays. On another runtime it takes as much more as the ``work`` of its hop is more than that of ``inline``.
        corrections: by the name of the runtime and the number of stages, how many times as long a step takes as these
            times make it; see `annex_actors.experiments.calibration`.

    Raises:
        ConfigError: fields that do not fit each other.
    """

    __pydantic_config__ = _STRICT

    rows: int
    layers: tuple[LayerProfile, ...]
    hops: Mapping[str, Hop]
    machine: Mapping[str, str]
    blas_threads: int = 1
    others: Mapping[int, tuple[LayerProfile, ...]] = field(default_factory=dict)
    trainer: Timing = Timing(0.0, 0.0, 0.0)
    beside: float = 0.0
    corrections: Mapping[str, Mapping[int, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted = "the profile of each layer"
        checks.keep(
            self,
            rows=checks.whole_number("rows", self.rows, at_least=1),
            layers=checks.elements("layers", self.layers, LayerProfile, wanted),
            blas_threads=checks.whole_number("blas_threads", self.blas_threads, at_least=1),
            others={
                checks.whole_number("others", rows, at_least=1): checks.elements("others", each, LayerProfile, wanted)
                for rows, each in checks.instance("others", self.others, Mapping, "a dict by rows").items()
            },
        )
        for name, hop in checks.instance("hops", self.hops, Mapping, "a dict by runtime").items():
            checks.text("hops", name)
            checks.instance(f"hops[{name}]", hop, Hop, "a hop such as Hop(2e-5, 1e-10)")
        for name, value in checks.instance("machine", self.machine, Mapping, "a dict of texts").items():
            checks.text(f"machine[{checks.text('machine', name)}]", value)
        checks.instance("trainer", self.trainer, Timing, "a time such as Timing(0.001, 0.0009, 0.002)")
        _check_numbers(self, "beside")
        for name, factors in checks.instance("corrections", self.corrections, Mapping, "a dict by runtime").items():
            where = f"corrections[{checks.text('corrections', name)}]"
            for stages, factor in checks.instance(where, factors, Mapping, "a dict such as {1: 1.2}").items():
                checks.whole_number(where, stages, at_least=1)
                checks.real_number(where, factor, above=0)
        self._check_layers()

    def _check_layers(self) -> None:
        if not self.layers:
            raise ConfigError("expected `layers` to have at least the cost, got none; measure a network")
        names = [each.name for each in self.layers]
        for rows, layers in self.others.items():
            if [each.name for each in layers] != names:
                raise ConfigError(
                    f"expected `others[{rows}]` to be of {counted(len(names), 'layer')} named as those of `layers`, "
                    "got other layers; measure one network"
                )

    def __repr__(self) -> str:
        return (
            f"Profile({counted(len(self.layers), 'layer')} with {counted(self.rows, 'row')}, hops {sorted(self.hops)})"
        )

    @property
    def measured(self) -> Mapping[int, tuple[LayerProfile, ...]]:
        """The layers by the number of rows that they were measured with, fewest first."""
        return dict(sorted({**self.others, self.rows: self.layers}.items()))

    def scaled(self, rows: int) -> Self:
        """Return the profile for microbatches of ``rows`` samples.

        Times and bytes lie on the line through the two nearest measured sizes, and are never below 0. Where only one
        size was measured, they are in proportion to the rows. Those of the update and of the parameters stay.

        Raises:
            ConfigError: ``rows`` is not an integer >= 1.
        """
        rows, measured = checks.whole_number("rows", rows, at_least=1), self.measured
        factor = rows / self.rows
        if rows in measured:
            layers = measured[rows]
        elif len(measured) == 1:
            layers = tuple(_sum_of(factor, each, 0.0, each) for each in self.layers)
        else:
            low, high = _nearest(list(measured), rows)
            part = (rows - low) / (high - low)
            pairs = zip(measured[low], measured[high], strict=True)
            layers = tuple(_sum_of(1 - part, before, part, after) for before, after in pairs)
        others = {size: each for size, each in measured.items() if size != rows}
        trainer = _sum_of_timings(factor, self.trainer, 0.0, self.trainer)
        return replace(self, rows=rows, layers=layers, others=others, trainer=trainer)

    def overhead(self, runtime: str) -> float:
        """Return the seconds that a piece of work takes beside its layers on a runtime.

        Raises:
            ConfigError: its hop was not measured.
        """
        inline = self.hops["inline"].work if "inline" in self.hops else 0.0
        return max(0.0, self.beside + self.hop(runtime).work - inline)

    def correction(self, runtime: str, stages: int) -> float:
        """Return how many times as long a step takes on a runtime as simulated; 1 where no training has said it.

        Between two numbers of stages its logarithm lies on a line over the inverse of the number. A replica counts as a
        stage: it is an actor as well.
        """
        checks.text("runtime", runtime)
        inverse = 1 / checks.whole_number("stages", stages, at_least=1)
        known = sorted((1 / count, log(factor)) for count, factor in self.corrections.get(runtime, {}).items())
        if not known:
            return 1.0
        inverses, logarithms = zip(*known, strict=True)
        return exp(float(np.interp(inverse, inverses, logarithms)))

    def hop(self, runtime: str) -> Hop:
        """Return the hop of a runtime.

        Raises:
            ConfigError: it was not measured.
        """
        checks.text("runtime", runtime)
        return self.hops[runtime] if runtime in self.hops else checks.unknown("runtime", runtime, self.hops)

    def to_json(self) -> str:
        """Return the profile as JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, content: str | bytes) -> Self:
        """Return the profile that `to_json` wrote.

        Raises:
            DataError: it is none; the message names the first wrong field.
        """
        found: Self = _from_json(cls, content, "a profile")
        return found


def _from_json(kind: Any, content: str | bytes, what: str) -> Any:
    from pydantic import TypeAdapter, ValidationError  # here, since trainings without a profile need not load it

    try:
        return TypeAdapter(kind).validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "JSON"
        raise DataError(f"expected {what}, got {place}: {first['msg']}; {_AGAIN}") from None
    except ConfigError as error:
        raise DataError(f"expected {what}, got another one: {error}; {_AGAIN}") from None


def _nearest(sizes: Sequence[int], rows: int) -> tuple[int, int]:
    """Return the two neighbours among ``sizes`` between which ``rows`` is; outside of all, the two at the end."""
    first = min(max(bisect_left(sizes, rows) - 1, 0), len(sizes) - 2)
    return sizes[first], sizes[first + 1]


def _sum_of(a: float, low: LayerProfile, b: float, high: LayerProfile) -> LayerProfile:
    """Return ``a * low + b * high``, without what the number of rows does not change: that stays as in ``low``."""
    return replace(
        low,
        forward=_sum_of_timings(a, low.forward, b, high.forward),
        backward=_sum_of_timings(a, low.backward, b, high.backward),
        weight_gradient=_sum_of_timings(a, low.weight_gradient, b, high.weight_gradient),
        output_bytes=max(0, round(a * low.output_bytes + b * high.output_bytes)),
        saved_bytes=max(0, round(a * low.saved_bytes + b * high.saved_bytes)),
        factor_bytes=max(0, round(a * low.factor_bytes + b * high.factor_bytes)),
    )


def _sum_of_timings(a: float, low: Timing, b: float, high: Timing) -> Timing:
    """Return ``a * low + b * high``, no number below 0; beyond the measured sizes the order may have to be restored."""
    numbers = ((low.low, high.low), (low.median, high.median), (low.high, high.high))
    tenth, median, ninetieth = sorted(max(0.0, a * x + b * y) for x, y in numbers)
    return Timing(median, tenth, ninetieth)
