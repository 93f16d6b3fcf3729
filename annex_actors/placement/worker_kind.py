"""The kinds of workers on which an actor may live."""

from __future__ import annotations

from enum import StrEnum


class WorkerKind(StrEnum):
    """The kinds of workers on which a peer may live: threads of the supervising process, and processes."""

    THREAD = "thread"
    PROCESS = "process"
