"""Trace a block of Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.runtimes.tracing.kept import InMemory
from annex_actors.runtimes.tracing.scope import ALL, Scope
from annex_actors.runtimes.tracing.tracing import Tracing, activated
from annex_actors.tracing.trace import Trace


class Tracer:
    """What `trace` gives to its block: the traces of the jobs that the block started, once it is over."""

    def __init__(self, scope: Scope) -> None:
        self._kept: list[InMemory] = []
        self.tracing = Tracing(scope, self._keep)

    def _keep(self) -> InMemory:
        self._kept.append(InMemory())
        return self._kept[-1]

    def __repr__(self) -> str:
        return f"Tracer({', '.join(map(repr, self.traces))})"

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The trace of each job of the block, in their order: a training is one, a prediction another."""
        return tuple(Trace(each.header, each.records) for each in self._kept if len(each.records))

    @property
    def trace(self) -> Trace:
        """The trace of the block's only job, or of the one with the most records.

        Raises:
            DataError: the block has started none, or is not over.
        """
        traces = self.traces
        if not traces:
            raise DataError("expected a block that starts a job, such as a training, got none; read it after the block")
        return max(traces, key=lambda each: len(each.records))

    def sequence(self, step: int | None = None) -> str:
        """Return the messages of `trace` as a diagram in text; see `Trace.sequence`."""
        return self.trace.sequence(step)


def trace(steps: str | int = ALL) -> AbstractContextManager[Tracer]:
    """Trace the jobs that are started in the block, on any runtime: each message, each piece of work, each wait.

    ``with trace() as t: learner.train(data)``, then ``print(t.sequence())``. At most two million records of a job are
    kept, 160 MB; what is more is counted in `Trace.dropped`.

    Args:
        steps: ``all``; ``sample``, four steps of every 400; or the number of the first steps.

    Raises:
        ConfigError: ``steps`` is something else.
    """
    text = steps if isinstance(steps, str) else str(checks.whole_number("steps", steps, at_least=1, below=2**31))
    return _traced(Scope.of(text, "steps"))


@contextmanager
def _traced(scope: Scope) -> Iterator[Tracer]:
    tracer = Tracer(scope)
    with activated(tracer.tracing):
        yield tracer
