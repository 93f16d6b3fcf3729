"""Keep in a run's folder what its stages hand over; a thread writes, so that neither a layer nor a recovery waits."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Self

from annex_actors.base.errors import message_of
from annex_actors.base.files import reason
from annex_actors.peers.stage import StageSpec
from annex_actors.runs import fingerprint_file
from annex_actors.runs.failure_files import MOST
from annex_actors.runs.run_directory import FINGERPRINTS, RunDirectory
from annex_actors.runtimes.handed_over import Failure, Fingerprint, HandedOver, HandingOver, Wanted

logger = logging.getLogger(__name__)


class Keeper:
    """A thread that writes what is handed over, during the block; what cannot be written is a line in the run's log.

    Args:
        directory: the run's folder.
        stages: of the run.
        step: where it begins.
        fingerprints: whether the pieces of its work are recorded.
    """

    def __init__(self, directory: RunDirectory, stages: Sequence[StageSpec], step: int, *, fingerprints: bool) -> None:
        self._failures = directory.failures()
        self._fingerprints = directory.path / FINGERPRINTS if fingerprints else None
        self._stages = {stage.address: stage for stage in stages}
        self._step = step
        self._handed: SimpleQueue[HandedOver | None] = SimpleQueue()
        self._left = 4 * MOST
        """How many more failures to ask for: each may come twice, the second time with all that it depends on."""
        self._thread = Thread(target=self._run, name="keeper", daemon=True)

    @property
    def handing_over(self) -> HandingOver:
        """Where the stages of the run hand over."""
        return HandingOver(self._handed.put, self._wanted)

    def __enter__(self) -> Self:
        self._write(fingerprint_file.begin_line(self._step, [_layers(stage) for stage in self._stages.values()]))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is waiting, and end the thread."""
        self._handed.put(None)
        self._thread.join()

    def _wanted(self) -> Wanted:
        return Wanted(failures=self._left > 0, fingerprints=self._fingerprints is not None)

    def _run(self) -> None:
        is_open = True
        while is_open:
            waiting = [self._handed.get()]
            try:
                while True:
                    waiting.append(self._handed.get_nowait())
            except Empty:
                pass
            is_open = None not in waiting
            self._write("".join(fingerprint_file.line(each) for each in waiting if isinstance(each, Fingerprint)))
            for each in waiting:
                if isinstance(each, Failure):
                    self._keep(each)

    def _write(self, lines: str) -> None:
        if self._fingerprints is None or not lines:
            return
        try:
            fingerprint_file.add(self._fingerprints, lines)
        except OSError as error:
            self._fingerprints = None  # with a gap, the file would only be larger
            logger.warning("the fingerprints of the run end here: %s", reason(error))

    def _keep(self, failure: Failure) -> None:
        if self._left <= 0:
            return
        self._left -= 1
        try:
            which = list(self._stages).index(failure.address)
            self._failures.keep(failure, self._layer(failure), which, len(self._stages))
        except Exception as error:  # noqa: BLE001 - nothing that is kept is worth a run
            why = reason(error) if isinstance(error, OSError) else message_of(error)
            logger.warning("what a layer was given when it failed is not kept: %s", why)

    def _layer(self, failure: Failure) -> int:
        """Return the index of the layer that failed.

        Where the error does not say it, it is the cost, which has diverged; where the process has ended, the first of
        the stage.
        """
        if failure.layer is not None:
            return failure.layer
        return _layers(self._stages[failure.address])[-1 if failure.traceback else 0]


def _layers(stage: StageSpec) -> range:
    """Return the indices of a stage's layers; the cost counts as the last one."""
    return range(stage.first_layer, stage.first_layer + len(stage.parts))
