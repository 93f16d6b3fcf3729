"""Planned crashes: to show what a crash does, and to test that it changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import TypeAlias

from annex_actors.base.errors import AnnexError, ConfigError
from annex_actors.protocol.instrument import Instrument, Point
from annex_actors.protocol.messages import WHOLE_STEP

ONCE_A_STEP = (Point.WEIGHT_GRADIENT, Point.UPDATE, Point.COMMIT)
"""Work on a whole step, whose place has no microbatch; where a schedule does it for each, the first one counts."""

Place: TypeAlias = tuple[Point, int, int, int]
"""(work, layer, step, microbatch)."""


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
    """

    layer: int
    step: int
    microbatch: int = 0
    at: Point = Point.FORWARD
    times: int = 1

    @property
    def place(self) -> Place:
        """Where it happens."""
        return self.at, self.layer, self.step, WHOLE_STEP if self.at in ONCE_A_STEP else self.microbatch

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
            "layer": (self.layer, layers),
            "step": (self.step, steps),
            "microbatch": (self.microbatch, microbatches),
        }
        for name, (value, bound) in bounds.items():
            if not 0 <= value < bound:
                raise ConfigError(f"expected the crash's `{name}` to be an integer from 0 to {bound - 1}, got {value}")
        if self.times < 1:
            raise ConfigError(f"expected the crash's `times` to be an integer >= 1, got {self.times}")


def parse_crash(text: str) -> Crash:
    """Parse a crash such as ``layer=1,step=7,microbatch=2,at=backward``; ``layer`` and ``step`` are required.

    Raises:
        ConfigError: a part that is wrong or missing; the message names it.
    """
    example = "layer=1,step=7,microbatch=2,at=backward"
    numbers: dict[str, int] = {}
    at = Point.FORWARD
    for part in text.split(","):
        name, _, value = (each.strip() for each in part.partition("="))
        if name == "at" and value in [point.value for point in Point]:
            at = Point(value)
        elif name in ("layer", "step", "microbatch", "times") and value.isdecimal():
            numbers[name] = int(value)
        elif name == "at":
            raise ConfigError(f"expected `at` to be one of {', '.join(p.value for p in Point)}, got {value!r}")
        else:
            raise ConfigError(f"expected a crash such as {example!r}, got {part!r} in {text!r}")
    if missing := [name for name in ("layer", "step") if name not in numbers]:
        raise ConfigError(f"expected a crash such as {example!r}, got {text!r} without `{missing[0]}`")
    return Crash(at=at, **numbers)


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
