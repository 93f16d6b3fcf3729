"""The mailbox of the trainer."""

from __future__ import annotations

from collections import deque

from annex_actors.protocol.mailbox import MOST_URGENT, Urgency
from annex_actors.protocol.messages import Message, Predict, Report
from annex_actors.protocol.reading import Rows


class TrainerMailbox:
    """The mailbox of the trainer: predictions and inputs as they arrive, reports in the order of their steps."""

    def __init__(self, reported: int) -> None:
        self._reported = reported
        self._reports: dict[int, Report] = {}
        self._arrived: deque[Predict | Rows] = deque()

    def put(self, message: Message) -> None:
        """Store a message; drop a report that was counted before."""
        if isinstance(message, Predict | Rows):
            self._arrived.append(message)
        elif isinstance(message, Report) and message.step >= self._reported:
            self._reports[message.step] = message

    def next(self) -> Message | None:
        """Return the next message to handle."""
        if self._arrived:
            return self._arrived.popleft()
        return self._reports.pop(self._reported, None)

    def urgency(self) -> Urgency | None:
        """Return `MOST_URGENT` where there is a message, since the first stage waits to be fed."""
        return MOST_URGENT if self._arrived or self._reported in self._reports else None

    def commit(self, step: int) -> None:
        """Record that every step below ``step`` is counted."""
        self._reported = step
