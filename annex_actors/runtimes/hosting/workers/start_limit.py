"""How long to go on starting workers where something ends each of them before it has work.

No message did that, so it counts against none. Whatever kills what starts, such as the system when memory is short, may
stop; so each further try waits a little longer. The pauses would carry the kills out of any window of time, and so they
are counted in a row: a peer that is up begins a new row.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from annex_actors.runtimes.hosting.failures import chained
from annex_actors.runtimes.hosting.workers.worker_child import WorkerDied
from annex_actors.runtimes.program import RunFailedError, Supervision
from supervisors import Backoff, StartError

_Started = TypeVar("_Started")

logger = logging.getLogger(__name__)

PAUSES = Backoff(min_s=0.01, max_s=0.5)
"""The pauses between tries. The longest one is half a second, so that a hundred tries take a minute."""


class StartLimit:
    """Counts the workers in a row that ended before they had work.

    Args:
        limits: of the run: ``max_restarts`` kills from outside are tolerated, and of a fault of the process itself one
            less than ``max_attempts``.
    """

    def __init__(self, limits: Supervision) -> None:
        self._limits = limits
        self._killed = 0
        self._failed = 0

    def record_up(self) -> None:
        """Record that a peer is up."""
        self._killed = self._failed = 0

    def tried(self, label: str, start: Callable[[], _Started], pause: Callable[[float], None]) -> _Started:
        """Start a worker, and try again as long as workers are killed before they have work, and the limit allows it.

        Args:
            label: of the peer for which the worker is started.
            start: starts it.
            pause: waits so many seconds.

        Raises:
            RunFailedError: too many workers in a row were killed.
            StartError: no try would help.
        """
        while True:
            try:
                return start()
            except (StartError, WorkerDied) as error:
                pause_s = self.pause_s(label, error)
                if pause_s is None:
                    raise
            pause(pause_s)

    def pause_s(self, label: str, error: StartError | WorkerDied) -> float | None:
        """Count a failed start; return the seconds to wait before the next try, or None where no try would help.

        Args:
            label: of the peer for which the process was started.
            error: why it did not start.

        Raises:
            RunFailedError: too many processes in a row were ended by signals, or interrupted.
        """
        death = error if isinstance(error, WorkerDied) else error.__cause__
        if not isinstance(death, WorkerDied) or not (death.external or death.by_signal):
            return None
        self._killed += death.external
        self._failed += not death.external
        if self._killed > self._limits.max_restarts or self._failed >= self._limits.max_attempts:
            # No local name for it: the frame in its traceback would then refer to it.
            raise chained(RunFailedError(f"{label}: {self._why(death)}"), death)
        tries = self._killed + self._failed
        if tries.bit_count() == 1:  # one warning after 1, 2, 4, 8 … tries
            logger.warning("%s: %s; it is tried again", label, error)
        return PAUSES.delay_s(tries - 1)

    def _why(self, death: WorkerDied) -> str:
        if not death.external:
            return f"a process did not start: {death.what} ({self._failed} in a row)"
        return (
            f"the system kills what starts, before it has work: {self._killed} in a row, the last was {death.what}; "
            f"`max_restarts` allows {self._limits.max_restarts}"
        )
