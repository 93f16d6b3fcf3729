"""Starting and stopping single children: the effects that every kind of supervisor shares."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from supervisors.child import Child, StartContext
from supervisors.clock import Clock
from supervisors.errors import Ignore, KillRefused, StartError
from supervisors.events import (
    ChildAbandoned,
    ChildExited,
    ChildReady,
    ChildShutdownFailed,
    ChildStartFailed,
    ChildStarting,
    Event,
)
from supervisors.reasons import KILLED, SHUTDOWN, Abandoned, Reason
from supervisors.ref import Ref
from supervisors.signals import Kill
from supervisors.slots import ChildState, Slot, Watch
from supervisors.spec import BRUTAL_KILL, INFINITY
from supervisors.strategy import Restart

logger = logging.getLogger("supervisors")

_DISCARD_S = 5.0
"""Real seconds that a child which must not run here may take to stop in order."""


@dataclass(frozen=True, slots=True)
class ChildGone:
    """The message by which a supervisor learns that a child has ended.

    Args:
        id: whose.
        child: which incarnation.
    """

    id: str
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
        self._context = context
        self._ref = ref
        self._extra_arguments = extra_arguments

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
            child, slot.info = self._call_start(slot)
        except (Ignore, Kill):
            raise
        except BaseException as error:  # whatever a child raises is the child's failure
            logger.error("%s: child %r did not start: %r", self.name, slot.id, error)
            self.emit(ChildStartFailed, slot, error)
            raise
        slot.child, slot.state, slot.watch = child, ChildState.RUNNING, Watch()
        self._watch(slot, child)
        self.emit(ChildReady, slot)

    def _call_start(self, slot: Slot) -> tuple[Child, Any]:
        started: object = slot.spec.start(self._context_of(slot))
        child, info = started if isinstance(started, tuple) and len(started) == 2 else (started, None)
        if not isinstance(child, Child):
            raise StartError(f"expected `start` of {slot.id!r} to return a Child, got {started!r}", slot.id)
        if not slot.spec.may_abandon and not child.can_be_killed:
            self._discard(child)
            raise KillRefused(
                f"child {slot.id!r} demands a real kill, which its host cannot give; "
                "say may_abandon=True or give it a shutdown time"
            )
        return child, info

    def _discard(self, child: Child) -> None:
        watch = Watch()
        child.watch(lambda reason: _note(watch, reason))
        child.shutdown(SHUTDOWN)
        if not watch.ended.wait(_DISCARD_S):
            _force(child, watch)
        child.join()

    def _context_of(self, slot: Slot) -> StartContext:
        return replace(
            self._context,
            id=slot.id,
            incarnation=slot.incarnation,
            lineage=(*self._context.lineage, slot.incarnation),
            path=self.path,
            supervisor=self._ref,
            extra_arguments=self._extra_arguments,
            name=slot.spec.name,
        )

    def _watch(self, slot: Slot, child: Child) -> None:
        watch, mailbox, gone = slot.watch, self._ref.cell.mailbox, ChildGone(slot.id, child)
        release = self._registered(slot, child)

        def on_exit(reason: Reason) -> None:
            release()
            _note(watch, reason)
            mailbox.put_system(gone)

        child.watch(on_exit)

    def _registered(self, slot: Slot, child: Child) -> Callable[[], None]:
        """Register a child whose host did not do it; return what frees the name."""
        name, registry = slot.spec.name, self._context.registry
        if name is None or registry is None or isinstance(child.ref, Ref):
            return lambda: None
        registry.register(name, child.ref, incarnation=slot.incarnation)
        return lambda: registry.unregister(name, child.ref)

    # Stop

    def reap(self, slot: Slot) -> Reason:
        """Clear up after a child that has ended; return why it did."""
        assert slot.child is not None
        assert slot.watch.reason is not None
        reason = slot.watch.reason
        if not isinstance(reason, Abandoned):
            slot.child.join()
        slot.rest()
        slot.reason = reason
        slot.since = self.clock.monotonic()
        self.emit(ChildExited, slot, reason)
        return reason

    def terminate(self, slot: Slot) -> None:
        """Stop the child of ``slot`` in order, or by force if that takes longer than it may."""
        child = slot.child
        if child is None:
            slot.rest()
            return
        self.ask_to_stop(slot)
        self.await_stop(slot, _patience(slot))

    def ask_to_stop(self, slot: Slot) -> None:
        """Send the shutdown message, unless the child is to be killed at once."""
        if slot.child is not None and slot.spec.shutdown is not BRUTAL_KILL:
            slot.child.shutdown(SHUTDOWN)

    def await_stop(self, slot: Slot, timeout_s: float | None) -> None:
        """Wait ``timeout_s`` seconds for a child that is stopping, then use force."""
        assert slot.child is not None
        if slot.spec.shutdown is BRUTAL_KILL or not self.clock.wait(slot.watch.ended, timeout_s):
            _force(slot.child, slot.watch)
        spec, incarnation = slot.spec, slot.incarnation
        reason = self.reap(slot)
        if isinstance(reason, Abandoned):
            self.abandoned += 1
            logger.error(
                "%s: child %r would not end and was abandoned; it was at\n%s", self.name, spec.id, reason.stack
            )
            self.emit(ChildAbandoned, slot, reason)
        if not _is_expected(slot, reason):
            logger.error("%s: child %r (%d) ended by %s when told to stop", self.name, spec.id, incarnation, reason)
            self.emit(ChildShutdownFailed, slot, reason)

    def emit(self, event: type[Event], slot: Slot, *details: Any) -> None:
        """Tell the hooks of something that happened to the child of ``slot``."""
        hooks = self._context.hooks
        if hooks:
            hooks.emit(event(self.name, slot.id, slot.incarnation, slot.spec, *details))


def _force(child: Child, watch: Watch) -> None:
    """Climb the kill ladder until the child has ended; at its end give it up."""
    for rung in child.ladder():
        if watch.ended.is_set():
            return
        rung.pull()
        watch.ended.wait(rung.grace_s)
    if not watch.ended.is_set():
        child.abandon()
        watch.ended.wait()


def _note(watch: Watch, reason: Reason) -> None:
    watch.reason = reason
    watch.ended.set()


def _patience(slot: Slot) -> float | None:
    shutdown = slot.spec.shutdown
    return None if shutdown is BRUTAL_KILL or shutdown == INFINITY else float(shutdown)


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
