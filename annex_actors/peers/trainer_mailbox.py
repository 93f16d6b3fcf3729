"""The mailbox of the trainer."""

from __future__ import annotations

from collections import deque

from annex_actors.peers.step_feed import StepFeed
from annex_actors.protocol.mailbox import MOST_URGENT, Urgency
from annex_actors.protocol.messages import Message, Predict, Report
from annex_actors.protocol.reading import Rows


class TrainerMailbox:
    """The mailbox of the trainer: predictions and inputs as they arrive, reports in the order of their steps.

    A step is fed before its report is counted, in every incarnation: one that had to read the step again, and has only
    its report, could commit it without the inputs that a stage may still need, which has been restarted as well.

    Args:
        reported: the cost of every step below this one is counted.
        steps: feeds the steps.
    """

    def __init__(self, reported: int, steps: StepFeed) -> None:
        self._reported = reported
        self._steps = steps
        self._reports: dict[int, Report] = {}
        self._arrived: deque[Predict | Rows] = deque()

    @property
    def waiting(self) -> int:
        """The number of messages that are here and not handled."""
        return len(self._reports) + len(self._arrived)

    def put(self, message: Message) -> None:
        """Store a message; drop a report that was counted before."""
        if isinstance(message, Predict | Rows):
            self._arrived.append(message)
        elif isinstance(message, Report) and message.step >= self._reported:
            self._reports[message.step] = message

    def next(self) -> Message | None:
        """Return the next message to handle."""
        message = self.peek()
        if isinstance(message, Report):
            return self._reports.pop(message.step)
        return self._arrived.popleft() if self._arrived else None

    def peek(self) -> Message | None:
        """Return the message that `next` would return, and leave it here."""
        if self._arrived:
            return self._arrived[0]
        return self._reports.get(self._reported) if self._reported < self._steps.fed else None

    def urgency(self) -> Urgency | None:
        """Return `MOST_URGENT` where there is a message, since the first stage waits to be fed."""
        return None if self.peek() is None else MOST_URGENT

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that are here and not handled."""
        return (*self._arrived, *self._reports.values())

    def commit(self, step: int) -> None:
        """Record that every step below ``step`` is counted."""
        self._reported = step
