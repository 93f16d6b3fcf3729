"""Counts of a run so far, from its events; an event that is repeated counts once."""

from __future__ import annotations

from collections.abc import Sequence

from annex_actors.protocol.events import EpochFinished, Event, PeerStarted, StepFinished
from annex_actors.protocol.routing import TRAINER
from annex_actors.runs.records import EpochRecord


class RunCounts:
    """Counts steps, samples, restarts and epochs; all times are those of the events, whenever they are counted.

    ``steps`` and ``cost`` are those of the last finished step, ``restarts`` those of any actor, ``epochs`` the records
    of the finished epochs.

    Args:
        before: the epochs that were finished before a resume.
    """

    def __init__(self, *, before: Sequence[EpochRecord] = ()) -> None:
        self._began: float | None = None
        self._epoch_began = 0.0
        self._now = 0.0
        self._samples = 0
        self.steps = 0
        self.cost: float | None = None
        self.restarts = 0
        self.epochs: list[EpochRecord] = list(before)

    @property
    def samples_per_second(self) -> float:
        """Training throughput of the current epoch until its last finished step; 0 before the first.

        An epoch begins where the one before has been evaluated; the first one of a run, started or resumed, where the
        trainer is up.
        """
        seconds = self._now - self._epoch_began
        return self._samples / seconds if seconds > 0 else 0.0

    @property
    def finished(self) -> int:
        """How many epochs are finished, including those before a resume."""
        return self.epochs[-1].epoch if self.epochs else 0

    def count(self, event: Event) -> EpochRecord | None:
        """Count an event; return the epoch's record if it ends an epoch, else None."""
        if self._began is None:
            self._began = self._epoch_began = event.time
        match event:
            case PeerStarted(incarnation=1, address=address):
                if address == TRAINER:
                    self._epoch_began = event.time
            case PeerStarted():
                self.restarts += 1
            case StepFinished(step=step) if step >= self.steps:
                self.steps, self.cost, self._now = step + 1, event.cost, event.time
                self._samples += event.samples
            case EpochFinished(epoch=epoch) if epoch >= self.finished:
                self._now = event.time
                return self._end_epoch(event, event.time - self._began)
        return None

    def _end_epoch(self, event: EpochFinished, seconds: float) -> EpochRecord:
        record = EpochRecord(
            epoch=event.epoch + 1,
            steps=event.steps,
            train_cost=event.train_cost,
            test_cost=event.test_cost,
            metrics=event.metrics,
            validation_cost=event.validation_cost,
            samples_per_second=self.samples_per_second,
            seconds=seconds,
            restarts=self.restarts,
        )
        self._epoch_began, self._samples = event.time, 0
        self.epochs.append(record)
        return record
