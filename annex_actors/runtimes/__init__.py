"""Hosts for stages and trainer. They carry messages; they contain no mathematics and no schedule.

Read `program` (what a runtime is given) and `inline` (the simplest host) first; then `hosting` (what hosts share whose
peers can die), `threads`, `schedulers`, `processes`, `faults`, and `simulated`, which has a virtual clock.
"""

from __future__ import annotations

from typing import Any

from annex_actors.base import checks
from annex_actors.base.settings import build
from annex_actors.base.tables import Table
from annex_actors.runtimes.faults.planned import Crash, CrashPlan, InjectedCrash, parse_crash
from annex_actors.runtimes.inline import InlineRuntime
from annex_actors.runtimes.processes import ProcessesRuntime
from annex_actors.runtimes.program import (
    Job,
    Observer,
    PeerSpec,
    Program,
    RunFailedError,
    Runtime,
    StandstillError,
    Supervision,
)
from annex_actors.runtimes.ray import RayRuntime
from annex_actors.runtimes.schedulers import SchedulersRuntime
from annex_actors.runtimes.threads import ThreadsRuntime

RUNTIMES: Table[type[Runtime]] = Table(
    "runtime",
    {
        "schedulers": SchedulersRuntime,
        "threads": ThreadsRuntime,
        "processes": ProcessesRuntime,
        "ray": RayRuntime,
        "inline": InlineRuntime,
    },
)
"""The runtimes by name."""


def runtime(name: str | Runtime, **settings: Any) -> Runtime:
    """Return the runtime of this name, or the runtime itself.

    Args:
        name: one of `RUNTIMES`; or a runtime, which has its own settings.
        settings: the arguments of its class.

    Raises:
        ConfigError: no such runtime, no such setting, or a setting out of range.
    """
    if isinstance(name, str) or settings:
        made_by = RUNTIMES.find(name)
        return build(str(name), made_by, settings)
    return checks.instance("runtime", name, Runtime, 'a name such as "threads", or a runtime such as ThreadsRuntime()')


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
    "RayRuntime",
    "RunFailedError",
    "Runtime",
    "SchedulersRuntime",
    "StandstillError",
    "Supervision",
    "ThreadsRuntime",
    "parse_crash",
    "runtime",
]
