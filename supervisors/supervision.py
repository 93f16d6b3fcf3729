"""The work of every supervisor on its children: the end of a child, its restart, and giving up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from supervisors.actor import Actor
from supervisors.calls import Call, answer
from supervisors.children.control import ChildControl, ChildGone
from supervisors.children.events import ChildRestarted, Escalated, MailboxDepth
from supervisors.children.records import ChildInfo, ChildRecord, ChildState, Counts, count, depth_of
from supervisors.children.reports import Context
from supervisors.children.snapshots import ChildSnapshot, SupervisorSnapshot
from supervisors.lifecycle.ref import Ref
from supervisors.lifecycle.signals import ExitNow, Kill
from supervisors.rules.errors import Ignore, StartError
from supervisors.rules.flags import Flags
from supervisors.rules.printing import printed
from supervisors.rules.reasons import Crashed, Escalation, Shutdown
from supervisors.rules.strategy import Restart, Verdict
from supervisors.rules.window import RestartWindow


@dataclass(frozen=True, slots=True)
class TryAgain:
    """A supervisor's message to itself: count one more restart of a child whose last attempt failed, and make it.

    It goes through the mailbox, so that a stop or a `terminate_child` sent meanwhile gets in first.
    """

    record: ChildRecord
    retry: object


@dataclass(frozen=True, slots=True)
class BackoffOver:
    """The message that ends the pause before a restart, which was counted before the pause."""

    record: ChildRecord
    retry: object


@dataclass(frozen=True, slots=True)
class Sample:
    """The message that asks for the depth of the children's mailboxes."""


