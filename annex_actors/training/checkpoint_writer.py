"""Write checkpoints during a run.

A separate thread writes them from commits, which are immutable: training never waits for the disk. If the disk is too
slow, fewer are written: of those that are waiting only the newest.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Self

from annex_actors.base.files import reason
from annex_actors.protocol.events import CheckpointFailed, CheckpointSaved, Event
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import Job, RunFailedError
from annex_actors.runtimes.hosting.failures import chained, one_line
from annex_actors.training.best import BestWeights, Kept
from annex_actors.training.checkpoint import Checkpoint, Evaluation
from annex_actors.training.checkpoint_files import Checkpoints


class CheckpointWriter:
    """A thread that writes checkpoints during a run.

    The job to which it is attached shows an event for each checkpoint, saved or failed: a full disk may have room
    later, so the next one is tried. Anything else ends the run, since its owner counts on checkpoints.

    Args:
        checkpoints: where to write.
        best: finds the checkpoint of the best epoch.
        history: returns the finished epochs, and the evaluations within epochs.
    """

    def __init__(
        self, checkpoints: Checkpoints, best: BestWeights, history: Callable[[], tuple[Evaluation, ...]]
    ) -> None:
        self._job: Job | None = None
        self._failure: RunFailedError | None = None
        self._checkpoints = checkpoints
        self._best = best
        self._history = history
        self._cuts: SimpleQueue[tuple[tuple[Snapshot, ...], Kept] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="checkpoints", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is waiting, and end the thread; drop ``history`` and the job, which refer back to the writer.

        Raises:
            RunFailedError: something unexpected happened to a checkpoint, and the run has ended without hearing of it.
        """
        self._cuts.put(None)
        self._thread.join()
        self._history, self._job = tuple, None
        failure, self._failure = self._failure, None
        try:
            if error is None and failure is not None:
                raise failure
        finally:
            del failure  # else its traceback would refer to this frame, which refers to it

    def attach(self, job: Job) -> None:
        """Show events in a job, and end it if something unexpected happens, or has happened already."""
        self._job = job
        if self._failure is not None:
            job.fail(self._failure)

    def offer(self, step: int, cut: tuple[Snapshot, ...], kept: Kept) -> None:
        """Accept the commits of all stages at a step; never block, and take no lock that a kill could leave locked.

        Args:
            step: of the commits.
            cut: the commits.
            kept: what the store keeps beside them.
        """
        self._cuts.put((cut, kept))

    def _run(self) -> None:
        is_open = True
        while is_open:
            waiting = [self._cuts.get()]
            while True:
                try:
                    waiting.append(self._cuts.get_nowait())
                except Empty:
                    break
            is_open = waiting[-1] is not None
            cuts = [cut for cut in waiting if cut is not None]
            if cuts and self._failure is None:
                self._try_to_write(*cuts[-1])

    def _try_to_write(self, cut: tuple[Snapshot, ...], kept: Kept) -> None:
        try:
            self._write(cut, kept)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must not go on as if it were saved
            self._fail(cut[0].step, error)

    def _write(self, cut: tuple[Snapshot, ...], kept: Kept) -> None:
        step = cut[0].step
        checkpoint = self._best.beside(Checkpoint.of(cut, self._best.initial, self._history()), kept)
        if checkpoint is None:  # the commits came so late that the run has a better epoch, which it keeps instead
            return
        try:
            self._checkpoints.write(checkpoint)
        except OSError as error:
            self._emit(CheckpointFailed(step, reason(error)))
        else:
            self._emit(CheckpointSaved(step))

    def _emit(self, event: Event) -> None:
        if self._job is not None:
            self._job.emit(event)

    def _fail(self, step: int, error: Exception) -> None:
        what = f"the checkpoint of step {step} in {self._checkpoints.path} could not be written"
        # Before the job is looked for: so either this thread tells it, or the one that attaches the job.
        self._failure = chained(RunFailedError(f"{what}: {one_line(error)}"), error)
        if self._job is not None:
            self._job.fail(self._failure)
