"""How long to go on starting processes where something ends each of them before it has work.

No message did that, so it counts against none. Whatever kills what starts, such as the system when memory is short, may
stop; so each further try waits a little longer. The pauses would carry the kills out of any window of time, and so they
are counted in a row: a peer that is up begins a new row.
"""

from __future__ import annotations

import logging

from annex_actors.runtimes.hosting.failures import chained
from annex_actors.runtimes.processes.worker_process import ProcessDied
from annex_actors.runtimes.program import RunFailedError, Supervision
from supervisors import Backoff, StartError

logger = logging.getLogger(__name__)

PAUSES = Backoff(min_s=0.01, max_s=0.5)
"""The pauses between tries. The longest one is half a second, so that a hundred tries take a minute."""


class StartLimit:
    """Counts the processes in a row that ended before they had work.

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

    def pause_s(self, label: str, error: StartError | ProcessDied) -> float:
        """Count a failed start; return the seconds to wait before the next try.

        Args:
            label: of the peer for which the process was started.
            error: why it did not start.

        Raises:
            RunFailedError: too many in a row.
            BaseException: ``error``, if it is not that a signal or an interrupt has ended the process.
        """
        death = error if isinstance(error, ProcessDied) else error.__cause__
        if not isinstance(death, ProcessDied) or not (death.external or death.by_signal):
            raise error
        failure = self._killed_too_often(label, death) if death.external else self._failed_too_often(label, death)
        if failure is not None:
            raise chained(failure, death)
        tries = self._killed + self._failed
        if tries.bit_count() == 1:  # one warning after 1, 2, 4, 8 … tries
            logger.warning("%s: %s; it is tried again", label, error)
        return PAUSES.delay_s(tries - 1)

    def _killed_too_often(self, label: str, death: ProcessDied) -> RunFailedError | None:
        self._killed += 1
        if self._killed <= self._limits.max_restarts:
            return None
        return RunFailedError(
            f"{label}: the system kills what starts: {self._killed} processes in a row before they had work, the last "
            f"was {death.what}; `max_restarts` allows {self._limits.max_restarts}"
        )

    def _failed_too_often(self, label: str, death: ProcessDied) -> RunFailedError | None:
        self._failed += 1
        if self._failed < self._limits.max_attempts:
            return None
        return RunFailedError(f"{label}: a process did not start: {death.what} ({self._failed} times in a row)")
