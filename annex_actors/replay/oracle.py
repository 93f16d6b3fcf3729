"""Replay pieces of a run from its last checkpoint before them and the data, on the oracle: all stages in one thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from annex_actors.base.errors import ConfigError, DataError, message_of
from annex_actors.replay.debugger import Debugger
from annex_actors.replay.pieces import FailureReport, ReplayReport, Selection, layers_of
from annex_actors.replay.watch import Watch
from annex_actors.runs import fingerprint_file
from annex_actors.runs.event_log import read_events
from annex_actors.runs.resumption import Resumption
from annex_actors.runs.run_directory import FINGERPRINTS
from annex_actors.runs.saved_run import SavedRun
from annex_actors.runtimes import InlineRuntime
from annex_actors.runtimes.inline import work_first
from annex_actors.stores import MemoryStore
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.preparation import PreparedTraining


class _Over(Exception):
    """The replay has come far enough."""


def replay(
    resumption: Resumption,
    selection: Selection,
    *,
    failure: str | None = None,
    debugger: Debugger | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> ReplayReport:
    """Replay pieces of a run, and all that comes before them since a checkpoint, or since the initial weights.

    Each piece is compared with its recorded fingerprints, each step with the recorded cost, and, if a checkpoint is as
    near behind as checkpoints are apart, the weights with it. The replay ends at the first difference or failure.

    Args:
        resumption: the run, from its folder and its data.
        selection: the pieces.
        failure: the error that the run has recorded, if they are a failure.
        debugger: opened for each of them; None: not at all.
        note: called with a line for each checkpoint that is damaged.

    Raises:
        UserError: the run has no such piece, or its data or its layers are not what it began with.
    """
    saved, training = resumption.saved, resumption.training
    selection.check(training.trainer, len(training.spec.network.layers) + 1)
    steps, newest = saved.checkpoints.steps(), saved.checkpoints.newest(training, note)
    start = _newest_up_to(selection.step, resumption, note)
    begun = resumption.training_from(start)
    until = _until(selection.step, steps, resumption.config.checkpoints.every)
    ahead = [step for step in steps if begun.initial.step < step <= until]
    stages = begun.spec.stage_specs(begun.initial, begun.trainer.run)
    watch = Watch(
        stages,
        selection,
        fingerprint_file.read(saved.path / FINGERPRINTS, [layers_of(stage) for stage in stages]),
        newest.costs if newest else (),
        {step: each for step in ahead if (each := _whole(step, resumption)) is not None},
        until,
        debugger,
    )
    _run(begun, watch)
    if not watch.pieces and not watch.is_over:
        raise ConfigError(f"expected a step of the run, got {selection.step}, before which it has ended")
    return _report(resumption, begun.initial, watch, failure)


def _newest_up_to(step: int, resumption: Resumption, note: Callable[[str], None]) -> Checkpoint | None:
    for each in reversed([each for each in resumption.saved.checkpoints.steps() if each <= step]):
        try:
            return resumption.saved.checkpoints.at(each, resumption.training)
        except DataError as error:
            note(message_of(error))
    return None


def _whole(step: int, resumption: Resumption) -> Checkpoint | None:
    try:
        return resumption.saved.checkpoints.at(step, resumption.training)
    except DataError:
        return None


def _until(step: int, checkpoints: list[int], every: int) -> int:
    """Return after how many steps to end: after that step, or where the next checkpoint is, if it is near."""
    return min([each for each in checkpoints if step < each <= step + every], default=step + 1)


def _run(training: PreparedTraining, watch: Watch) -> None:
    if training.spec.hosting.own_threads:
        raise ConfigError(
            f"expected a run with the same `blas_threads` for all stages, got {training.spec.stages}, whose "
            "stages need processes of their own; of such a run failures alone can be replayed"
        )
    store = MemoryStore(
        training.saved_stages, depth=training.trainer.overlap + 1, every=1, on_cut=watch.on_cut(training.initial)
    )
    program = replace(training.program(store, ()), instruments=(watch,))

    def choose(channels: int, peers: int) -> int:
        if watch.is_over:
            raise _Over
        return work_first(channels, peers)

    job = InlineRuntime(choose=choose).start(program)
    try:
        job.wait()
    except _Over:
        pass
    except Exception:
        if watch.failure is None:
            raise
    finally:
        job.close()


def _report(resumption: Resumption, initial: Checkpoint, watch: Watch, failure: str | None) -> ReplayReport:
    error = watch.failure
    begins = f"the checkpoint at step {initial.step}" if initial.step else "the initial weights"
    return ReplayReport(
        run_dir=str(resumption.saved.path),
        begins=begins,
        pieces=tuple(watch.pieces),
        pieces_equal=watch.pieces_equal,
        costs_equal=watch.costs_equal,
        checkpoints_equal=tuple(watch.checkpoints_equal),
        difference=watch.difference,
        failure=None if error is None else FailureReport.of(error, _recorded_errors(resumption.saved)),
        recorded_failure=failure,
    )


def _recorded_errors(saved: SavedRun) -> list[str]:
    """Return all errors of stages that a run has recorded, and what ended it."""
    kept = [record.error for record in saved.directory.failures().records()]
    events = [str(event.get("reason")) for event in read_events(saved.path)]
    return [*kept, *events, (saved.report.error or "") if saved.report else ""]
