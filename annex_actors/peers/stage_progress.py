"""How far a stage has got in the stream of steps and microbatches, and which microbatch is next."""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from dataclasses import dataclass
from typing import TypeAlias

from annex_actors.protocol.messages import WHOLE_STEP, Address, Forward
from annex_actors.protocol.replicas import Share
from annex_actors.protocol.routing import Routing

Place: TypeAlias = tuple[int, int]
"""(step, microbatch)."""


@dataclass(slots=True)
class StepProgress:
    """How far a stage has got in one step.

    Args:
        microbatches: how many the step has.
        share: those that belong to this replica of the stage, ``own`` of them.
        forwards: for how many of them F is done.
        backwards: for how many of them B is done.
        weight_gradients: for how many of them W is done.
        for_others: for how many of the others W is done.
    """

    microbatches: int
    share: range
    own: int
    forwards: int = 0
    backwards: int = 0
    weight_gradients: int = 0
    for_others: int = 0


class StageProgress:
    """How far a stage has got in all steps under way. Each kind of work is done in the order of the microbatches.

    Args:
        address: of the stage, or of a replica of it.
        routing: says which microbatches belong to it.
        committed: every step below this one is committed.
    """

    def __init__(self, address: Address, routing: Routing, committed: int) -> None:
        self.committed = committed
        self.steps: dict[int, StepProgress] = {}
        self.in_flight: deque[Place] = deque()
        """The microbatches whose F is done and whose B is not, the oldest first."""
        self.deferred = 0
        """The number of microbatches whose F is done and whose W is not."""
        self.next_forward: Place = (committed, 0)
        """The next microbatch for F; microbatch 0 as long as it is not known how its step was cut."""
        self._address = address
        self._routing = routing

    @property
    def next_backward(self) -> Place:
        """The next microbatch for B; where none is in flight, the next one that will be."""
        return self.in_flight[0] if self.in_flight else self.next_forward

    def has_gradients(self, step: int) -> bool:
        """Return whether W of all microbatches of a step is done, which is not committed yet."""
        progress = self.steps.get(step)
        return progress is not None and progress.weight_gradients + progress.for_others == progress.microbatches

    def missing_share(self, seen: Container[Place]) -> Place | None:
        """Return the first microbatch of the step to commit that another replica has not told of, if all else is done.

        Args:
            seen: those of which the others have told.
        """
        step = self.steps.get(self.committed)
        if step is None or step.backwards < step.own:
            return None
        others = (each for each in range(step.microbatches) if each not in step.share)
        return next(((self.committed, each) for each in others if (self.committed, each) not in seen), None)

    def add_step(self, message: Forward | Share) -> None:
        """Record, from one of its messages, how a step was cut."""
        if message.step not in self.steps:
            microbatches = message.part.microbatches
            share = self._routing.share(self._address, message.step, microbatches)
            self.steps[message.step] = StepProgress(microbatches, share, len(share))
            if message.step == self.next_forward[0]:
                self._begin(message.step)

    def count_forward(self) -> None:
        """Count F of the next microbatch as done."""
        number, _ = self.next_forward
        step = self.steps[number]
        self.in_flight.append(self.next_forward)
        self.deferred += 1
        step.forwards += 1
        if step.forwards < step.own:
            self.next_forward = number, step.share[step.forwards]
        else:
            self._begin(number + 1)

    def count_backward(self) -> None:
        """Count B of the next microbatch as done."""
        step, _ = self.in_flight.popleft()
        self.steps[step].backwards += 1

    def count_weight_gradient(self, step: int, microbatch: int) -> None:
        """Count W of a microbatch as done, or of the whole step; it is deferred here only if its F was done here."""
        progress = self.steps[step]
        if microbatch == WHOLE_STEP:
            progress.weight_gradients, progress.for_others = progress.own, progress.microbatches - progress.own
            self.deferred -= progress.own
        elif microbatch in progress.share:
            progress.weight_gradients += 1
            self.deferred -= 1
        else:
            progress.for_others += 1

    def commit(self, step: int) -> None:
        """Record that every step below ``step`` is committed, so that nothing of those is under way any more."""
        self.committed = step
        if self.next_forward[0] < step:
            self._begin(step)
        while self.in_flight and self.in_flight[0][0] < step:
            self.in_flight.popleft()
        for done in [each for each in self.steps if each < step]:
            progress = self.steps.pop(done)
            self.deferred -= progress.forwards - progress.weight_gradients

    def _begin(self, number: int) -> None:
        """Make the first microbatch of a step the next one for F."""
        step = self.steps.get(number)
        self.next_forward = number, step.share[0] if step and step.own else 0
