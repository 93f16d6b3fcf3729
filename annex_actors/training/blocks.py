"""Blocks of steps that are trained to be timed: whole batches of a network's first samples, and no evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from annex_actors.data import Dataset, Samples
from annex_actors.peers.trainer_state import TrainerState
from annex_actors.protocol.events import Event, StepFinished
from annex_actors.runtimes import Observer, Program
from annex_actors.stores import StateStore
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.preparation import PreparedTraining

_BATCHES = 16
"""Batches of samples that are trained on: as many as fill caches like a larger set, and no more to read from a file."""


def prepared_blocks(spec: LearnerSpec, dataset: Dataset, rows: int) -> PreparedTraining:
    """Return a training whose batches are all cut into ``spec.microbatches`` microbatches of ``rows`` samples.

    Raises:
        UserError: settings or data that do not fit.
    """
    assert spec.microbatches is not None
    size = rows * spec.microbatches
    some = _first(dataset.train, size * min(_BATCHES, len(dataset.train) // size))
    prepared = PreparedTraining.of(
        replace(spec, class_weight=None, reduce_on_plateau=None),
        replace(dataset, train=some, validation=None),
        epochs=10**6,
        batch_size=size,
    )
    return replace(prepared, trainer=replace(prepared.trainer, test=None, test_targets=None))


def block(training: PreparedTraining, steps: int, store: StateStore, observers: Sequence[Observer] = ()) -> Program:
    """Return the program that trains so many steps, from the drawn weights on."""
    trainer = replace(training.trainer, resumed=TrainerState(halt_at=steps))
    return replace(training, trainer=trainer).program(store, observers)


class StepEnds:
    """Notes when the cost of each step of a block is known; an observer."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def on_event(self, event: Event) -> None:
        """Note the end of a step."""
        if isinstance(event, StepFinished):
            self._times.append(event.time)

    def seconds(self, first: int) -> float:
        """Return the mean time of a step in seconds, without the ``first`` ones, in which the pipeline fills."""
        times = self._times[first - 1 :]
        return (times[-1] - times[0]) / (len(times) - 1)


def _first(samples: Samples, count: int) -> Samples:
    """Return the first samples, in memory."""
    weight = None if samples.sample_weight is None else samples.sample_weight[:count]
    return Samples(samples.inputs[0:count], samples.targets[:count], weight)
