"""Virtual workers slower than this machine: layers whose work is followed by a wait, on every runtime.

A wait needs no core. So a machine with two cores can stand for any number of workers, and what schedules and plans do
with unlike workers can be seen on it. On `schedulers` a wait takes one of the threads: give it as many as there are
workers. The simulator does not wait: it lets the same time pass on its clock. No wait changes a bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from annex_actors.base import checks
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, Peer, Point, WorkItem
from annex_actors.protocol.messages import WHOLE_STEP, Forward
from annex_actors.protocol.replicas import Share
from annex_actors.runtimes.cost_model import LayerTimes

_SLICE_S = 0.02
"""The longest wait at once: a kill of a thread comes when it is over."""


@dataclass(frozen=True, slots=True)
class SlowedLayers:
    """Layers that wait after their work; an index is of the whole network, and the cost is the layer after the last.

    Args:
        factors: by how many times longer than here a layer works, >= 1.
        waits: how long a layer waits after each piece of its work, in seconds.

    Raises:
        ConfigError: something else, or out of range.
    """

    factors: Mapping[int, float] = field(default_factory=dict)
    waits: Mapping[int, LayerTimes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for layer, factor in checks.instance("factors", self.factors, Mapping, "a dict such as {1: 2.5}").items():
            checks.real_number(f"factors[{checks.whole_number('factors', layer, at_least=0)}]", factor, at_least=1)
        times = "times such as LayerTimes(forward=0.01)"
        for layer, each in checks.instance("waits", self.waits, Mapping, "a dict by layer").items():
            checks.instance(f"waits[{checks.whole_number('waits', layer, at_least=0)}]", each, LayerTimes, times)

    def instrument(self, clock: Callable[[], float]) -> Instrument:
        """Return what lets a new incarnation of a peer wait.

        Args:
            clock: in seconds.
        """
        return _Waiting(self, clock) if self.factors or self.waits else NO_INSTRUMENT

    def seconds(self, point: Point, layer: int, worked: float, microbatches: int) -> float:
        """Return how long a layer waits after work that took so long.

        Args:
            point: the kind of work; after a commit there is no wait.
            layer: its index.
            worked: seconds.
            microbatches: for how many the work was.
        """
        if point is Point.COMMIT:
            return 0.0
        waits = self.waits.get(layer)
        fixed: float = 0.0 if waits is None else getattr(waits, point.value) * microbatches
        return fixed + (self.factors.get(layer, 1.0) - 1) * worked


_MOST_STEPS = 100_000


class PartCounter:
    """Knows for how many microbatches the work on a message is: an instrument tells it what comes."""

    def __init__(self) -> None:
        self._of_step: dict[int, int] = {}

    def note(self, item: WorkItem | None) -> None:
        """Note how many microbatches a step has."""
        if isinstance(item, Forward | Share):  # of its step a replica may have no forward
            self._of_step[item.step] = item.part.microbatches
            if len(self._of_step) > _MOST_STEPS:  # far more than are under way
                self._of_step = dict(list(self._of_step.items())[_MOST_STEPS // 2 :])

    def parts(self, point: Point, step: int, microbatch: int) -> int:
        """Return for how many microbatches this work is: W of a whole step is for all of them."""
        return self._of_step[step] if point is Point.WEIGHT_GRADIENT and microbatch == WHOLE_STEP else 1


class _Waiting(Instrument):
    """Waits after the work of layers.

    A system that has other work wakes a thread late. The next wait is then so much shorter: on average waits are right.
    """

    def __init__(self, slowed: SlowedLayers, clock: Callable[[], float]) -> None:
        self._slowed = slowed
        self._clock = clock
        self._parts = PartCounter()
        self._since = clock()
        self._late = 0.0

    def before(self, peer: Peer, item: WorkItem | None) -> None:
        """Begin to time the work."""
        self._parts.note(item)
        self._since = self._clock()

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        """Wait, where this layer is slowed."""
        now = self._clock()
        parts = self._parts.parts(point, step, microbatch)
        seconds = self._slowed.seconds(point, layer, now - self._since, parts)
        if seconds > 0:
            end = now + seconds - self._late
            while (left := end - now) > 0:
                time.sleep(min(left, _SLICE_S))
                now = self._clock()
            self._late = now - end
        self._since = now
