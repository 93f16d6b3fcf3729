"""Hosts for stages and trainer. They carry messages; they contain no mathematics and no schedule.

A reading order: `program` (what a runtime is given), `inline` (the simplest host), `failures` and `crashes`, `tree`,
`peer`, `threads`, `schedulers`; and `simulated`, whose clock is made up.
"""

from __future__ import annotations

from annex_actors.base import checks
from annex_actors.runtimes.faults.planned import Crash, CrashPlan, InjectedCrash, parse_crash
from annex_actors.runtimes.inline import InlineRuntime
from annex_actors.runtimes.processes import ProcessesRuntime
from annex_actors.runtimes.program import Job, Observer, PeerSpec, Program, RunFailedError, Runtime, Supervision
from annex_actors.runtimes.schedulers import SchedulersRuntime
from annex_actors.runtimes.threads import ThreadsRuntime

RUNTIMES: dict[str, type[Runtime]] = {
    "schedulers": SchedulersRuntime,
    "threads": ThreadsRuntime,
    "processes": ProcessesRuntime,
    "inline": InlineRuntime,
}
"""The runtimes by name."""


def runtime(name: str) -> Runtime:
    """Return the runtime of that name.

    Raises:
        ConfigError: no such runtime; the message lists all.
    """
    return RUNTIMES[name]() if name in RUNTIMES else checks.unknown("runtime", name, RUNTIMES)


__all__ = [
    "RUNTIMES",
    "Crash",
    "CrashPlan",
    "InjectedCrash",
    "InlineRuntime",
    "Job",
    "Observer",
    "PeerSpec",
    "ProcessesRuntime",
    "Program",
    "RunFailedError",
    "Runtime",
    "SchedulersRuntime",
    "Supervision",
    "ThreadsRuntime",
    "parse_crash",
    "runtime",
]
