"""Force: the steps to take with a child that does not stop when it is asked to."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from supervisors.children.child import Child
from supervisors.children.records import ExitWatch
from supervisors.children.thread_child import ThreadChild
from supervisors.lifecycle.ref import Ref
from supervisors.rules.reasons import SHUTDOWN

_DISCARD_S = 5.0
"""Real seconds that a child which must not run may take to stop in order."""


def kill(target: Ref[Any] | Child) -> None:
    """End an actor by force, and return when it has ended: climb its kill ladder, at last abandon it.

    A supervisor does this with a child that exceeds its shutdown time. Other code that finds that an actor must go may
    do it, too; to the supervisor it is an end like any other.

    Args:
        target: the actor's reference; or a child of any host.
    """
    child: Child = ThreadChild(target) if isinstance(target, Ref) else target
    use_force([(child, _watched(child))])


def discard(child: Child) -> None:
    """Stop a child that was started but must not run."""
    watch = _watched(child)
    child.shutdown(SHUTDOWN)
    if not watch.ended.wait(_DISCARD_S):
        use_force([(child, watch)])


def use_force(children: Iterable[tuple[Child, ExitWatch]]) -> None:
    """Climb the kill ladders of several children together; abandon those that have not ended at the top."""
    left = list(children)
    for rungs in zip_longest(*(child.ladder() for child, _ in left)):
        pairs = zip(rungs, left, strict=True)
        climbing = [(rung, watch) for rung, (_, watch) in pairs if rung is not None and not watch.ended.is_set()]
        for rung, _ in climbing:
            rung.pull()
        begin = time.monotonic()
        for rung, watch in climbing:
            left_s = None if rung.grace_s is None else max(0.0, begin + rung.grace_s - time.monotonic())
            watch.ended.wait(left_s)
    for child, watch in left:
        if not watch.ended.is_set():
            child.abandon()
            watch.ended.wait()


def _watched(child: Child) -> ExitWatch:
    watch = ExitWatch()
    child.watch(watch.note)
    return watch
