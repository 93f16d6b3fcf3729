"""The supervisors of a run at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pykka

from annex_actors.control.status import ActorState
from annex_actors.runtimes import Job
from annex_actors.runtimes.hosting.job import HostedJob
from annex_actors.runtimes.hosting.tree import ROOT
from supervisors import ActorDead, ChildState, SupervisorRef

PATIENCE_S = 0.05
"""Seconds to wait for a supervisor, which answers nothing while it starts a child."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A supervisor at one moment.

    Args:
        kind: its strategy.
        state: working while it starts or stops a child, and then the other figures are those of the look before.
        used: how many restarts count in its window.
        left: how many more are allowed.
        children: whether each of its children runs, by id, in their order.
    """

    kind: str = ""
    state: ActorState = "waiting"
    used: int = 0
    left: int = 0
    children: Mapping[str, ChildState] = field(default_factory=dict)


def branches(job: Job, before: Mapping[str, Branch]) -> dict[str, Branch]:
    """Return the supervisors of a job by id, the root first; none where it has no tree.

    Args:
        job: the run.
        before: what the last look returned.
    """
    found: dict[str, Branch] = {}
    if isinstance(job, HostedJob):
        _add(found, ROOT, job.tree, before)
    return found


def _add(found: dict[str, Branch], id: str, supervisor: SupervisorRef, before: Mapping[str, Branch]) -> None:
    last = before.get(id, Branch())
    try:
        now = supervisor.snapshot(timeout=PATIENCE_S)
    except pykka.Timeout:
        found[id] = Branch(last.kind, "working", last.used, last.left, last.children)
        found.update({child: before[child] for child in last.children if child in before})
        return
    except ActorDead:  # it stops, or has ended
        found[id] = Branch(last.kind, "stopped", last.used, last.left, last.children)
        return
    children = {child.id: child.state for child in now.children}
    found[id] = Branch(now.kind, "waiting", now.restarts_used, now.restarts_left, children)
    for child in now.children:
        if isinstance(child.ref, SupervisorRef):
            _add(found, child.id, child.ref, before)
