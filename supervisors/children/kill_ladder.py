"""Force: the steps to take with a child that does not stop when it is asked to."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import zip_longest
from typing import Any

from supervisors.children.child import Child, Rung
from supervisors.children.records import ExitWatch
from supervisors.children.thread_child import ThreadChild
from supervisors.lifecycle.guarded import guarded
from supervisors.lifecycle.ref import Ref
from supervisors.rules.reasons import SHUTDOWN, Abandoned

_DISCARD_S = 5.0
"""Real seconds that a child which must not run may take to stop in order."""


def kill(target: Ref[Any] | Child) -> None:
    """End an actor by force, and return when it has ended: climb its kill ladder, at last abandon it.

    A supervisor does this with a child that exceeds its shutdown time. Other code that finds that an actor must go may
    do it, too; to the supervisor it is an end like any other.

    Args:
        target: the actor's reference; or a child of any host.
    """
    child: Child = target if isinstance(target, Child) else ThreadChild(target)
    use_force([(child, _watched(child))])


def discard(child: Child) -> None:
    """Stop a child that was started but must not run."""
    watch = _watched(child)
    guarded(partial(child.shutdown, SHUTDOWN), None, "`shutdown` of %r", child)
    if not watch.wait(_DISCARD_S):
        use_force([(child, watch)])


def use_force(children: Iterable[tuple[Child, ExitWatch]]) -> None:
    """Climb the kill ladders of several children together; abandon those that have not ended at the top.

    Whatever a child's methods raise, the others are ended, and in the end none is waited for.
    """
    left = list(children)
    ladders: list[Sequence[Rung]] = [guarded(child.ladder, (), "`ladder` of %r", child) for child, _ in left]
    for rungs in zip_longest(*ladders):
        pairs = zip(rungs, left, strict=True)
        climbing = [(rung, watch) for rung, (_, watch) in pairs if rung is not None and not watch.is_set()]
        pulled = [guarded(partial(_pull, rung), False, "rung %r", rung.name) for rung, _ in climbing]
        begin = time.monotonic()
        for (rung, watch), was_pulled in zip(climbing, pulled, strict=True):
            grace_s = rung.grace_s if was_pulled else 0.0
            watch.wait(None if grace_s is None else max(0.0, begin + grace_s - time.monotonic()))
    for child, watch in left:
        if not watch.is_set():
            if not guarded(partial(_abandon, child), False, "`abandon` of %r", child):
                watch.note(Abandoned())
            watch.wait()


def _pull(rung: Rung) -> bool:
    rung.pull()
    return True


def _abandon(child: Child) -> bool:
    child.abandon()
    return True


def _watched(child: Child) -> ExitWatch:
    watch = ExitWatch()
    guarded(partial(child.watch, watch.note), None, "`watch` of %r", child)
    return watch
