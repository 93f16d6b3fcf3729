"""Train in a folder that records the run, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from annex_actors.base.errors import AnnexError, message_of
from annex_actors.base.files import writing
from annex_actors.base.logs import logs_to
from annex_actors.data import Dataset
from annex_actors.protocol.events import Event
from annex_actors.runs.config import RunConfig
from annex_actors.runs.environment import environment
from annex_actors.runs.event_log import EventLog
from annex_actors.runs.initial_weights import begun
from annex_actors.runs.keeper import Keeper
from annex_actors.runs.records import EpochRecord, NetworkRecord, RunReport, Status
from annex_actors.runs.run_counts import RunCounts
from annex_actors.runs.run_directory import LOG, RunDirectory
from annex_actors.runs.run_log import RunLog
from annex_actors.runs.trace_files import InFolder
from annex_actors.runtimes import Crash, Job, Observer, Program
from annex_actors.runtimes.hosting.failures import one_line
from annex_actors.runtimes.hosting.observers import log_failure
from annex_actors.runtimes.tracing.scope import Scope
from annex_actors.runtimes.tracing.tracing import Tracing, activated
from annex_actors.training import automatic
from annex_actors.training.attendants import Attendant
from annex_actors.training.automatic import OnTrials
from annex_actors.training.halts import halt_of
from annex_actors.training.interrupts import Interrupts
from annex_actors.training.learner import Learner
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.result import Result

AttendantIn: TypeAlias = Callable[[Path], Attendant]
"""Makes an attendant of a run, given the run's folder."""


class MetricsLog:
    """An observer that adds a line to the run's metrics after every epoch.

    Args:
        directory: the run's folder.
        before: the epochs that were finished before a resume.
    """

    def __init__(self, directory: RunDirectory, before: Sequence[EpochRecord] = ()) -> None:
        self._directory = directory
        self.counts = RunCounts(before=before)

    def on_event(self, event: Event) -> None:
        """Count an event; write its record if it ends an epoch."""
        epoch = self.counts.count(event)
        if epoch is not None:
            self._directory.append(epoch)


class RunObservers:
    """Observers that share a thread: to wake up one more at each step costs more than what these do.

    One that raises is removed, and the others go on.
    """

    def __init__(self, *observers: Observer) -> None:
        self._observers = list(observers)

    def on_event(self, event: Event) -> None:
        """Show each an event."""
        for observer in tuple(self._observers):
            try:
                observer.on_event(event)
            except Exception:  # noqa: BLE001 - logged, as where each observer is an actor of its own
                log_failure(observer)
                self._observers.remove(observer)


@dataclass(frozen=True)
class _Attending:
    """An attendant that is shown its events by `RunObservers`, if it observes, and so is no observer of its own."""

    attendant: Attendant

    def attend(self, job: Job, program: Program) -> AbstractContextManager[None]:
        """Attend."""
        return self.attendant.attend(job, program)


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """A run that has ended.

    Args:
        directory: the run's folder.
        report: its outcome.
        error: what ended it early, KeyboardInterrupt for Ctrl-C; None if it finished.
    """

    directory: RunDirectory
    report: RunReport
    error: BaseException | None


def train_recorded(
    config: RunConfig,
    learner: Learner,
    dataset: Dataset,
    *,
    run_dir: Path | None = None,
    crashes: Sequence[Crash] = (),
    observers: Sequence[Observer] = (),
    attendants: Sequence[AttendantIn] = (),
    trace: Scope | None = None,
    fingerprints: bool = False,
    on_trials: OnTrials | None = None,
) -> RecordedRun:
    """Train, and write config, environment, metrics, weights and result into a new folder.

    The folder is made after everything was checked, so that a run that cannot start leaves none. A run that has started
    leaves the last step that every layer committed, however it ends; Ctrl-C does not interrupt the writing.

    Args:
        config: all settings; like ``learner`` and ``dataset`` from `annex_actors.runs.config.resolve`.
        learner: what trains.
        dataset: what it trains on.
        run_dir: the folder; by default in ``runs/``, named after the data set and the time.
        crashes: failures to inject.
        observers: called with the run's events.
        attendants: each makes what is beside the run while it goes on.
        trace: the steps to trace; None: none.
        fingerprints: whether to record a fingerprint of each piece of work, with which `annex-actors replay` compares;
            a run that is resumed goes on with it.
        on_trials: called with the plans that ``stages = "auto"`` has tried, the fastest first.

    Returns:
        The run, even if it was interrupted or failed.

    Raises:
        UserError: settings or data that do not fit; or the folder exists, or cannot be written.
    """
    training = prepared(config, learner, dataset, crashes, on_trials)
    config, training = begun(config.placed(training.spec), training)
    network = NetworkRecord.of(training.spec.network, training.initial, dataset)
    with Interrupts() as interrupts:
        directory = RunDirectory.create(run_dir) if run_dir else RunDirectory.create_named(dataset.name)
        try:
            with directory.lock():
                versions = environment(training.spec.kernels, training.spec.network.layers)
                directory.begin(config, network, versions, training.identity, dataset.preparation)
                run = Recording(directory, config, learner, dataset.name, interrupts, fingerprints)
                return run.carry_out(training, observers, attendants=attendants, trace=trace)
        except BaseException:
            if learner.result is None:
                directory.remove()
            raise


