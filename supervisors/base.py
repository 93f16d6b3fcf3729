"""What all supervisors have in common: the end of a child, its restart, and giving up."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from supervisors.actor import Actor
from supervisors.calls import BaseSupervisorRef, Call, answer
from supervisors.child import ChildType, StartContext
from supervisors.clock import Clock, SystemClock
from supervisors.errors import BadSpec, Ignore, StartError
from supervisors.events import ChildRestarted, Escalated, Hook, Hooks, MailboxDepth
from supervisors.flags import Flags
from supervisors.keeper import ChildGone, Keeper
from supervisors.launch import create, launch
from supervisors.reasons import SHUTDOWN, Crashed, Escalation, Reason, Shutdown
from supervisors.registry import Registry
from supervisors.reports import Context
from supervisors.signals import Exit, Kill, Leave
from supervisors.slots import ChildInfo, ChildState, Counts, Slot, count
from supervisors.snapshot import ChildSnapshot, SupervisorSnapshot
from supervisors.strategy import Restart, Verdict
from supervisors.timers import Timers
from supervisors.window import RestartWindow

logger = logging.getLogger("supervisors")


@dataclass(frozen=True, slots=True)
class TryAgain:
    """A supervisor's message to itself: count one more restart of a child whose last attempt failed, and make it.

    It goes through the mailbox, so that a stop or a `terminate_child` sent meanwhile gets in first.
    """

    slot: Slot
    retry: object


@dataclass(frozen=True, slots=True)
class BackoffOver:
    """The message that ends the pause before a restart that was counted already."""

    slot: Slot
    retry: object


@dataclass(frozen=True, slots=True)
class Sample:
    """The message that asks for the depth of the children's mailboxes."""


