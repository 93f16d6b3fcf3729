"""Starting and stopping single children: the effects that every kind of supervisor shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from supervisors.children.child import Child
from supervisors.children.events import (
    ChildAbandoned,
    ChildEvent,
    ChildExited,
    ChildReady,
    ChildShutdownFailed,
    ChildStartFailed,
    ChildStarting,
)
from supervisors.children.kill_ladder import discard, use_force
from supervisors.children.records import ChildRecord, ChildState, ExitWatch
from supervisors.children.reports import Context, Offender, Report, is_logged
from supervisors.children.thread_child import ThreadChild
from supervisors.lifecycle.context import StartContext
from supervisors.lifecycle.frames import clear_frames
from supervisors.lifecycle.guarded import guarded
from supervisors.lifecycle.ref import Ref
from supervisors.lifecycle.signals import Kill
from supervisors.lifecycle.waiting import undisturbed, wait_for
from supervisors.rules.errors import HungStart, Ignore, KillRefused, StartError
from supervisors.rules.printing import shown
from supervisors.rules.reasons import SHUTDOWN, Abandoned, Crashed, Reason
from supervisors.rules.termination import BRUTAL_KILL, INFINITY, is_expected, patience_s
from supervisors.threads.clock import Clock


@dataclass(frozen=True, slots=True)
class ChildGone:
    """The message that a child has ended, to its supervisor.

    Args:
        record: its record.
        child: the incarnation.
    """

    record: ChildRecord
    child: Child


class ChildControl:
    """Starts and stops children on behalf of one supervisor, in its thread.

    Args:
        context: of the supervisor.
        ref: of the supervisor.
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

    def start(self, record: ChildRecord) -> None:
        """Start the child of ``record``.

        Raises:
            Ignore: it does not want to run.
            BaseException: it failed, and this is the original exception.
        """
        record.incarnation += 1
        record.mark_down()
        record.since = self.clock.monotonic()
        self.emit(ChildStarting, record)
        try:
            child, ref, info = self._call_start(record)
        except (Ignore, Kill):
            raise
        except BaseException as error:
            self._report_failure(record, Crashed(error))
            raise
        record.child, record.ref, record.info, record.state = child, ref, info, ChildState.RUNNING
        record.reason = None
        self.report(Context.PROGRESS, record)
        self.emit(ChildReady, record)

    def _report_failure(self, record: ChildRecord, crash: Crashed) -> None:
        error = crash.error
        self.report(Context.START_ERROR, record, crash)
        self.emit(ChildStartFailed, record, error)
        if isinstance(error, HungStart) and isinstance(error.reason, Abandoned):
            self.abandoned += 1
            self.emit(ChildAbandoned, record, error.reason)
        clear_frames(crash)  # of ``__init__``, which ran in this thread: a stored event must not keep the actor

    def _call_start(self, record: ChildRecord) -> tuple[Child, Any, Any]:
        """Return the child that was started, its reference, and what else ``start`` returned."""
        if getattr(record.spec.start, "can_be_killed", True) is False:
            self._check_may_abandon(record)
        started: object = record.spec.start(self._context_of(record))
        child, info = started if isinstance(started, tuple) and len(started) == 2 else (started, None)
        # A look at the class first: Python before 3.12 asks a protocol for each of its members, as slow as a thread.
        if not isinstance(child, ThreadChild) and not isinstance(child, Child):
            raise StartError(f"expected `start` of {record.id!r} to return a Child, got {shown(started)}", record.id)
        try:
            if not child.can_be_killed:
                self._check_may_abandon(record)
            self._watch(record, child, self._register(record, child))
            return child, child.ref, info
        except BaseException:
            discard(child)
            raise

    def _check_may_abandon(self, record: ChildRecord) -> None:
        if not record.spec.may_abandon:
            raise KillRefused(
                f"child {record.id!r} demands a real kill, which its host cannot give; "
                "say may_abandon=True or give it a shutdown time"
            )

    def _context_of(self, record: ChildRecord) -> StartContext:
        spec, above = record.spec, self._context
        return StartContext(
            id=spec.id,
            incarnation=record.incarnation,
            lineage=(*above.lineage, record.incarnation),
            path=self.path,
            supervisor=self._ref,
            extra_arguments=self.extra_arguments,
            name=spec.name,
            registry=above.registry,
            clock=above.clock,
            hooks=above.hooks,
            timers=above.timers,
            mailbox_sample_s=above.mailbox_sample_s,
            start_timeout=spec.start_timeout,
            shutdown=patience_s(spec.shutdown),
        )

    def _watch(self, record: ChildRecord, child: Child, release: Callable[[], None]) -> None:
        record.watch = ExitWatch(partial(self._note_end, record, child, release))
        child.watch(record.watch.note)

    def _note_end(self, record: ChildRecord, child: Child, release: Callable[[], None]) -> None:
        """Free the name of a child that has ended, and tell the supervisor; in whatever thread notices the end."""
        release()
        self._ref.actor_state.send_system(ChildGone(record, child))

    def _register(self, record: ChildRecord, child: Child) -> Callable[[], None]:
        """Register a child whose host does not do it; return what frees the name."""
        name, registry = record.spec.name, self._context.registry
        if name is None or registry is None or isinstance(child.ref, Ref):
            return _nothing
        registry.register(name, child.ref, incarnation=record.incarnation)
        return partial(registry.unregister, name, child.ref)

    # Stop

    def reap(self, record: ChildRecord) -> Reason:
        """Wait for what is left of a child that has ended, and record its end; return why it ended."""
        child, reason = record.child, record.watch.reason
        assert child is not None, f"reap called for {record.id!r}, which has no child"
        assert reason is not None, f"reap called for {record.id!r}, which has not ended"
        if not isinstance(reason, Abandoned):
            guarded(child.join, None, "`join` of child %r", record.id)
        record.mark_down()
        record.reason = reason
        record.since = self.clock.monotonic()
        self.emit(ChildExited, record, reason)
        return reason

    def terminate(self, record: ChildRecord) -> None:
        """Stop the child of ``record`` in order, or by force when its shutdown time is over."""
        self.terminate_together([record])

    def terminate_together(self, records: Sequence[ChildRecord]) -> None:
        """Stop several children at once: each has its own time to stop, and all these times run at once."""
        for record in records:
            if record.child is None:
                record.mark_down()
            elif record.spec.shutdown is not BRUTAL_KILL:
                guarded(partial(record.child.shutdown, SHUTDOWN), None, "`shutdown` of child %r", record.id)
        begin = self.clock.monotonic()
        running = sorted((record for record in records if record.child is not None), key=_patience_s)
        for seconds, group in groupby(running, key=_patience_s):
            self._await(list(group), None if seconds == INFINITY else begin + seconds)

    def _await(self, records: list[ChildRecord], due: float | None) -> None:
        """Wait until ``due`` (monotonic seconds), then use force."""
        late = [record for record in records if not wait_for(record.watch, self._until(due), clock=self.clock)]
        if late:
            with undisturbed():  # a kill of the supervisor waits until all have ended, one way or the other
                use_force([(record.child, record.watch) for record in late if record.child is not None])
        for record in records:
            self._reap_stopped(record)

    def _until(self, due: float | None) -> float | None:
        return None if due is None else max(0.0, due - self.clock.monotonic())

    def _reap_stopped(self, record: ChildRecord) -> None:
        ref = record.ref
        reason = self.reap(record)
        if isinstance(reason, Abandoned):
            self.abandoned += 1
            self.emit(ChildAbandoned, record, reason)
        if not is_expected(reason, record.spec.shutdown, record.spec.restart):
            self.report(Context.SHUTDOWN_ERROR, record, reason, ref)
            self.emit(ChildShutdownFailed, record, reason)

    # Observation

    def emit(self, event: type[ChildEvent], record: ChildRecord, *details: Any) -> None:
        """Call the hooks with an event in the life of the child of ``record``."""
        hooks = self._context.hooks
        if hooks:
            hooks.emit(event(self.name, record.id, record.incarnation, record.spec, *details))

    def report(self, context: Context, record: ChildRecord, reason: Reason | None = None, ref: Any = None) -> None:
        """Log what happened to the child of ``record``."""
        if is_logged(context):
            Report(self.name, context, reason, Offender.of(record, record.ref if ref is None else ref)).log()


def _nothing() -> None:
    """Free no name: the host does it."""


def _patience_s(record: ChildRecord) -> float:
    return patience_s(record.spec.shutdown)
