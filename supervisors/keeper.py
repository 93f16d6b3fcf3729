"""Starting and stopping single children: the effects that every kind of supervisor shares."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest
from typing import Any

from supervisors.child import Child, StartContext
from supervisors.clock import Clock
from supervisors.errors import Ignore, KillRefused, StartError
from supervisors.events import (
    ChildAbandoned,
    ChildEvent,
    ChildExited,
    ChildReady,
    ChildShutdownFailed,
    ChildStartFailed,
    ChildStarting,
)
from supervisors.reasons import KILLED, SHUTDOWN, Abandoned, Crashed, Reason
from supervisors.ref import Ref
from supervisors.reports import Context, Offender, Report
from supervisors.signals import Kill
from supervisors.slots import ChildState, Slot, Watch
from supervisors.spec import BRUTAL_KILL, INFINITY
from supervisors.strategy import Restart

_DISCARD_S = 5.0
"""Real seconds that a child which must not run here may take to stop in order."""


@dataclass(frozen=True, slots=True)
class ChildGone:
    """The message by which a supervisor learns that a child has ended.

    Args:
        slot: its place.
        child: which incarnation.
    """

    slot: Slot
    child: Child


class Keeper:
    """Starts and stops children on behalf of one supervisor, in its thread.

    Args:
        context: the supervisor's own.
        ref: the supervisor's own.
        extra_arguments: for every child.
    """

    def __init__(self, context: StartContext, ref: Ref[Any], extra_arguments: tuple[Any, ...] = ()) -> None:
        self.abandoned = 0
        self.clock: Clock = context.clock
        self.path = (*context.path, context.id)
        self.name = "/".join(self.path)
        self.extra_arguments = extra_arguments
        self._context = context
        self._ref = ref

    # Start

    def start(self, slot: Slot) -> None:
        """Start the child of ``slot``.

        Raises:
            Ignore: it does not want to run.
            BaseException: it failed, and this is the original exception.
        """
        slot.incarnation += 1
        slot.rest()
        slot.since = self.clock.monotonic()
        self.emit(ChildStarting, slot)
        try:
            child, info, release = self._call_start(slot)
        except (Ignore, Kill):
            raise
        except BaseException as error:
            self.report(Context.START_ERROR, slot, Crashed(error))
            self.emit(ChildStartFailed, slot, error)
            raise
        slot.child, slot.info, slot.state, slot.watch = child, info, ChildState.RUNNING, Watch()
        slot.reason = None  # a crash holds its frames, and they the dead actor: let them go
        self._watch(slot, child, release)
        self.report(Context.PROGRESS, slot)
        self.emit(ChildReady, slot)

    def _call_start(self, slot: Slot) -> tuple[Child, Any, Callable[[], None]]:
        if getattr(slot.spec.start, "can_be_killed", True) is False:
            self._check_may_abandon(slot)
        started: object = slot.spec.start(self._context_of(slot))
        child, info = started if isinstance(started, tuple) and len(started) == 2 else (started, None)
        if not isinstance(child, Child):
            raise StartError(f"expected `start` of {slot.id!r} to return a Child, got {started!r}", slot.id)
        try:
            if not child.can_be_killed:
                self._check_may_abandon(slot)
            return child, info, self._register(slot, child)
        except BaseException:
            _discard(child)
            raise

    def _check_may_abandon(self, slot: Slot) -> None:
        if not slot.spec.may_abandon:
            raise KillRefused(
                f"child {slot.id!r} demands a real kill, which its host cannot give; "
                "say may_abandon=True or give it a shutdown time"
            )

    def _context_of(self, slot: Slot) -> StartContext:
        return replace(
            self._context,
            id=slot.id,
            incarnation=slot.incarnation,
            lineage=(*self._context.lineage, slot.incarnation),
            path=self.path,
            supervisor=self._ref,
            extra_arguments=self.extra_arguments,
            name=slot.spec.name,
        )

    def _watch(self, slot: Slot, child: Child, release: Callable[[], None]) -> None:
        watch, mailbox, gone = slot.watch, self._ref.cell.mailbox, ChildGone(slot, child)

        def on_exit(reason: Reason) -> None:
            release()
            watch.note(reason)
            mailbox.put_system(gone)

        child.watch(on_exit)

    def _register(self, slot: Slot, child: Child) -> Callable[[], None]:
        """Register a child whose host did not do it; return what frees the name."""
        name, registry = slot.spec.name, self._context.registry
        if name is None or registry is None or isinstance(child.ref, Ref):
            return _nothing
        registry.register(name, child.ref, incarnation=slot.incarnation)
        return lambda: registry.unregister(name, child.ref)

    # Stop

    def reap(self, slot: Slot) -> Reason:
        """Clear up after a child that has ended; return why it did."""
        child, reason = slot.child, slot.watch.reason
        assert child is not None, f"reap called for {slot.id!r}, which has no child"
        assert reason is not None, f"reap called for {slot.id!r}, which has not ended"
        if not isinstance(reason, Abandoned):
            child.join()
        slot.rest()
        slot.reason = reason
        slot.since = self.clock.monotonic()
        self.emit(ChildExited, slot, reason)
        return reason

    def terminate(self, slot: Slot) -> None:
        """Stop the child of ``slot`` in order, or by force if that takes longer than it may."""
        self.terminate_together([slot])

    def terminate_together(self, slots: Sequence[Slot]) -> None:
        """Stop several children at once: each gets its own time, and the time of all runs at once."""
        for slot in slots:
            if slot.child is None:
                slot.rest()
            elif slot.spec.shutdown is not BRUTAL_KILL:
                slot.child.shutdown(SHUTDOWN)
        begin = self.clock.monotonic()
        running = sorted((slot for slot in slots if slot.child is not None), key=_patience)
        for patience_s, group in groupby(running, key=_patience):
            self._await(list(group), None if patience_s == INFINITY else begin + patience_s)

    def _await(self, slots: list[Slot], due: float | None) -> None:
        """Wait until ``due`` (monotonic seconds), then use force."""
        late = [slot for slot in slots if not self.clock.wait(slot.watch.ended, self._until(due))]
        _force([(slot.child, slot.watch) for slot in late if slot.child is not None])
        for slot in slots:
            self._reap_stopped(slot)

    def _until(self, due: float | None) -> float | None:
        return None if due is None else max(0.0, due - self.clock.monotonic())

    def _reap_stopped(self, slot: Slot) -> None:
        ref = None if slot.child is None else slot.child.ref
        reason = self.reap(slot)
        if isinstance(reason, Abandoned):
            self.abandoned += 1
            self.emit(ChildAbandoned, slot, reason)
        if not _is_expected(slot, reason):
            self.report(Context.SHUTDOWN_ERROR, slot, reason, ref)
            self.emit(ChildShutdownFailed, slot, reason)

    # Observation

    def emit(self, event: type[ChildEvent], slot: Slot, *details: Any) -> None:
        """Tell the hooks of something that happened to the child of ``slot``."""
        hooks = self._context.hooks
        if hooks:
            hooks.emit(event(self.name, slot.id, slot.incarnation, slot.spec, *details))

    def report(self, context: Context, slot: Slot, reason: Reason | None = None, ref: Any = None) -> None:
        """Write to the log what happened to the child of ``slot``."""
        if ref is None and slot.child is not None:
            ref = slot.child.ref
        Report(self.name, context, reason, Offender.of(slot, ref)).log()


def _nothing() -> None:
    pass


def _discard(child: Child) -> None:
    """Stop a child that was started but must not run."""
    watch = Watch()
    child.watch(watch.note)
    child.shutdown(SHUTDOWN)
    if not watch.ended.wait(_DISCARD_S):
        _force([(child, watch)])


def _force(children: Iterable[tuple[Child, Watch]]) -> None:
    """Climb the kill ladders of several children together; give up whoever is left at the end."""
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


def kill(child: Child) -> None:
    """End a child by force: climb its ladder, at last abandon it. Returns when it has ended, one way or the other.

    What its supervisor does with one that overstays its shutdown time, for others who find that it must go; to the
    supervisor it is an end like any other.
    """
    watch = Watch()
    child.watch(watch.note)
    _force([(child, watch)])


def _patience(slot: Slot) -> float:
    """Return how many seconds a child may take to stop in order."""
    shutdown = slot.spec.shutdown
    return 0.0 if shutdown is BRUTAL_KILL else float(shutdown)


def _is_expected(slot: Slot, reason: Reason) -> bool:
    """Return whether ending by ``reason`` is no fault of a child that was told to stop.

    Source:
        Erlang/OTP, stdlib, ``supervisor``: shutdown errors.
    """
    if slot.spec.shutdown is BRUTAL_KILL and reason == KILLED:
        return True
    if slot.spec.restart is Restart.PERMANENT:
        return reason == SHUTDOWN and slot.spec.shutdown is not BRUTAL_KILL
    return reason.is_orderly
