"""What is beside a run while it goes on: a control server, a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol, runtime_checkable

from annex_actors.base.errors import AnnexError
from annex_actors.base.shown import shown
from annex_actors.runtimes import Job, Program, RunFailedError
from annex_actors.runtimes.hosting.failures import one_line


@runtime_checkable
class Attendant(Protocol):
    """Attends a run: from when its job has started until it ends, and before the job is closed.

    An attendant that is an `Observer` as well is shown the run's events, also those before it attends.
    """

    def attend(self, job: Job, program: Program) -> AbstractContextManager[None]:
        """Return a block that is entered once the job has started, and left when the job is over or has failed.

        An exception at its start ends the run, which then counts as one that has not started.
        """


@contextmanager
def attended(attendants: Sequence[Attendant], job: Job, program: Program) -> Iterator[None]:
    """Have all attendants attend a job during the block; the first one enters first and leaves last.

    Raises:
        AnnexError: an attendant does not start; those before it have left.
    """
    with ExitStack() as present:
        for attendant in attendants:
            try:
                present.enter_context(attendant.attend(job, program))
            except AnnexError:
                raise
            except Exception as error:
                raise RunFailedError(f"{shown(attendant)} does not start: {one_line(error)}") from error
        yield
