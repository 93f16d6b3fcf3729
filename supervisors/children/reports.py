"""The log entries of supervisors: OTP's five reports, each a record and a line."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum
from typing import Any

from supervisors.children.records import ChildRecord
from supervisors.rules.printing import printed
from supervisors.rules.reasons import Reason
from supervisors.rules.strategy import Restart
from supervisors.rules.termination import BrutalKill, ChildType


class Context(Enum):
    """The subject of a report."""

    PROGRESS = "started"
    START_ERROR = "start_error"
    CHILD_TERMINATED = "child_terminated"
    SHUTDOWN_ERROR = "shutdown_error"
    SHUTDOWN = "shutdown: reached_max_restart_intensity"


@dataclass(frozen=True, slots=True)
class Offender:
    """The child a report is about.

    Args:
        id: its id.
        ref: its reference; None when it does not run.
        incarnation: which start of it, from 1.
        restart: when it is restarted.
        significant: whether its end counts for ``auto_shutdown``.
        shutdown: seconds it may take to stop, or brutal kill.
        type: worker or supervisor.
    """

    id: str
    ref: Any
    incarnation: int
    restart: Restart
    significant: bool
    shutdown: float | BrutalKill
    type: ChildType

    @staticmethod
    def of(record: ChildRecord, ref: Any = None) -> Offender:
        """Return the child of ``record``, as an offender."""
        spec = record.spec
        return Offender(spec.id, ref, record.incarnation, spec.restart, spec.significant, spec.shutdown, spec.type)


@dataclass(frozen=True, slots=True)
class Report:
    """One entry of the log; it is the attribute ``report`` of the `logging.LogRecord`.

    Args:
        supervisor: its name with those above it, outermost first, joined by ``/``.
        context: what it is about.
        reason: why; None for a report of progress.
        offender: the child it is about.
    """

    supervisor: str
    context: Context
    reason: Reason | None
    offender: Offender

    def format(self, max_chars: int | None = None) -> str:
        """Return the report as one line.

        Args:
            max_chars: where to cut it, in characters >= 1; None for not at all.
        """
        why = "" if self.reason is None else f": {' '.join(printed(self.reason, str).split())}"
        child = f"child {self.offender.id!r} (incarnation {self.offender.incarnation})"
        line = f"{self.supervisor}: {self.context.value}: {child}{why}"
        return line if max_chars is None or len(line) <= max_chars else line[: max_chars - 1] + "…"

    def __str__(self) -> str:
        return self.format()

    def log(self, to: str) -> None:
        """Log it: progress at level debug, everything else as an error with the original traceback.

        Args:
            to: the name of the logger.
        """
        exc_info = None if self.reason is None else self.reason.exc_info
        logging.getLogger(to).log(_level(self.context), "%s", self, exc_info=exc_info, extra={"report": self})


def is_logged(context: Context, to: str) -> bool:
    """Return whether a logger shows a report about this: if not, it need not be made."""
    return logging.getLogger(to).isEnabledFor(_level(context))


def _level(context: Context) -> int:
    return logging.DEBUG if context is Context.PROGRESS else logging.ERROR