class Supervision(ABC):
    """The work of one supervisor on its children, in its thread; its subclasses decide which and when.

    Args:
        supervisor: the actor; it is not kept, since it holds this.
        flags: its options.
        extra_arguments: for every child, before its own.
    """

    kind = ""
    calls = frozenset({"which_children", "count_children", "snapshot"})

    def __init__(self, supervisor: Actor, flags: Flags, extra_arguments: Sequence[Any] = ()) -> None:
        ref = cast("Ref[Any]", supervisor.actor_ref)
        self._context = supervisor.context
        self._state = ref.actor_state
        self._flags = flags
        self._window = RestartWindow(flags.max_restarts, flags.max_seconds)
        self._control = ChildControl(self._context, ref, tuple(extra_arguments))

    # What a kind of supervisor decides

    @abstractmethod
    def records(self) -> list[ChildRecord]:
        """Return the records of all children, in the order of start."""

    @abstractmethod
    def forget(self, record: ChildRecord) -> None:
        """Remove a child's record."""

    @abstractmethod
    def retire(self, record: ChildRecord, verdict: Verdict) -> None:
        """Handle the end of a child that is not restarted."""

    @abstractmethod
    def stop_affected(self, record: ChildRecord) -> None:
        """Stop the children that must not run while the one of ``record`` is restarted."""

    @abstractmethod
    def start_affected(self, record: ChildRecord) -> None:
        """Start the child of ``record``, and those that are started with it."""

    @abstractmethod
    def terminate_all(self) -> None:
        """Stop all children."""

    # What the loop calls

    def start(self) -> None:
        """Begin to sample the mailboxes, if the tree wants that."""
        self._schedule_sample()

    @abstractmethod
    def forget_all(self) -> None:
        """Forget all children; an error that a caller has kept may keep this object."""

    def receive(self, message: Any) -> Any:
        """Handle the end of a child, a retry, or a call."""
        match message:
            case ChildGone(ChildRecord() as record, child):
                if record.child is child:
                    self._on_child_gone(record)
            case TryAgain(ChildRecord() as record, retry):
                if record.retry is retry:
                    self._restart(record)
            case BackoffOver(ChildRecord() as record, retry):
                if record.retry is retry:
                    self._restart_now(record)
            case Call():
                return answer(self, message)
            case Sample():
                self._sample()
        return None

    # The end of a child

    def _on_child_gone(self, record: ChildRecord) -> None:
        ran_s = self._control.clock.monotonic() - record.since
        backoff = self._flags.backoff
        if backoff is not None and ran_s >= backoff.max_s:
            record.failures = 0
        ref = record.ref
        reason = self._control.reap(record)
        if record.spec.restart is Restart.PERMANENT or not reason.is_orderly:
            self._control.report(Context.CHILD_TERMINATED, record, reason, ref)
        verdict = record.spec.restart.verdict(reason)
        if verdict is Verdict.RESTART:
            self._restart(record)
        else:
            self.retire(record, verdict)

    def _restart(self, record: ChildRecord) -> None:
        """Count one restart and, if it is allowed, make it now or after a pause."""
        record.mark_down(ChildState.RESTARTING)
        self._window, allowed = self._window.record(self._control.clock.monotonic())
        if not allowed:
            self._escalate(record)
        backoff = self._flags.backoff
        if backoff is None:
            self._restart_now(record)
            return
        self.stop_affected(record)
        record.retry = object()
        self._send_later(backoff.delay_s(record.failures, record.id), BackoffOver(record, record.retry))
        record.failures += 1

    def _restart_now(self, record: ChildRecord) -> None:
        self.stop_affected(record)
        self.start_affected(record)

    def start_again(self, record: ChildRecord) -> bool:
        """Start a child as part of a restart; when that fails return False, and queue a further attempt."""
        try:
            self.start_or_ignore(record)
        except Kill:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a child raises is the child's failure
            record.reason = Crashed(error)
            record.mark_down(ChildState.RESTARTING)
            record.retry = object()
            self._state.send_system(TryAgain(record, record.retry))
            return False
        if record.child is not None:
            self._control.emit(ChildRestarted, record)
        return True

    def start_or_ignore(self, record: ChildRecord) -> None:
        """Start a child; if it does not want to run, its specification stays unless it is temporary."""
        try:
            self._control.start(record)
        except Ignore:
            if record.spec.restart is Restart.TEMPORARY:
                self.forget(record)

    def start_for_caller(self, record: ChildRecord) -> None:
        """Start a child, as a caller wants.

        Raises:
            StartError: it did not start; the cause is the original exception.
        """
        try:
            self.start_or_ignore(record)
        except Kill:
            raise
        except BaseException as error:
            raise self.start_error(record, error) from error

    def start_error(self, record: ChildRecord, error: BaseException) -> StartError:
        """Return the error that says which child did not start, caused by ``error``."""
        failure = StartError(f"{self._control.name}: child {record.id!r} failed to start: {printed(error)}", record.id)
        failure.__cause__ = error
        return failure

    def _escalate(self, record: ChildRecord) -> None:
        reason = record.reason
        assert reason is not None, "a restart without an end"
        self._control.report(Context.SHUTDOWN, record, reason)
        self._control.emit(Escalated, record, reason)
        raise ExitNow(Shutdown(Escalation(self._control.name, record.id, record.incarnation, reason)))

    # Calls

    def which_children(self) -> list[ChildInfo[Any]]:
        """See `BaseSupervisorRef.which_children`."""
        return [record.describe() for record in reversed(self.records())]

    def count_children(self) -> Counts:
        """See `BaseSupervisorRef.count_children`."""
        return count(self.records())

    def snapshot(self) -> SupervisorSnapshot:
        """See `BaseSupervisorRef.snapshot`."""
        now = self._control.clock.monotonic()
        window = self._window
        return SupervisorSnapshot(
            name=self._control.name,
            kind=self.kind or self._flags.strategy.value,
            restarts_used=window.used(now),
            restarts_left=window.left(now),
            max_restarts=window.max_restarts,
            max_seconds=window.max_seconds,
            abandoned=self._control.abandoned,
            children=tuple(ChildSnapshot.of(record, now) for record in self.records()),
        )

    def set_flags(self, flags: Flags) -> None:
        """Use new options from now on; restarts that were counted stay counted."""
        self._window = replace(self._window, max_restarts=flags.max_restarts, max_seconds=flags.max_seconds)
        self._flags = flags

    # Depth of mailboxes

    def _schedule_sample(self) -> None:
        if self._context.mailbox_sample_s is not None:
            self._send_later(self._context.mailbox_sample_s, Sample())

    def _send_later(self, delay_s: float, message: object) -> None:
        self._state.after(delay_s, partial(self._state.send_system, message))

    def _sample(self) -> None:
        for record in self.records():
            depth = depth_of(record)
            if depth is not None:
                self._control.emit(MailboxDepth, record, depth)
        self._schedule_sample()
