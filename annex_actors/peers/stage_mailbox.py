"""Hold what has arrived at a stage; yield the next message that the discipline allows.

Messages may arrive twice and in any order. Every kind of work is taken strictly in the order of (step, microbatch), so
that what a stage computes never depends on timing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

from annex_actors.protocol.mailbox import AT_ONCE, Rank
from annex_actors.protocol.messages import Backward, Forward, Message, Predict, Target, WeightGradient
from annex_actors.schedules.discipline import Discipline, Grouping, Progress, Work

_Place: TypeAlias = tuple[int, int]
"""(step, microbatch)."""


@dataclass(slots=True)
class _Progress:
    """How far the stage is in a step, in microbatches."""

    microbatches: int
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
    in_flight: int = field(default=0, init=False)
    """Microbatches of any step that went forward and not yet back."""
    deferred: int = field(default=0, init=False)
    """Microbatches of any step that went forward and whose weight gradient is to come."""
    _lag: int = field(init=False)
    _steps: dict[int, _Progress] = field(default_factory=dict, init=False)
    _forwards: dict[_Place, Forward] = field(default_factory=dict, init=False)
    _backwards: dict[_Place, Backward] = field(default_factory=dict, init=False)
    _next_forward: _Place = field(init=False)
    _next_backward: _Place = field(init=False)
    _predictions: dict[_Place, Predict] = field(default_factory=dict, init=False)
    _targets: deque[Target] = field(default_factory=deque, init=False)
    _targets_seen: set[_Place] = field(default_factory=set, init=False)
    _weight_gradients: deque[WeightGradient] = field(default_factory=deque, init=False)
    _chosen: Message | None = field(default=None, init=False)
    """What `rank` found, until something changes; `next` need not look again."""

    def __post_init__(self) -> None:
        self._lag = self.discipline.lag(self.stage, self.stages)
        self._next_forward = self._next_backward = (self.committed, 0)

    def put(self, message: Message) -> None:
        """Take a message in; drop it if it was seen before or belongs to a committed step."""
        self._chosen = None
        place = (message.step, message.microbatch)
        match message:
            case Forward():
                if place >= self._next_forward:
                    self._forwards[place] = message
            case Backward():
                if place >= self._next_backward:
                    self._backwards[place] = message
            case WeightGradient():
                if message.step >= self.committed:
                    self._weight_gradients.append(message)
            case Target():
                if message.step >= self.committed and place not in self._targets_seen:
                    self._targets_seen.add(place)
                    self._targets.append(message)
            case Predict():
                if message.step >= self.committed:
                    self._predictions[place] = message
            case _:
                raise TypeError(f"expected a stage's message, got {message}")

    def next(self) -> Message | None:
        """Return the next message to handle, which counts as done; None where nothing is allowed yet."""
        if self._targets:
            return self._targets.popleft()
        message = self._chosen or self._choice()
        if message is not None:
            self._chosen = None
            self._take(message)
        return message

    def rank(self) -> Rank | None:
        """Return (step, place in the discipline's order), or (place among the priorities, step, microbatch, stage)."""
        if self._targets:
            return AT_ONCE
        message = self._chosen = self._choice()
        if message is None:
            return None
        if self.discipline.order is not None:
            return message.step, self._place_in_order(message)
        return self.discipline.priority.index(_work(message)), message.step, message.microbatch, self.stage

    def _choice(self) -> Message | None:
        row = self.discipline
        if row.order is None:
            for work in row.priority:
                message = self._admitted(work)
                if message is not None:
                    return message
            return None
        admitted = [each for work in row.priority if (each := self._admitted(work)) is not None]
        return min(admitted, key=lambda each: (each.step, self._place_in_order(each)), default=None)

    def _place_in_order(self, message: Message) -> int:
        order, progress = self.discipline.order, self._steps.get(message.step)
        if order is None or isinstance(message, Predict):
            return 0
        m = message.part.microbatches if isinstance(message, Forward) else progress.microbatches if progress else 0
        return order(_work(message), self.stage, self.stages, m, message.microbatch)

    def commit(self, step: int) -> None:
        """Learn that every step below ``step`` is committed: what is older is void."""
        self._chosen = None
        self.committed = step
        self._next_forward = max(self._next_forward, (step, 0))
        self._next_backward = max(self._next_backward, (step, 0))
        for done in [each for each in self._steps if each < step]:
            progress = self._steps.pop(done)
            self.in_flight -= progress.forwards - progress.backwards
            self.deferred -= progress.forwards - progress.weight_gradients
        if self._targets_seen:
            self._targets_seen = {place for place in self._targets_seen if place[0] >= step}
        if self._predictions:
            self._predictions = {place: each for place, each in self._predictions.items() if place[0] >= step}

    def _admitted(self, work: Work) -> Message | None:
        if work is Work.FORWARD:
            return self._prediction() or self._forward()
        if work is Work.BACKWARD:
            return self._backward()
        if not self._weight_gradients:
            return None
        message = self._weight_gradients[0]
        return message if self._is_open(work, self._steps[message.step]) else None

    def _prediction(self) -> Predict | None:
        for place, message in self._predictions.items():
            if place[0] == self.committed:
                return message
        return None

    def _forward(self) -> Forward | None:
        place = self._next_forward
        message = self._forwards.get(place)
        if message is None or self.committed < place[0] - self._lag:
            return None
        if self.needs_targets and place not in self._targets_seen:
            return None
        row, m = self.discipline, message.part.microbatches
        if self.in_flight >= row.credit(self.stage, self.stages, m):
            return None
        if row.cap is not None and self.deferred >= row.cap(self.stage, self.stages, m):
            return None
        return message if self._is_open(Work.FORWARD, self._steps.get(place[0]) or _Progress(m)) else None

    def _backward(self) -> Backward | None:
        place = self._next_backward
        message = self._backwards.get(place)
        if message is None or place >= self._next_forward:  # a gradient from before a crash, whose forward is to come
            return None
        if not self.discipline.stashes and self.committed < place[0]:
            return None
        return message if self._is_open(Work.BACKWARD, self._steps[place[0]]) else None

    def _is_open(self, work: Work, done: _Progress) -> bool:
        gate = self.discipline.gate
        if gate is None:
            return True
        counts = done.microbatches, done.forwards, done.backwards, done.weight_gradients
        return gate(work, Progress(self.stage, self.stages, *counts))

    def _take(self, message: Message) -> None:
        place = (message.step, message.microbatch)
        match message:
            case Forward(part=part):
                progress = self._steps.setdefault(message.step, _Progress(part.microbatches))
                progress.forwards += 1
                self.in_flight += 1
                self.deferred += 1
                self._next_forward = _after(place, progress)
                del self._forwards[place]
            case Backward():
                progress = self._steps[message.step]
                progress.backwards += 1
                self.in_flight -= 1
                self._next_backward = _after(place, progress)
                del self._backwards[place]
            case WeightGradient():
                progress = self._steps[message.step]
                whole = self.discipline.weight_gradients is Grouping.STEP
                done = progress.microbatches if whole else 1
                progress.weight_gradients += done
                self.deferred -= done
                self._weight_gradients.popleft()
            case _:
                del self._predictions[place]


def _after(place: _Place, progress: _Progress) -> _Place:
    step, microbatch = place
    return (step, microbatch + 1) if microbatch + 1 < progress.microbatches else (step + 1, 0)


def _work(message: Message) -> Work:
    if isinstance(message, Backward):
        return Work.BACKWARD
    return Work.WEIGHT_GRADIENT if isinstance(message, WeightGradient) else Work.FORWARD
