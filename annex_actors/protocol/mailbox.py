"""Hold what has arrived at a stage; yield the next message that the discipline allows.

Messages may arrive twice and in any order. Forwards are taken strictly in the order of (step, microbatch), gradients
lowest first, so that what a stage computes never depends on timing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol

from annex_actors.protocol.discipline import Discipline, Work
from annex_actors.protocol.messages import Backward, Forward, Message, Predict, Target, WeightGradient

_Place = tuple[int, int]
"""(step, microbatch)."""


class Mailbox(Protocol):
    """What a node asks of a mailbox."""

    def put(self, message: Message) -> None:
        """Take a message in; drop it if it was seen before or belongs to a committed step."""

    def next(self) -> Message | None:
        """Return the next message to handle, which counts as done; None where nothing is allowed yet."""

    def commit(self, step: int) -> None:
        """Learn that every step below ``step`` is committed."""


@dataclass(slots=True)
class _Progress:
    """How far the stage is in the step at hand, in microbatches."""

    microbatches: int = 0
    forwards: int = 0
    backwards: int = 0
    weight_gradients: int = 0


@dataclass(slots=True)
class StageMailbox:
    """The mailbox of one stage.

    Args:
        discipline: the schedule.
        stage: s, from 0.
        stages: S.
        needs_targets: a forward waits for its target (at the last stage).
        committed: every step below this one is committed.
    """

    discipline: Discipline
    stage: int
    stages: int
    needs_targets: bool = False
    committed: int = 0
    _progress: _Progress = field(default_factory=_Progress)
    _forwards: dict[_Place, Forward] = field(default_factory=dict)
    _predictions: dict[_Place, Predict] = field(default_factory=dict)
    _targets: deque[Target] = field(default_factory=deque)
    _targets_seen: set[_Place] = field(default_factory=set)
    _backwards: list[tuple[_Place, Backward]] = field(default_factory=list)
    _backwards_seen: set[_Place] = field(default_factory=set)
    _weight_gradients: deque[WeightGradient] = field(default_factory=deque)

    def put(self, message: Message) -> None:
        """Take a message in; drop it if it was seen before or belongs to a committed step."""
        if message.step < self.committed:
            return
        place = (message.step, message.microbatch)
        match message:
            case Forward():
                if place >= (self.committed, self._progress.forwards):
                    self._forwards[place] = message
            case Backward():
                if place not in self._backwards_seen:
                    self._backwards_seen.add(place)
                    heappush(self._backwards, (place, message))
            case Target():
                if place not in self._targets_seen:
                    self._targets_seen.add(place)
                    self._targets.append(message)
            case Predict():
                self._predictions[place] = message
            case WeightGradient():
                self._weight_gradients.append(message)
            case _:
                raise TypeError(f"expected a stage's message, got {message}")

    def next(self) -> Message | None:
        """Return the next message to handle, which counts as done; None where nothing is allowed yet."""
        if self._targets:
            return self._targets.popleft()
        for work in self.discipline.priority:
            message = self._next_of(work)
            if message is not None:
                return message
        return None

    def commit(self, step: int) -> None:
        """Learn that every step below ``step`` is committed: the next step begins, older messages are void."""
        self.committed = step
        self._progress = _Progress()
        self._targets_seen = {place for place in self._targets_seen if place[0] >= step}
        self._backwards_seen = {place for place in self._backwards_seen if place[0] >= step}
        self._predictions = {place: each for place, each in self._predictions.items() if place[0] >= step}

    def _next_of(self, work: Work) -> Message | None:
        if work is Work.FORWARD:
            return self._next_prediction() or self._next_forward()
        if work is Work.BACKWARD:
            return self._next_backward()
        if not self._weight_gradients:
            return None
        self._progress.weight_gradients = self._progress.microbatches
        return self._weight_gradients.popleft()

    def _next_prediction(self) -> Predict | None:
        for place in self._predictions:
            if place[0] == self.committed:
                return self._predictions.pop(place)
        return None

    def _next_forward(self) -> Forward | None:
        progress, place = self._progress, (self.committed, self._progress.forwards)
        message = self._forwards.get(place)
        if message is None or (self.needs_targets and place not in self._targets_seen):
            return None
        microbatches = message.part.microbatches
        if progress.forwards - progress.backwards >= self.discipline.credit(self.stage, self.stages, microbatches):
            return None
        cap = self.discipline.cap
        if cap and progress.forwards - progress.weight_gradients >= cap(self.stage, self.stages, microbatches):
            return None
        progress.microbatches = microbatches
        progress.forwards += 1
        return self._forwards.pop(place)

    def _next_backward(self) -> Backward | None:
        progress = self._progress
        if not self._backwards or self._backwards[0][0][0] > self.committed:
            return None
        if self._backwards[0][0][1] >= progress.forwards:
            return None  # a gradient from before a crash, whose forward has not been repeated yet
        if self.discipline.backward_waits and progress.forwards < progress.microbatches:
            return None
        progress.backwards += 1
        return heappop(self._backwards)[1]
