"""What all supervisors have in common: the end of a child, its restart, and giving up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from supervisors.actor import Actor
from supervisors.calls import BaseSupervisorRef, Call, answer
from supervisors.children.control import ChildControl, ChildGone
from supervisors.children.events import ChildRestarted, Escalated, MailboxDepth
from supervisors.children.records import ChildInfo, ChildRecord, ChildState, Counts, count, depth_of
from supervisors.children.reports import Context
from supervisors.children.snapshots import ChildSnapshot, SupervisorSnapshot
from supervisors.lifecycle._pykka import PROXY_MESSAGES
from supervisors.lifecycle.actor_loop import ActorLoop
from supervisors.lifecycle.base_actor import ActorKind
from supervisors.lifecycle.launch import create_alone, launch_alone
from supervisors.lifecycle.ref import Ref
from supervisors.lifecycle.replies import Refusal
from supervisors.lifecycle.signals import Exit, ExitNow, Kill
from supervisors.root import TreeOptions, root_context
from supervisors.rules.errors import Ignore, NotSupported, StartError
from supervisors.rules.flags import Flags
from supervisors.rules.printing import printed
from supervisors.rules.reasons import SHUTDOWN, Crashed, Escalation, Shutdown
from supervisors.rules.strategy import Restart, Verdict
from supervisors.rules.termination import ChildType
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

    def which_children(self) -> list[ChildInfo]:
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


class SupervisorLoop(ActorLoop):
    """What a supervisor's thread does: its own hooks, and around them the work on its children.

    The hooks of a subclass have no part in that work, so that one that forgets to call its superclass's harms no child.
    """

    actor: BaseSupervisor
    special = ActorLoop.special | {ChildGone, TryAgain, BackoffOver, Call, Sample}

    def on_start(self) -> None:
        """Start the children, then run ``on_start``."""
        self.actor._actor_supervision.start()
        self._run_or_stop_children(self.actor.on_start)

    def on_stop(self) -> None:
        """Run ``on_stop``, then stop the children."""
        self._run_or_stop_children(self.actor.on_stop)
        self.actor._actor_supervision.terminate_all()

    def on_failure(self, error: BaseException) -> None:
        """Run ``on_failure``, then stop the children."""
        self._run_or_stop_children(partial(super().on_failure, error))
        self.actor._actor_supervision.terminate_all()

    def _run_or_stop_children(self, hook: Callable[[], None]) -> None:
        try:
            hook()
        except Kill:
            raise
        except BaseException:
            self.actor._actor_supervision.terminate_all()
            raise

    def handle_special(self, message: Any) -> Any:
        """Handle a message of the system, and return the answer."""
        if message.__class__ in PROXY_MESSAGES:
            return self._answer_proxy(message)
        if message.__class__ in ActorLoop.special:
            return super().handle_special(message)
        return self.actor._actor_supervision.receive(message)

    def _answer_proxy(self, message: Any) -> Any:
        try:
            return super().handle_special(message)
        except Exception as error:  # noqa: BLE001 - the caller gets it
            return Refusal(error)

    def forget_work(self) -> None:
        """Drop what would keep the ended supervisor in memory."""
        self.actor._actor_supervision.forget_all()
        super().forget_work()


class BaseSupervisor(Actor):
    """An actor that starts, watches, restarts and stops children; all that is in its `Supervision`.

    A subclass may have hooks of its own: ``on_start`` runs when the children are up, ``on_stop`` and ``on_failure``
    before they are stopped.
    """

    _actor_kind = ActorKind(ChildType.SUPERVISOR, SHUTDOWN, BaseSupervisorRef, SupervisorLoop)
    _actor_supervision: Supervision

    def __init__(self) -> None:
        super().__init__()
        self.trap_exit = True

    def on_receive(self, message: Any) -> Any:
        """Refuse ``message``: a supervisor handles those of its children and of its reference, and no others."""
        if isinstance(message, Exit):  # of an actor that is no child of this supervisor
            return None
        label, got = self._actor_state.label, printed(message)
        return Refusal(NotSupported(f"expected a call of {label}, by a method of its reference, got {got}", message))


def start_root(actor_class: type[BaseSupervisor], name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Start a supervisor that has none above it.

    Args:
        actor_class: of the supervisor.
        name: of the root, unless ``options`` has another.
        args: for ``__init__``.
        options: ``name`` and those of `TreeOptions`; the rest is for ``__init__``.
    """
    tree = {option: options.pop(option) for option in TreeOptions.__annotations__ if option in options}
    context, timers = root_context(options.pop("name", name), **tree)
    supervisor = create_alone(actor_class, context, args, options, known=[*TreeOptions.__annotations__, "name"])
    try:
        supervisor._actor_state.links.on_release(timers.stop)
        return launch_alone(supervisor)
    finally:
        del supervisor  # an error keeps this frame
