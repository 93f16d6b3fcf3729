"""The circumstances of a start: what a child may know of its place in the tree."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from supervisors.lifecycle.hooks import Hooks
from supervisors.lifecycle.ref import Ref
from supervisors.lifecycle.registry import Registry
from supervisors.rules.termination import INFINITY
from supervisors.threads.clock import Clock, SystemClock
from supervisors.threads.timers import Timers

LOGGER = "supervisors"
"""The logger of every tree that names no other."""


@dataclass(frozen=True, slots=True)
class StartContext:
    """The circumstances of a child's start; the argument of every ``start`` function.

    Args:
        id: the child's id in its supervisor.
        incarnation: 1 for the first start, one more for every later attempt; so a higher one is a later one.
        lineage: the incarnations of all supervisors above, outermost first, then the child's own. Its order is the
            order of time even when a supervisor was itself restarted and counts from 1 again.
        path: the names of all supervisors above, outermost first, then the child's id.
        supervisor: the supervisor's reference; None for an actor started without one.
        extra_arguments: what a dynamic supervisor prepends to the arguments of every child.
        name: the name to register the child under, if any.
        registry: where names are looked up and registered, if anywhere.
        clock: where the time comes from.
        hooks: called with every event of the tree.
        timers: the timer thread of the tree; None for an actor started without one.
        mailbox_sample_s: how often supervisors report the depth of mailboxes, in seconds; None for never.
        logger: the name of the logger that supervisors report to.
        start_timeout: seconds that the start may take; `INFINITY`, the default, for any time.
        shutdown: seconds that it may take to stop.
    """

    id: str
    incarnation: int = 1
    lineage: tuple[int, ...] = (1,)
    path: tuple[str, ...] = ()
    supervisor: Ref[Any] | None = None
    extra_arguments: tuple[Any, ...] = ()
    name: Hashable | None = None
    registry: Registry | None = None
    clock: Clock = field(default_factory=SystemClock)
    hooks: Hooks = field(default_factory=Hooks)
    timers: Timers | None = None
    mailbox_sample_s: float | None = None
    logger: str = LOGGER
    start_timeout: float = INFINITY
    shutdown: float = 5.0
