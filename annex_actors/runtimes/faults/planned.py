"""Planned crashes: to show what a crash does, and to test that it changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeAlias

from annex_actors.base import checks
from annex_actors.base.errors import AnnexError, ConfigError
from annex_actors.base.shown import brief, shown
from annex_actors.protocol.instrument import Instrument, Point
from annex_actors.protocol.messages import WHOLE_STEP

ONCE_A_STEP = (Point.WEIGHT_GRADIENT, Point.UPDATE, Point.COMMIT)
"""Work on a whole step, whose place has no microbatch; where a schedule does it for each, the first one counts."""

Place: TypeAlias = tuple[Point, int, int, int]
"""(work, layer, step, microbatch)."""


_LONG = 20


class InjectedCrash(AnnexError):
    """A crash that was planned or injected; raised inside a layer."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A planned crash of a layer.

    Args:
        layer: index in the whole network; the cost counts as the layer after the last.
        step: from 0.
        microbatch: from 0; ignored where the work is on a whole step.
        at: the work in which it happens.
        times: how often it happens, >= 1; with 1, the repetition after the restart succeeds.

    Raises:
        ConfigError: a number out of range, or an unknown kind of work.
    """

    layer: int
    step: int
    microbatch: int = 0
    at: Point | str = Point.FORWARD
    times: int = 1

    __repr__ = brief

    def __post_init__(self) -> None:
        checks.keep(
            self,
            layer=checks.whole_number("layer", self.layer, at_least=0),
            step=checks.whole_number("step", self.step, at_least=0),
            microbatch=checks.whole_number("microbatch", self.microbatch, at_least=0),
            at=checks.member("at", self.at, Point),
            times=checks.whole_number("times", self.times, at_least=1),
        )

    @property
    def place(self) -> Place:
        """Where it happens."""
        return Point(self.at), self.layer, self.step, WHOLE_STEP if self.at in ONCE_A_STEP else self.microbatch

    def check(self, *, layers: int, steps: int, microbatches: int) -> None:
        """Refuse a crash that could never happen.

        Args:
            layers: how many the network has, the cost included.
            steps: of the training.
            microbatches: of a step.

        Raises:
            ConfigError: a number out of range.
        """
        bounds = {
            "layer": (self.layer, checks.whole_number("layers", layers, at_least=1)),
            "step": (self.step, checks.whole_number("steps", steps, at_least=1)),
            "microbatch": (self.microbatch, checks.whole_number("microbatches", microbatches, at_least=1)),
        }
        for name, (value, bound) in bounds.items():
            if value >= bound:
                raise ConfigError(f"expected the crash's `{name}` to be an integer from 0 to {bound - 1}, got {value}")


def parse_crash(text: str) -> Crash:
    """Parse a crash such as ``layer=1,step=7,microbatch=2,at=backward``; ``layer`` and ``step`` are required.

    Raises:
        ConfigError: a part that is wrong or missing; the message names it.
    """
    example = "layer=1,step=7,microbatch=2,at=backward"
    given: dict[str, Any] = {}
    for part in text.split(","):
        name, _, value = (each.strip() for each in part.partition("="))
        is_number = name in ("layer", "step", "microbatch", "times") and value.isdecimal() and len(value) < _LONG
        if name in given or not (is_number or name == "at"):
            raise ConfigError(f"expected a crash such as {example!r}, got {shown(part)} in {shown(text)}")
        given[name] = int(value) if is_number else value
    if missing := [name for name in ("layer", "step") if name not in given]:
        raise ConfigError(f"expected a crash such as {example!r}, got {shown(text)} without `{missing[0]}`")
    return Crash(**given)


class CrashPlan(Instrument):
    """The crashes that are still to happen; one plan serves all layers of a run, in all their incarnations.

    Args:
        crashes: what is to happen.
        on_crash: called with the place just before a crash, so that a plan in another process can be updated.
    """

    def __init__(self, crashes: Iterable[Crash] = (), on_crash: Callable[[Place], None] | None = None) -> None:
        self._left: Counter[Place] = Counter()
        for each in crashes:
            self._left[each.place] += each.times
        self._on_crash = on_crash
        self._lock = Lock()

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        """Raise `InjectedCrash` where the plan says so."""
        place = (point, layer, step, WHOLE_STEP if point in ONCE_A_STEP else microbatch)
        if place in self._left and self.take(place):
            if self._on_crash is not None:
                self._on_crash(place)
            raise InjectedCrash("crash on order")

    def take(self, place: Place) -> bool:
        """Return whether a crash is left at this place, and count it as happened."""
        with self._lock:
            left = self._left[place]
            self._left[place] = max(0, left - 1)
        return left > 0

    def crashes(self) -> tuple[Crash, ...]:
        """Return the crashes that are left."""
        with self._lock:
            return tuple(
                Crash(layer, step, max(0, microbatch), point, times)
                for (point, layer, step, microbatch), times in self._left.items()
                if times
            )