def prepared(
    config: RunConfig,
    learner: Learner,
    dataset: Dataset,
    crashes: Sequence[Crash] = (),
    on_trials: OnTrials | None = None,
) -> PreparedTraining:
    """Return the training that a config describes, checked; its weights are drawn."""
    training = config.training
    return automatic.prepared(
        learner.spec,
        dataset,
        epochs=training.epochs,
        batch_size=training.batch_size,
        halt=halt_of(training.halt),
        metrics=training.metrics or None,
        evaluate_every=training.evaluate_every,
        crashes=crashes,
        on_trials=on_trials,
    )


@dataclass(frozen=True, eq=False)
class Recording:
    """Runs a training in a locked folder.

    Args:
        directory: the folder.
        config: all settings.
        learner: what trains.
        dataset: the name of the data set.
        interrupts: hold Ctrl-C back while the folder is written.
        fingerprints: whether to record those of each piece of work.
    """

    directory: RunDirectory
    config: RunConfig
    learner: Learner
    dataset: str
    interrupts: Interrupts
    fingerprints: bool = False

    def carry_out(
        self,
        training: PreparedTraining,
        observers: Sequence[Observer],
        before: Sequence[EpochRecord] = (),
        *,
        attendants: Sequence[AttendantIn] = (),
        trace: Scope | None = None,
    ) -> RecordedRun:
        """Train, and write the outcome; ``before`` are the epochs that were finished before a resume."""
        learner, directory = self.learner, self.directory
        beside = [make(directory.path) for make in attendants]
        watching = [each for each in beside if isinstance(each, Observer)]
        metrics, checkpoints = MetricsLog(directory, before), directory.checkpoints(self.config)
        events = EventLog(directory, training)
        failure: BaseException | None = None
        tracing = Tracing(trace, partial(InFolder, directory.path) if trace.is_kept else None) if trace else None
        try:
            with (
                logging_to(directory.path / LOG),
                closing(events),
                activated(tracing) if tracing else nullcontext(),
                self._keeper(training) as keeper,
                self.interrupts.let_through(),
            ):
                learner.carry_out(
                    training,
                    observers=[RunObservers(metrics, events, *watching), *observers],
                    checkpoints=checkpoints,
                    attendants=[_Attending(each) for each in beside],
                    handing_over=keeper.handing_over,
                )
        except BaseException as error:
            if learner.result is None:
                raise
            failure = error
        result = learner.result
        assert result is not None  # a run that has started has one
        report = self._report(result, failure)
        last = result.last or result.checkpoint
        if last.step:  # of a finished run too, so that it can be trained further
            with writing(checkpoints.path, "a checkpoint"):
                checkpoints.write(last)
        directory.end(report, result.checkpoint, metrics.counts.epochs[: len(result.history)])
        self.interrupts.forget()
        return RecordedRun(directory, report, failure)

    def _keeper(self, training: PreparedTraining) -> Keeper:
        initial = training.initial
        stages = training.spec.stage_specs(initial, training.trainer.run)
        return Keeper(self.directory, stages, initial.step, fingerprints=self.fingerprints)

    def _report(self, result: Result, error: BaseException | None) -> RunReport:
        interrupted = isinstance(error, KeyboardInterrupt)
        status: Status = "interrupted" if interrupted else "failed" if error else "finished"
        return RunReport.of(
            self.learner.spec,
            result,
            dataset=self.dataset,
            run_dir=str(self.directory.path),
            status=status,
            error=_reason(error) if error and not interrupted else None,
        )


def _reason(error: BaseException) -> str:
    """Return why a run failed, on one line: the message, and the type too unless it is this package's error."""
    return message_of(error) if isinstance(error, AnnexError) else one_line(error)


def logging_to(path: Path) -> AbstractContextManager[None]:
    """Return a block during which logs and warnings go to a file, which is made with its first line."""
    return logs_to(RunLog(path))
