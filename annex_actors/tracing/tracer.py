"""Trace a block of Python, and read the trace of a run that is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.base.files import SMALL, read_file, reading
from annex_actors.runs.run_directory import TRACE, TRACE_RECORDS
from annex_actors.runs.trace_files import MOST_IN_FILE
from annex_actors.runtimes.tracing.kept import InMemory
from annex_actors.runtimes.tracing.layout import RECORD
from annex_actors.runtimes.tracing.scope import ALL, Scope
from annex_actors.runtimes.tracing.tracing import Tracing, activated
from annex_actors.tracing.sequence import sequence_of
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
        """Return the messages of `trace` as a diagram in text; see `annex_actors.tracing.sequence.sequence_of`."""
        return sequence_of(self.trace, step)


@contextmanager
def trace(steps: str | int = ALL) -> Iterator[Tracer]:
    """Trace the jobs that are started in the block, on any runtime: each message, each piece of work, each wait.

    ``with trace() as t: learner.train(data)``, then ``print(t.sequence())``. At most two million records of a job are
    kept, 160 MB; what is more is counted in `Trace.dropped`.

    Args:
        steps: ``all``; ``sample``, four steps of every 400; or the number of the first steps.

    Raises:
        ConfigError: ``steps`` is something else.
    """
    text = steps if isinstance(steps, str) else str(checks.whole_number("steps", steps, at_least=1, below=2**31))
    tracer = Tracer(Scope.of(text))
    with activated(tracer.tracing):
        yield tracer


class _Peer(BaseModel):
    model_config = ConfigDict(strict=True)

    id: str
    label: str


class _Exit(BaseModel):
    peer: str
    time: float
    reason: str
    orderly: bool


class _Header(BaseModel):
    """What ``trace.json`` holds."""

    version: int
    run: str
    scope: str
    runtime: str
    cores: int | None
    schedule: str | None
    microbatches: int
    stages: int
    credit: list[int]
    peers: list[_Peer]
    names: list[str]
    exits: list[_Exit]
    dropped: int
    is_over: bool
    clock: dict[str, Any]


def read_trace(folder: str | Path) -> Trace:
    """Return the trace of a run that is kept: `annex-actors train --trace all`.

    Args:
        folder: of the run.

    Raises:
        DataError: the run was not traced, or its trace is damaged.
    """
    path = checks.path("folder", folder)
    if not (path / TRACE).exists():
        raise DataError(
            f"expected a run that was traced, got none in {path}; `annex-actors train --trace all` traces one"
        )
    with reading(path / TRACE):
        text = read_file(path / TRACE, limit=SMALL)
    with reading(path / TRACE_RECORDS):
        content = read_file(path / TRACE_RECORDS, limit=MOST_IN_FILE * RECORD.itemsize)
    try:
        header = _Header.model_validate_json(text).model_dump()
    except ValidationError as error:
        what = error.errors()[0]
        raise DataError(f"expected {path / TRACE} to be of a trace, got {what['msg']} at {what['loc']}") from error
    records = np.frombuffer(content, RECORD, len(content) // RECORD.itemsize)  # the last one may be torn
    named = {int(each) for field in ("kind", "role", "own_role") for each in np.unique(records[field])}
    if named and max(named) >= len(header["names"]):  # the run was killed between the two files
        records = records[np.max([records[f] for f in ("kind", "role", "own_role")], axis=0) < len(header["names"])]
    return Trace({**header, "run": path.resolve().name}, records)