class BaseSupervisor(Actor):
    """An actor that starts, watches, restarts and stops children; its subclasses say which and when.

    Args:
        flags: its options.
        extra_arguments: for every child, before its own.
    """

    child_type: ClassVar[ChildType] = ChildType.SUPERVISOR
    stop_reason: ClassVar[Reason] = SHUTDOWN
    kind: ClassVar[str] = ""

    def __init__(self, flags: Flags, extra_arguments: Sequence[Any] = ()) -> None:
        super().__init__()
        self.trap_exit = True
        self._flags = flags
        self._window = RestartWindow(flags.max_restarts, flags.max_seconds)
        self._keeper = Keeper(self.context, cast(BaseSupervisorRef, self.cell.ref), tuple(extra_arguments))

    # What subclasses know

    @abstractmethod
    def slots(self) -> list[Slot]:
        """Return the places of all children, in the order of start."""

    @abstractmethod
    def forget(self, slot: Slot) -> None:
        """Remove a child's place."""

    @abstractmethod
    def retire(self, slot: Slot, verdict: Verdict) -> None:
        """Deal with a child that has ended by itself and is not restarted."""

    @abstractmethod
    def make_way(self, slot: Slot) -> None:
        """Stop whoever must not run while the child of ``slot`` is restarted."""

    @abstractmethod
    def bring_back(self, slot: Slot) -> None:
        """Start the child of ``slot``, and whoever is to be started with it."""

    @abstractmethod
    def terminate_all(self) -> None:
        """Stop all children."""

    # Life

    def on_start(self) -> None:
        """Begin to sample the mailboxes, if that is wanted."""
        self._schedule_sample()

    def on_stop(self) -> None:
        """Stop all children."""
        self.terminate_all()

    def on_failure(self, *_exc_info: object) -> None:
        """Stop all children after a failure of the supervisor's own."""
        self.terminate_all()

    def on_receive(self, message: Any) -> Any:
        """Handle the end of a child, a retry, or a call."""
        match message:
            case ChildGone(slot, child):
                if slot.child is child:
                    self._on_child_gone(slot)
            case TryAgain(slot, retry):
                if slot.retry is retry:
                    self._restart(slot)
            case BackoffOver(slot, retry):
                if slot.retry is retry:
                    self._bring_back(slot)
            case Call():
                return answer(self, message)
            case Sample():
                self._sample()
            case Exit():
                pass  # from somebody who is no child of this supervisor: none of its business
            case _:
                logger.warning("%s dropped an unexpected message: %r", self._keeper.name, message)
        return None

    # The end of a child

    def _on_child_gone(self, slot: Slot) -> None:
        ran_s = self._keeper.clock.monotonic() - slot.since
        backoff = self._flags.backoff
        if backoff is not None and ran_s >= backoff.max_s:
            slot.failures = 0
        ref = None if slot.child is None else slot.child.ref
        reason = self._keeper.reap(slot)
        if slot.spec.restart is Restart.PERMANENT or not reason.is_orderly:
            self._keeper.report(Context.CHILD_TERMINATED, slot, reason, ref)
        verdict = slot.spec.restart.verdict(reason)
        if verdict is Verdict.RESTART:
            self._restart(slot)
        else:
            self.retire(slot, verdict)

    def _restart(self, slot: Slot) -> None:
        """Count one restart and, if it is allowed, make it now or after a pause."""
        slot.rest(ChildState.RESTARTING)
        self._window, allowed = self._window.record(self._keeper.clock.monotonic())
        if not allowed:
            self._escalate(slot)
        backoff = self._flags.backoff
        if backoff is None:
            self._bring_back(slot)
            return
        self.make_way(slot)
        slot.retry = object()
        message = BackoffOver(slot, slot.retry)
        mailbox = self.cell.mailbox
        self.cell.timers.after(backoff.delay_s(slot.failures, slot.id), lambda: mailbox.put_system(message))
        slot.failures += 1

    def _bring_back(self, slot: Slot) -> None:
        self.make_way(slot)
        self.bring_back(slot)

    def start_again(self, slot: Slot) -> bool:
        """Start a child as part of a restart; return False, and see to a further attempt, when it fails."""
        try:
            self.start_or_ignore(slot)
        except Kill:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a child raises is the child's failure
            slot.reason = Crashed(error)
            slot.rest(ChildState.RESTARTING)
            slot.retry = object()
            self.cell.mailbox.put_system(TryAgain(slot, slot.retry))
            return False
        if slot.child is not None:
            self._keeper.emit(ChildRestarted, slot)
        return True

    def start_or_ignore(self, slot: Slot) -> None:
        """Start a child; one that does not want to run stays as a specification, unless it is temporary."""
        try:
            self._keeper.start(slot)
        except Ignore:
            if slot.spec.restart is Restart.TEMPORARY:
                self.forget(slot)

    def start_error(self, slot: Slot, error: BaseException) -> StartError:
        """Return the error that says which child did not start, caused by ``error``."""
        failure = StartError(f"{self._keeper.name}: child {slot.id!r} failed to start: {error!r}", slot.id)
        failure.__cause__ = error
        return failure

    def _escalate(self, slot: Slot) -> None:
        reason = slot.reason
        assert reason is not None, "a restart without an end"
        self._keeper.report(Context.SHUTDOWN, slot, reason)
        self._keeper.emit(Escalated, slot, reason)
        raise Leave(Shutdown(Escalation(self._keeper.name, slot.id, slot.incarnation, reason)))

    # Calls

    def which_children(self) -> list[ChildInfo]:
        """See `BaseSupervisorRef.which_children`."""
        return [slot.describe() for slot in reversed(self.slots())]

    def count_children(self) -> Counts:
        """See `BaseSupervisorRef.count_children`."""
        return count(self.slots())

    def snapshot(self) -> SupervisorSnapshot:
        """See `BaseSupervisorRef.snapshot`."""
        now = self._keeper.clock.monotonic()
        window = self._window
        return SupervisorSnapshot(
            name=self._keeper.name,
            kind=self.kind or self._flags.strategy.value,
            restarts_used=window.used(now),
            restarts_left=window.left(now),
            max_restarts=window.max_restarts,
            max_seconds=window.max_seconds,
            abandoned=self._keeper.abandoned,
            children=tuple(ChildSnapshot.of(slot, now) for slot in self.slots()),
        )

    def set_flags(self, flags: Flags) -> None:
        """Take new options from now on; the restarts that were counted stay counted."""
        self._flags = flags
        self._window = RestartWindow(flags.max_restarts, flags.max_seconds, self._window.restarts)

    # Depth of mailboxes

    def _schedule_sample(self) -> None:
        if self.context.mailbox_sample_s is not None:
            mailbox = self.cell.mailbox
            self.cell.timers.after(self.context.mailbox_sample_s, lambda: mailbox.put_system(Sample()))

    def _sample(self) -> None:
        for slot in self.slots():
            depth = None if slot.child is None else slot.child.depth()
            if depth is not None:
                self._keeper.emit(MailboxDepth, slot, depth)
        self._schedule_sample()

    # The root

    @classmethod
    def start_root(
        cls,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        name: str,
        hooks: Iterable[Hook] | Hooks,
        clock: Clock | None,
        registry: Registry | None,
        mailbox_sample_s: float | None,
    ) -> Any:
        """Start a supervisor that has none above it, with all that its tree shares."""
        if mailbox_sample_s is not None and not mailbox_sample_s > 0:
            raise BadSpec(f"expected `mailbox_sample_s` to be seconds > 0 or None, got {mailbox_sample_s!r}")
        clock = SystemClock() if clock is None else clock
        timers = Timers(clock)
        context = StartContext(
            id=name,
            name=name,
            registry=Registry() if registry is None else registry,
            clock=clock,
            hooks=hooks if isinstance(hooks, Hooks) else Hooks(hooks),
            timers=timers,
            mailbox_sample_s=mailbox_sample_s,
        )
        supervisor = create(cls, context, args, dict(kwargs))
        supervisor.cell.bonds.on_release(timers.stop)
        return launch(supervisor)
