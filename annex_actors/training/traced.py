"""The trace of a program: whether there is one, and what it is of."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from annex_actors.peers.stage import StageSpec
from annex_actors.runtimes import Program, Runtime, SchedulersRuntime, clock
from annex_actors.runtimes.tracing.tracing import active

VERSION = 2
"""Of the files of a trace."""


def traced(program: Program, runtime: Runtime) -> Program:
    """Return a program as it starts in this context: traced in a block of `annex_actors.trace`, else as it is."""
    tracing = active()
    if tracing is None or program.trace is not None:
        return program
    near = getattr(program.driver, "overlap", 1) + getattr(runtime, "commit_every", 1)
    return replace(program, trace=tracing.of_job(_header(program, runtime), len(program.peers), near))


def _header(program: Program, runtime: Runtime) -> dict[str, Any]:
    stages = [spec for spec in program.stages if isinstance(spec, StageSpec) and not spec.replica]
    count, microbatches = len(stages), getattr(program.driver, "microbatches", 1)
    shares = [len(spec.routing.share(spec.address, 0, microbatches)) for spec in stages]
    return {
        "version": VERSION,
        "run": program.run,
        "clock": {"monotonic": clock.now(), "wall_time": datetime.now(UTC).isoformat()},
        "runtime": runtime.name,
        "cores": _cores(runtime),
        "peers": [{"id": str(spec.address), "label": spec.label} for spec in program.peers],
        "schedule": stages[0].discipline.name if stages else None,
        "microbatches": microbatches,
        "stages": count,
        "credit": [
            spec.discipline.credit(spec.stage, count, share) for spec, share in zip(stages, shares, strict=True)
        ],
    }


def _cores(runtime: Runtime) -> int | None:
    """Return how many pieces of work are done at once at most: on as many cores, or threads if they are fewer.

    None: any number, on a virtual clock.
    """
    if runtime.name == "simulated":
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = runtime.threads if isinstance(runtime, SchedulersRuntime) else None
    return min(cores, threads or cores)
