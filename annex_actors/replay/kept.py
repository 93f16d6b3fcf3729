"""Replay a failure from what is kept of it alone: neither the data nor the other stages are needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from annex_actors.base.errors import DataError
from annex_actors.base.words import counted
from annex_actors.peers.stage import Stage, StageSpec
from annex_actors.protocol.effects import Commit
from annex_actors.protocol.messages import Post
from annex_actors.replay.causes import Cause
from annex_actors.replay.debugger import Debugger
from annex_actors.replay.pieces import FailureReport, ReplayReport, layers_of, piece_of, sent_lines, weights_line
from annex_actors.runs.failure_files import KeptFailure
from annex_actors.runs.failure_records import FailureRecord
from annex_actors.runs.saved_run import SavedRun
from annex_actors.runtimes.blas import blas_threads
from annex_actors.training.learner import Learner


def replay_failure(
    saved: SavedRun, cause: Cause, record: FailureRecord, learner: Learner, debugger: Debugger | None = None
) -> ReplayReport:
    """Replay a failure whose arrays are kept.

    Args:
        saved: the run.
        cause: the failure.
        record: what is kept of it.
        learner: of the run.
        debugger: opened where it fails, and before, where it does not; None: not at all.

    Raises:
        DataError: the arrays are damaged, or the layers are not what they were.
    """
    stage = _stage(saved, record, learner)
    kept = saved.directory.failures().read(record, stage.initial)
    threads = learner.spec.blas_threads[record.stage]
    made, error = _done(stage, kept, None, threads)
    if debugger is not None:
        if error is not None:
            debugger.explain(error)
        else:
            made, error = _done(stage, kept, debugger, threads)
    return ReplayReport(
        run_dir=str(saved.path),
        begins=f"what is kept of the failure, at step {record.version}",
        pieces=(piece_of(stage, kept.message).model_copy(update={"made": made}),),
        recorded_failure=cause.error,
        failure=None if error is None else FailureReport.of(error, [record.error, cause.error]),
    )


def _done(
    stage: StageSpec, kept: KeptFailure, debugger: Debugger | None, threads: int
) -> tuple[tuple[str, ...], Exception | None]:
    """Do a piece; return a line for each thing that it made, and what it raised."""
    with blas_threads(threads), np.errstate(all="ignore"):
        behaviour = Stage(stage, kept.state, kept.record.version)
        try:
            for message in kept.before:
                behaviour.handle(message)
            if debugger is not None:
                debugger.enter(stage, kept.message, kept.record.layer)
            return _made(stage, behaviour.handle(kept.message)), None
        except Exception as error:  # noqa: BLE001 - whatever the layer raises is what was asked for
            return (), error
        finally:
            if debugger is not None:
                debugger.leave()


def _stage(saved: SavedRun, record: FailureRecord, learner: Learner) -> StageSpec:
    """Return the stage that failed, with its initial weights."""
    stages = learner.spec.stage_specs(learner.spec.initial(saved.network.input_shape), "replay")
    mine = stages[record.stage] if 0 <= record.stage < len(stages) == record.stages else None
    if mine is None or record.layer not in layers_of(mine):
        raise DataError(
            f"expected {counted(record.stages, 'stage')}, as when layer {record.layer} failed, got {len(stages)}; "
            f"set `training.stages` in {saved.path / 'config.toml'} as it was then"
        )
    return mine


def _made(stage: StageSpec, requests: Sequence[object]) -> tuple[str, ...]:
    posts = [each.message for each in requests if isinstance(each, Post) and each.to != stage.address]
    commits = [each.snapshot.step for each in requests if isinstance(each, Commit)]
    return (*sent_lines(posts), *map(weights_line, commits))
