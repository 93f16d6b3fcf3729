"""An instrument that times each layer's work while a whole network trains in one stage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from annex_actors.protocol.effects import Effect
from annex_actors.protocol.instrument import Instrument, Peer, Point, WorkItem
from annex_actors.protocol.messages import Report
from annex_actors.protocol.routing import TRAINER


@dataclass(slots=True)
class StepTimes:
    """How long the work of a step took, in seconds; or of several, whose costs came to the trainer together.

    Args:
        layers: by kind of work and layer, a time for each microbatch; of W that serves a whole step, and of the update,
            one time.
        trainer: all that the trainer did.
        whole: from the trainer's count of the cost before to that of the last step here.
        count: how many steps.
    """

    layers: dict[tuple[Point, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    trainer: float = 0.0
    whole: float = 0.0
    count: int = 1


class LayerClock(Instrument):
    """Times the work of a program with one stage, on a host with one thread.

    A layer's time goes from the end of the work before it in the same piece to the end of its own, so it has the calls
    in between, which are part of each piece.

    Args:
        now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.steps: list[StepTimes] = []
        """The finished steps, in order. The first one has the start of the program."""
        self._now = now
        self._step = StepTimes()
        self._began = self._since = now()
        self._counted = self._began

    def before(self, peer: Peer, item: WorkItem | None) -> None:
        """Begin to time a piece of work."""
        self._began = self._since = self._now()

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        """Count the work of a layer; a commit is none."""
        now = self._now()
        if point is not Point.COMMIT:
            self._step.layers[point, layer].append(now - self._since)
        self._since = now

    def done(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Count the work of the trainer; a step ends when it has counted the step's cost."""
        if peer.address != TRAINER:
            return
        now = self._now()
        self._step.trainer += now - self._began
        if isinstance(item, Report):
            self._end_step(now)

    def _end_step(self, now: float) -> None:
        if self._step.layers or not self.steps:
            self.steps.append(self._step)
        else:  # its work was done before the last cost was counted, and is there
            self.steps[-1].count += 1
            self.steps[-1].trainer += self._step.trainer
        self.steps[-1].whole += now - self._counted
        self._counted, self._step = now, StepTimes()


def times_of(steps: Sequence[StepTimes], point: Point, layer: int, microbatches: int) -> list[float]:
    """Return the times of one kind of a layer's work in all these steps, each for one microbatch.

    Where one W serves a whole step, its time is divided by the number of ``microbatches``. That of the update is for a
    whole step, in any case.
    """
    found = [(step.count, step.layers.get((point, layer), [])) for step in steps]
    shares = point is Point.WEIGHT_GRADIENT
    return [time / (microbatches if shares and len(each) <= count else 1) for count, each in found for time in each]
