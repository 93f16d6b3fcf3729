"""A training run that leaves its folder behind, however it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from annex_actors.base.errors import AnnexError, DataError, message_of
from annex_actors.data import Dataset
from annex_actors.protocol.events import Event
from annex_actors.runs.config import RunConfig
from annex_actors.runs.environment import environment
from annex_actors.runs.records import EpochRecord, NetworkRecord, RunReport, Status
from annex_actors.runs.run_counts import RunCounts
from annex_actors.runs.run_directory import LOG, RunDirectory
from annex_actors.runs.saved_run import SavedRun
from annex_actors.runtimes import Crash, Observer
from annex_actors.runtimes.hosting.failures import one_line
from annex_actors.training.interrupts import Interrupts
from annex_actors.training.learner import Learner
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.result import Result

_LOGGERS = ("supervisors", "annex_actors", "py.warnings")


class MetricsLog:
    """The observer that adds a line to the run's metrics after every epoch."""

    def __init__(self, directory: RunDirectory, before: Sequence[EpochRecord] = ()) -> None:
        self._directory = directory
        self.tally = RunCounts(before=before)

    def on_event(self, event: Event) -> None:
        """Take one event in."""
        epoch = self.tally.take(event)
        if epoch is not None:
            self._directory.append(epoch)


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """A run that has begun and ended.

    Args:
        directory: the folder with all that is known of it.
        report: what it came to.
        error: why it ended before its end, KeyboardInterrupt for Ctrl-C; None where it did not.
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
) -> RecordedRun:
    """Train, and write config, environment, metrics, weights and result into a new folder.

    The folder is made after everything was checked, so that a run that cannot begin leaves none. A run that has begun
    leaves the last step that every layer committed, however it ends; Ctrl-C does not disturb the writing.

    Args:
        config: all settings; with ``learner`` and ``dataset`` from `annex_actors.runs.config.resolve`.
        learner: what trains.
        dataset: what it learns from.
        run_dir: the folder; by default ``runs/`` and the data set's name with the time.
        crashes: failures to make on purpose.
        observers: who sees the events, beside the metrics.

    Returns:
        The run, also where it was interrupted or failed.

    Raises:
        UserError: settings or data that do not fit; or the folder exists.
        OSError: the disk is full.
    """
    training = _prepared(config, learner, dataset, crashes)
    network = NetworkRecord.of(training.spec.network, training.initial, dataset)
    with Interrupts() as interrupts:
        directory = RunDirectory.create(run_dir) if run_dir else RunDirectory.create_named(dataset.name)
        try:
            with directory.lock():
                directory.begin(config, network, environment(training.spec.kernels))
                run = _Recording(directory, config, learner, dataset.name, interrupts)
                return run.carry_out(training, observers)
        except BaseException:
            if learner.result is None:
                directory.remove()
            raise


def resume_recorded(
    saved: SavedRun,
    config: RunConfig,
    learner: Learner,
    dataset: Dataset,
    *,
    observers: Sequence[Observer] = (),
    note: Callable[[str], None] = lambda line: None,
) -> RecordedRun:
    """Go on with a run that was killed, was interrupted or has failed, from its newest whole checkpoint.

    Where there is none it begins anew. What it comes to is bit-identical to a run that nothing happened to.

    Args:
        saved: the run, as its folder says.
        config: its settings; where the layers live may have changed.
        learner: what these settings make.
        dataset: what they load.
        observers: who sees the events, beside the metrics.
        note: told in lines where the run goes on, and what may be amiss.

    Returns:
        The run, also where it was interrupted again or has failed again.

    Raises:
        UserError: another job works on it; or the data are no longer those that it began with.
        OSError: the disk is full.
    """
    training, path = _prepared(config, learner, dataset), saved.path
    if NetworkRecord.of(training.spec.network, training.initial, dataset) != saved.network:
        raise DataError(f"expected the data that {path} was begun with, got others under the same name")
    with Interrupts() as interrupts, saved.directory.lock():
        epochs = SavedRun.open(path).epochs  # read under the lock: the job that had it may have just ended
        saved.directory.sweep()
        for change in _changes(saved.environment, environment(training.spec.kernels)):
            note(change)
        saved.checkpoints.sweep()
        cut = saved.checkpoints.newest(training.initial, note)
        note(f"{path} goes on from step {cut.step}" if cut else f"{path} begins anew")
        run = _Recording(saved.directory, config, learner, dataset.name, interrupts)
        if cut is None:
            return run.carry_out(training, observers)
        return run.carry_out(training.resumed(cut), observers, epochs[: len(cut.history)])


def _prepared(config: RunConfig, learner: Learner, dataset: Dataset, crashes: Sequence[Crash] = ()) -> PreparedTraining:
    epochs, batch_size = config.training.epochs, config.training.batch_size
    return PreparedTraining.of(learner.spec, dataset, epochs=epochs, batch_size=batch_size, crashes=crashes)


@dataclass(frozen=True, eq=False)
class _Recording:
    """A run in a folder that is locked.

    Args:
        directory: the folder.
        config: all settings.
        learner: what trains.
        dataset: the name of the data set.
        interrupts: hold Ctrl-C back, so that it does not disturb the writing.
    """

    directory: RunDirectory
    config: RunConfig
    learner: Learner
    dataset: str
    interrupts: Interrupts

    def carry_out(
        self, training: PreparedTraining, observers: Sequence[Observer], before: Sequence[EpochRecord] = ()
    ) -> RecordedRun:
        """Train, and write what it comes to; ``before`` are the epochs that were finished before."""
        learner, directory = self.learner, self.directory
        metrics, checkpoints = MetricsLog(directory, before), directory.checkpoints(self.config)
        failure: BaseException | None = None
        try:
            with logged_to(directory.path / LOG), self.interrupts.let_through():
                learner.carry_out(training, observers=[metrics, *observers], checkpoints=checkpoints)
        except BaseException as error:
            if learner.result is None:
                raise
            failure = error
        result = learner.result
        assert result is not None  # a run that has begun has one
        report = self._report(result, failure)
        if failure is not None and result.checkpoint.step:
            checkpoints.write(result.checkpoint)
        directory.end(report, result.checkpoint, metrics.tally.epochs[: len(result.history)])
        self.interrupts.forget()
        return RecordedRun(directory, report, failure)

    def _report(self, result: Result, error: BaseException | None) -> RunReport:
        interrupted = isinstance(error, KeyboardInterrupt)
        status: Status = "interrupted" if interrupted else "failed" if error else "finished"
        return RunReport.of(
            self.learner.spec,
            result,
            dataset=self.dataset,
            run_dir=str(self.directory.path),
            status=status,
            error=_why(error) if error and not interrupted else None,
        )


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for everything that is not as in the beginning and may round otherwise."""
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            yield (
                f"warning: resumed with {name} {now.get(name)}, begun with {before.get(name)}: "
                "the weights may differ in their last bits"
            )


def _why(error: BaseException) -> str:
    """Return what a run failed of: this package's errors say it themselves, of others the type is said too."""
    return message_of(error) if isinstance(error, AnnexError) else one_line(error)


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Write what the supervisors and the runtimes log, and warnings, to a file, instead of to standard error.

    Every crash is logged with its traceback, and NumPy warns of every overflow: too much for a terminal, and what one
    wants to read afterwards. The file is made with its first line.
    """
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate
        handler.close()
