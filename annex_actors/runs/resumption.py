"""Resume a run that was cut off, or train a finished one further."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from annex_actors.base.errors import DataError, UserError
from annex_actors.base.texts import listed, shortened
from annex_actors.data import Dataset
from annex_actors.runs.config import RunConfig
from annex_actors.runs.environment import environment
from annex_actors.runs.initial_weights import begun
from annex_actors.runs.recorded_run import AttendantIn, RecordedRun, Recording, prepared
from annex_actors.runs.records import NetworkRecord
from annex_actors.runs.run_directory import FINGERPRINTS, NETWORK
from annex_actors.runs.saved_run import SavedRun
from annex_actors.runtimes import Observer
from annex_actors.runtimes.tracing.scope import Scope
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.interrupts import Interrupts
from annex_actors.training.learner import Learner
from annex_actors.training.preparation import PreparedTraining

_LONGEST = 200
"""Characters of a version that a warning quotes: the names of several libraries."""


@dataclass(frozen=True, eq=False)
class Resumption:
    """A saved run that goes on, checked against its settings and data; made by `prepare`.

    Args:
        saved: the run, read from its folder.
        config: its settings, perhaps with another runtime or more epochs.
        learner: from ``config``.
        dataset: from ``config``.
        training: from the beginning, with the identity of the run.
    """

    saved: SavedRun
    config: RunConfig
    learner: Learner
    dataset: Dataset
    training: PreparedTraining

    @classmethod
    def prepare(cls, saved: SavedRun, config: RunConfig, learner: Learner, dataset: Dataset) -> Self:
        """Return the resumption of a run; for the arguments see the class.

        Raises:
            UserError: settings or data are not those that the run began with; or they do not fit.
        """
        try:
            training = prepared(config, learner, dataset)
        except UserError:  # of other data, it would say how to change the network
            _check_same_kind(saved.network, dataset)
            raise
        if saved.identity is None:
            raise DataError(
                f"expected a run that records what decides its weights, got {saved.path} without identity.json, "
                "as of an older version; train again"
            )
        if config.training.initial_weights_sha256 is None:  # else the run with these weights is not needed any more
            config, training = begun(config, training)
        identity = training.identity.beginning_with(config.training.initial_weights_sha256)
        saved.identity.check(identity)
        network = NetworkRecord.of(training.spec.network, training.initial, dataset)
        if saved.network.model_copy(update={"source": network.source}) != network:  # the same data may have moved
            raise DataError(
                f"expected {saved.path / NETWORK} to describe the run's network and data, got others; "
                "the file was changed"
            )
        return cls(saved, config, learner, dataset, training.identified_by(identity))

    @property
    def is_done(self) -> bool:
        """Whether the run has finished with as many epochs as it is to have."""
        report = self.saved.report
        return report is not None and report.status == "finished" and report.epochs == self.config.training.epochs

    def carry_out(
        self,
        *,
        observers: Sequence[Observer] = (),
        attendants: Sequence[AttendantIn] = (),
        trace: Scope | None = None,
        note: Callable[[str], None] = lambda line: None,
    ) -> RecordedRun:
        """Resume the run from its newest whole checkpoint, or from the beginning if there is none.

        The result is bit-identical to that of a run with the same number of epochs that was never interrupted. Nothing
        in the folder changes before it is certain that the run can go on.

        Args:
            observers: called with the run's events.
            attendants: each makes what is beside the run while it goes on.
            trace: the steps to trace; None: none.
            note: called with lines that say where the run resumes, and with warnings.

        Returns:
            The run, even if it was interrupted or failed again.

        Raises:
            UserError: another process is working on the run; it has trained more epochs than it is to have; or the
                folder cannot be written.
        """
        saved, config = self.saved, self.config
        with Interrupts() as interrupts, saved.directory.lock():
            epochs = SavedRun.open(saved.path).epochs  # read again under the lock: another job may have written some
            spec = self.training.spec
            for change in _changes(saved.environment, environment(spec.kernels, spec.network.layers)):
                note(change)
            cut = saved.checkpoints.newest(self.training, note)
            training = self.training_from(cut)
            note(f"{saved.path} goes on from step {cut.step}" if cut else f"{saved.path} starts from the beginning")
            saved.directory.sweep()
            saved.checkpoints.sweep()
            saved.directory.record(saved.config.with_epochs(config.training.epochs))
            before = [epoch for epoch in epochs if cut and epoch.epoch <= len(cut.history)]
            fingerprints = os.path.lexists(saved.path / FINGERPRINTS)
            run = Recording(saved.directory, config, self.learner, self.dataset.name, interrupts, fingerprints)
            return run.carry_out(training, observers, before, attendants=attendants, trace=trace)

    def training_from(self, cut: Checkpoint | None) -> PreparedTraining:
        """Return the training from one of the run's checkpoints; from its initial weights, if there is none."""
        return begun(self.config, self.training)[1] if cut is None else self.training.resumed(cut)


def _check_same_kind(network: NetworkRecord, dataset: Dataset) -> None:
    """Refuse data with inputs or classes that the run did not begin with, such as a table to which rows were added."""
    for what, began, now in (
        ("inputs of shape", network.input_shape, dataset.input_shape),
        ("classes", network.classes, dataset.classes),
    ):
        if began != now:
            raise DataError(
                f"expected the data that the run began with, with {what} {_written(began)}, got {_written(now)}; go on "
                "with those data, or begin a new training with these"
            )


def _written(value: Sequence[object] | None) -> str:
    if value is None:
        return "none"
    return listed(value) if value and isinstance(value[0], str) else str(value)


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each part of the environment that differs from the start of the run."""
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            began = shortened(before.get(name), _LONGEST)
            yield (
                f"warning: resumed with {shortened(name)} {now.get(name)}, started with {began}: "
                "the weights may differ in their last bits"
            )
