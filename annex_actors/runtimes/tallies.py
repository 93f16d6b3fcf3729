"""What a simulation counts of each worker and each stage."""

from __future__ import annotations

from dataclasses import dataclass

from annex_actors.peers.stage import Stage
from annex_actors.peers.stage_mailbox import StageMailbox


@dataclass(slots=True)
class WorkerTally:
    """When a worker began its first piece of work and ended its last one, and how long it was busy."""

    first: float | None = None
    last: float = 0
    busy: float = 0

    @property
    def idle(self) -> float:
        """The time between its first and its last piece of work in which it did nothing."""
        return 0 if self.first is None else self.last - self.first - self.busy

    def add(self, start: float, end: float) -> None:
        """Count a piece of work."""
        self.first = start if self.first is None else self.first
        self.last = end
        self.busy += end - start


@dataclass(slots=True)
class StageTally:
    """The most that a stage kept: microbatches in flight (F done, B not), deferred (F done, W not), and versions."""

    in_flight: int = 0
    deferred: int = 0
    versions: int = 1

    def add(self, mailbox: StageMailbox, stage: Stage) -> None:
        """Count what the stage keeps now."""
        self.in_flight = max(self.in_flight, mailbox.in_flight)
        self.deferred = max(self.deferred, mailbox.deferred)
        self.versions = max(self.versions, len(stage.versions))
