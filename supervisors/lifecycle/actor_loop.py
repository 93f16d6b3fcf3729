"""The loop that an actor's thread runs, and every way out of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, ClassVar, cast

from supervisors.lifecycle._pykka import PROXY_MESSAGES, PykkaSeam, StopMessage
from supervisors.lifecycle.actor_state import ActorState
from supervisors.lifecycle.context import StartContext
from supervisors.lifecycle.mailbox import BoundedMailbox, Envelope, Mailbox, MailboxLimit, Timed, TimeUp, Wake
from supervisors.lifecycle.ref import Ref
from supervisors.lifecycle.replies import fail, resolve
from supervisors.lifecycle.signals import Exit, ExitNow, ExitSignal, Kill, KillSignal, StopSignal, takes_effect
from supervisors.rules.errors import ActorDead, DeadlineExceeded
from supervisors.rules.reasons import KILLED, NORMAL, Crashed, Reason
from supervisors.rules.termination import ChildType

logger = logging.getLogger("supervisors")

_SPECIAL: frozenset[type] = PROXY_MESSAGES | {Wake, TimeUp, Timed, StopMessage}


class ActorLoop(PykkaSeam):
    """A Pykka actor with a single end and exit reason, which spreads along links only.

    Everything raised by the actor's own code ends up in `_attempt`. A `Kill` from outside is raised only while ``busy``
    is set, that is in the actor's own code or a few lines around it, and at most once.
    """

    use_daemon_thread: ClassVar[bool] = True
    """Unlike Pykka's: a thread that had to be abandoned would keep the interpreter from ending."""

    stop_reason: ClassVar[Reason] = NORMAL
    """The exit reason after ``stop``."""

    mailbox_limit: ClassVar[MailboxLimit | None] = None
    """How many messages may wait; None, the default, for any number."""

    kill_grace_s: ClassVar[float] = 0.25
    """Real seconds that each rung of the kill ladder waits before the next."""

    interruptible: ClassVar[bool] = True
    """Whether the kill ladder may raise an exception inside the actor's code, where it would not expect one. False for
    actors whose code holds locks that others need: they are abandoned instead."""

    child_type: ClassVar[ChildType] = ChildType.WORKER
    """What a supervisor counts this class as."""

    ref_class: ClassVar[type[Ref[Any]]] = Ref
    """The class of this actor's references."""

    context: StartContext
    """The circumstances of this start: id, incarnation, supervisor. Set before ``__init__`` runs."""

    actor_state: ActorState

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not hasattr(self, "context"):
            self.context = StartContext(id=type(self).__name__)
        super().__init__(*args, **kwargs)
        self.exit_reason: Reason | None = None

    # What the seam asks for

    @classmethod
    def make_mailbox(cls) -> Mailbox:
        """Return the queue of this actor's messages."""
        return Mailbox() if cls.mailbox_limit is None else BoundedMailbox(cls.mailbox_limit)

    def make_ref(self) -> Ref[Any]:
        """Make the state and the reference of this incarnation."""
        self.actor_state = self.make_state(f"{type(self).__name__} {self.context.id!r}")
        ref = self.ref_class(self, self.actor_state)
        self.actor_state.links.belong_to(ref)
        return ref

    def make_state(self, label: str) -> ActorState:
        """Return what surrounds this incarnation's code."""
        return ActorState(label, self.context, cast(Mailbox, self.actor_inbox), self.actor_stopped)

    def make_thread(self, target: Callable[[], None]) -> threading.Thread:
        """Return the thread of this incarnation."""
        name = f"{self.context.id}#{self.context.incarnation}"
        self.actor_state.thread = threading.Thread(target=target, name=name, daemon=self.use_daemon_thread)
        return self.actor_state.thread

    def run(self) -> None:
        """Run all hooks, then end; the whole of what the actor's thread does."""
        state = self.actor_state
        if not state.links.begin():
            return
        state.mailbox.owner = threading.get_ident()
        try:
            reason = self._run_hooks()
            state.leave_code()
        except BaseException as error:  # noqa: BLE001 - a `Kill` that came between two lines of ours
            state.leave_code()
            reason = KILLED if isinstance(error, Kill) else Crashed(error)
        state.finish(reason)
        state.leave_thread()
        self.forget_work()
        del self, state, reason  # the traceback of a crash keeps this frame, too, and it has not finished yet

    # The hooks

    def _run_hooks(self) -> Reason:
        """Return why the actor ends."""
        return self._run_first_hook() or self._run_last_hook(self._attempt(self._receive_all) or NORMAL)

    def _run_first_hook(self) -> Reason | None:
        """Run ``on_start``; return why it made the actor end, or None if it did not."""
        state = self.actor_state
        reason = self._attempt(self.on_start)
        if reason is None:
            state.started = True
            state.ready.set()
        elif state.start_error is None:
            dead = ActorDead(f"{state.label} ended in on_start: {reason}", reason)
            state.start_error = dead if state.failure is None else state.failure.error
        return reason

    def _run_last_hook(self, reason: Reason) -> Reason:
        """Run ``on_stop`` or ``on_failure``; return the reason that stands after it."""
        self.exit_reason = reason
        if reason == KILLED:
            return reason
        failure = self.actor_state.failure
        if failure is None:
            return self._attempt(self.on_stop) or reason
        error = failure.error
        if self.context.supervisor is None:
            logger.error("%s crashed", self.actor_state.label, exc_info=error)
        self._attempt(lambda: self.on_failure(type(error), error, error.__traceback__))
        return reason

    def _attempt(self, code: Callable[[], None]) -> Reason | None:
        """Run code of the user's; return why it made the actor end, or None if it did not."""
        state = self.actor_state
        state.busy = True
        try:
            code()
        except ExitNow as exit_now:
            return exit_now.reason
        except Kill:
            return KILLED
        except BaseException as error:  # noqa: BLE001 - whatever it is, it ends this actor and no other
            state.failure = Crashed(error)
            return state.failure
        finally:
            state.busy = False
        return None

    def forget_work(self) -> None:
        """Drop what would keep the ended actor in memory; called last in its thread."""
        self.actor_state.forget_work()

    # Messages

    def _receive_all(self) -> None:
        """Handle messages until an exception ends it. The hot path: nothing that is not needed."""
        state = self.actor_state
        mailbox = state.mailbox
        get, stash, signals = mailbox.get, mailbox.stash, mailbox.signals
        while True:
            # Not `busy` here, so that no `Kill` can lose an envelope on its way from the mailbox to `current`.
            state.busy = False
            envelope = stash.popleft() if stash else get()
            state.current = envelope
            state.busy = True
            if signals:
                self._obey_before(envelope)
            self.handle(envelope)

    def handle(self, envelope: Envelope) -> None:
        """Handle one message, which is `current` already; leaves the state not `busy`."""
        state, message = self.actor_state, envelope.message
        answer = self._handle_special(message) if message.__class__ in _SPECIAL else self.on_receive(message)
        state.busy = False
        if state.mailbox.signals and state.kill_requested:
            raise Kill
        reply_to = envelope.reply_to
        if reply_to is not None and not resolve(reply_to, answer):
            state.note_dead_letter(message)
        state.current = None
        del envelope, reply_to, answer  # an error that is the answer, or part of it, may keep this frame

    def _handle_special(self, message: Any) -> Any:
        if isinstance(message, Wake):
            return None
        if isinstance(message, Timed):
            return self._handle_timed(message)
        if isinstance(message, StopMessage):
            raise ExitNow(self.stop_reason)
        return self.handle_proxy_message(message)

    def _handle_timed(self, timed: Timed) -> Any:
        """Handle a message with a deadline, unless that has passed."""
        if self.context.clock.monotonic() < timed.due:
            message = timed.message
            return self._handle_special(message) if message.__class__ in _SPECIAL else self.on_receive(message)
        state = self.actor_state
        if state.current is not None and state.current.reply_to is not None:
            error = DeadlineExceeded(f"{state.label} came to the message after its deadline")
            fail(state.current.reply_to, error)
        return None

    # Signals

    def _obey_before(self, envelope: Envelope) -> None:
        """Obey the signals; if they end the actor, ``envelope`` is not handled but left for the dead letters."""
        state = self.actor_state
        state.mailbox.stash.appendleft(envelope)
        state.current = None
        self._obey()
        state.current = state.mailbox.stash.popleft()

    def _obey(self) -> None:
        """Do what the signals say; raises when they say that this is the end."""
        signals = self.actor_state.mailbox.signals
        while signals:
            match signals.popleft():
                case KillSignal():
                    raise Kill
                case StopSignal(reason):
                    raise ExitNow(reason)
                case ExitSignal() as signal:
                    self._obey_exit(signal)

    def _obey_exit(self, signal: ExitSignal) -> None:
        state = self.actor_state
        if signal.linked and signal.sender is not None and not state.links.take_link(signal.sender):
            return
        if state.trapping:
            state.mailbox.put_system(Exit(signal.ref, signal.reason))
        elif takes_effect(signal, from_self=signal.sender is state.links):
            raise ExitNow(signal.reason)
