"""Counts of a run so far, from its events; an event that is repeated counts once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from annex_actors.protocol.events import EpochFinished, Event, PeerStarted, StepFinished
from annex_actors.runs.records import EpochRecord


class RunCounts:
    """Counts steps, samples, restarts and epochs, and measures their time; the events themselves carry no time.

    ``steps`` and ``cost`` are those of the last finished step, ``restarts`` those of any actor, ``epochs`` the records
    of the finished epochs.

    Args:
        clock: returns seconds since any instant.
        before: the epochs that were finished before a resume.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter, *, before: Sequence[EpochRecord] = ()) -> None:
        self._clock = clock
        self._began: float | None = None
        self._epoch_began = 0.0
        self._samples = 0
        self.steps = 0
        self.cost: float | None = None
        self.restarts = 0
        self.epochs: list[EpochRecord] = list(before)

    @property
    def samples_per_second(self) -> float:
        """Training throughput since the current epoch began."""
        return self._samples / max(self._clock() - self._epoch_began, 1e-9)

    @property
    def finished(self) -> int:
        """How many epochs are finished, including those before a resume."""
        return self.epochs[-1].epoch if self.epochs else 0

    def count(self, event: Event) -> EpochRecord | None:
        """Count an event; return the epoch's record if it ends an epoch, else None."""
        if self._began is None:
            self._began = self._epoch_began = self._clock()
        match event:
            case PeerStarted(incarnation=incarnation):
                self.restarts += incarnation > 1
            case StepFinished(step=step) if step >= self.steps:
                self.steps, self.cost = step + 1, event.cost
                self._samples += event.samples
            case EpochFinished(epoch=epoch) if epoch >= self.finished:
                return self._end_epoch(event, self._clock() - self._began)
        return None

    def _end_epoch(self, event: EpochFinished, seconds: float) -> EpochRecord:
        record = EpochRecord(
            epoch=event.epoch + 1,
            steps=event.steps,
            train_cost=event.train_cost,
            test_cost=event.test_cost,
            metrics=event.metrics,
            samples_per_second=self.samples_per_second,
            seconds=seconds,
            restarts=self.restarts,
        )
        self._epoch_began, self._samples = self._clock(), 0
        self.epochs.append(record)
        return record
