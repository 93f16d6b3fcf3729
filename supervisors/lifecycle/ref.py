"""References: what others hold of an actor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import Any, Literal, TypeVar, cast, overload

import pykka

from supervisors.lifecycle._pykka import ProxySeam, StopMessage
from supervisors.lifecycle.actor_state import ActorState
from supervisors.lifecycle.fenced import FENCED
from supervisors.lifecycle.inherited import end_inherited
from supervisors.lifecycle.lineage import (
    check_answer_may_be_awaited,
    check_end_may_be_awaited,
    check_not_itself,
    check_stop_may_be_awaited,
)
from supervisors.lifecycle.mailbox import Envelope, Timed
from supervisors.lifecycle.replies import Reply, TimedReply, fail, resolve
from supervisors.lifecycle.signals import ExitSignal
from supervisors.lifecycle.waiting import undisturbed
from supervisors.rules.errors import ActorDead, BadSpec, DeadlineExceeded, MailboxFull
from supervisors.rules.options import flag, function, number, waiting_time
from supervisors.rules.printing import shown
from supervisors.rules.reasons import KILLED, Reason, as_reason
from supervisors.threads.forks import PROCESS
from supervisors.threads.occupied import occupant

A = TypeVar("A", bound=pykka.Actor)


class Ref(pykka.ActorRef[A]):
    """A Pykka reference that loses no question and needs no living actor.

    It stands for one incarnation: a restarted actor has another one. `tell` to a dead actor is a dead letter, counted
    and otherwise silent, as in OTP; an `ask` always comes back, with the answer or with an error.
    """

    def __init__(self, actor: A, state: ActorState) -> None:
        super().__init__(actor)
        self._state = state
        self._mailbox = state.mailbox

    @property
    def actor_state(self) -> ActorState:
        """What surrounds the actor's code; for this package."""
        state = self._state
        end_inherited(state)
        return state

    def is_alive(self) -> bool:
        """Return whether the actor takes messages; it has not ended then, and may be in its last hook."""
        return not self.actor_state.mailbox.closed

    # Messages

    def tell(self, message: Any) -> None:
        """Send ``message`` and do not wait for an answer; an actor that has ended is no error.

        Raises:
            MailboxFull: the actor's mailbox is bounded, full, and set to fail.
        """
        if (FENCED and self._refuses_late_send()) or self._is_parents():
            return
        mailbox = self._mailbox
        envelope = Envelope(message)
        try:
            mailbox.put(envelope)
        except MailboxFull:
            self.actor_state.bounce(envelope)
            if not mailbox.drops:
                raise
        if mailbox.closed:
            self.actor_state.drain()

    @overload
    def ask(
        self, message: Any, *, block: Literal[False], timeout: float | None = None, deadline_s: float | None = None
    ) -> pykka.ThreadingFuture[Any]: ...

    @overload
    def ask(
        self, message: Any, *, block: Literal[True] = ..., timeout: float | None = None, deadline_s: float | None = None
    ) -> Any: ...

    @overload
    def ask(
        self, message: Any, *, block: bool = True, timeout: float | None = None, deadline_s: float | None = None
    ) -> Any | pykka.ThreadingFuture[Any]: ...

    def ask(
        self, message: Any, *, block: bool = True, timeout: float | None = None, deadline_s: float | None = None
    ) -> Any:
        """Send ``message`` and return the answer, or a future of it.

        Args:
            message: anything.
            block: whether to wait for the answer.
            timeout: seconds to wait; None waits until the actor answers or ends. The actor handles the message all
                the same.
            deadline_s: seconds after which the answer is of no use any more: the future fails, and the actor does not
                handle the message if it still waits. None for no deadline.

        Raises:
            ActorDead: the actor ended before it answered.
            DeadlineExceeded: no answer within ``deadline_s``.
            pykka.Timeout: no answer within ``timeout``.
            MailboxFull: the actor's mailbox is bounded and full.
            Exception: what the actor's code raised; it has crashed by that.
        """
        flag("block", block)
        if timeout is not None:
            timeout = waiting_time(timeout)
        if deadline_s is not None:
            number("deadline_s", deadline_s, at_least=0)
        if block:
            check_not_itself(self.actor_state)
        give_up = partial(check_answer_may_be_awaited, self.actor_state)
        reply = Reply(give_up) if deadline_s is None else TimedReply(give_up)
        try:
            if deadline_s is None:
                self._send_question(message, reply, timeout)
            else:
                self._send_timed(message, cast(TimedReply, reply), timeout, deadline_s)
            return reply.get(timeout=timeout) if block else reply
        finally:
            del self, message, reply, give_up  # an error that is raised here keeps this frame

    async def ask_async(self, message: Any, *, timeout: float | None = None, deadline_s: float | None = None) -> Any:
        """Do as `ask` does; the event loop goes on meanwhile.

        Where the mailbox is bounded and full this fails at once, whatever the limit says: an event loop must not wait
        for room. A task that is cancelled gets no answer; the actor handles the message all the same.

        Args:
            message: anything.
            timeout: see `ask`.
            deadline_s: see `ask`.

        Raises:
            ActorDead: see `ask`, and all else that it raises.
        """
        timeout = waiting_time(timeout)
        check_not_itself(self.actor_state)
        reply = TimedReply(partial(check_answer_may_be_awaited, self.actor_state))
        if deadline_s is None:
            self._send_question(message, reply, 0.0)
        else:
            self._send_timed(message, reply, 0.0, number("deadline_s", deadline_s, at_least=0))
        try:
            return await reply.outcome(timeout)
        finally:
            del self, message, reply  # an error that is raised here keeps this frame

    def proxy(self) -> pykka.ActorProxy[A]:
        """Return a Pykka proxy of the actor; unlike Pykka's it does not keep an actor that has ended.

        Raises:
            pykka.ActorDeadError: the actor has ended.
        """
        return ProxySeam(actor_ref=self)

    def _send_question(self, message: Any, reply: Reply, timeout: float | None) -> None:
        if FENCED and self._refuses_late_send():
            fail(reply, ActorDead("the asking actor was abandoned; nothing it sends goes out"))
            return
        if self._is_parents():
            fail(reply, self._state.dead())
            return
        envelope = Envelope(message, reply)
        mailbox = self._mailbox
        try:
            mailbox.put(envelope, True, timeout)
        except MailboxFull as full:
            fail(reply, full.with_traceback(None))  # its traceback would hold this frame, and so the reply
            self.actor_state.bounce(envelope)
        if mailbox.leaving:
            self.actor_state.refuse(envelope)

    def _send_timed(self, message: Any, reply: TimedReply, timeout: float | None, deadline_s: float) -> None:
        """Ask a question, and then have it fail at its deadline, unless it has failed already."""
        state = self.actor_state
        due = state.context.clock.monotonic() + deadline_s
        self._send_question(Timed(message, due), reply, timeout)
        if not reply.has_outcome:
            error = DeadlineExceeded(f"expected {state.label} to answer within {deadline_s} s")
            with undisturbed():  # as in `ActorState.after`
                reply.expire(state.timers, due - state.context.clock.monotonic(), error)

    def _is_parents(self) -> bool:
        """Return whether the actor is one of a process that this one was forked from; if so, count the message."""
        if self._state.process is PROCESS.mark:
            return False
        self.actor_state.dead_letters += 1  # and no hook is called: it is the parent's
        return True

    def _refuses_late_send(self) -> bool:
        """Return whether the calling thread was abandoned; if so, count the message that it does not send."""
        sender = FENCED.get(get_ident())
        if sender is None:
            return False
        sender.late_sends += 1
        return True

    # The end

    @overload
    def stop(self, *, block: Literal[True] = ..., timeout: float | None = None) -> bool: ...

    @overload
    def stop(self, *, block: Literal[False], timeout: float | None = None) -> pykka.Future[bool]: ...

    @overload
    def stop(self, *, block: bool = True, timeout: float | None = None) -> bool | pykka.Future[bool]: ...

    def stop(self, *, block: bool = True, timeout: float | None = None) -> bool | pykka.Future[bool]:
        """Ask the actor to stop when it has handled what was sent before.

        Args:
            block: whether to wait until it has ended and its thread is gone.
            timeout: seconds to wait; None waits for ever.

        Returns:
            Whether it was alive; a future of that when ``block`` is False.

        Raises:
            pykka.Timeout: it has not ended in time.
            Stopping: the actor that calls this is below the one that is to stop, and so will be stopped itself.
            RuntimeError: an actor waits for its own end.
        """
        timeout = waiting_time(timeout)
        if flag("block", block):
            check_not_itself(self.actor_state)
        stopped = Reply(partial(check_answer_may_be_awaited, self.actor_state))
        if (FENCED and self._refuses_late_send()) or not self.is_alive():
            resolve(stopped, False)
        else:
            self._send_question(StopMessage(), stopped, timeout)
            self._mailbox.note_stop()
        if not block:
            return stopped
        check_stop_may_be_awaited(self.actor_state)
        alive: bool = stopped.get(timeout=timeout)
        self.actor_state.join(timeout)
        return alive

    def wait(self, timeout: float | None = None) -> Reason | None:
        """Wait until the actor has ended and its thread is gone; return the reason, or None when time was up.

        Args:
            timeout: seconds to wait; None waits for ever. Ctrl-C interrupts the wait in the main thread.

        Raises:
            RuntimeError: an actor waits for its own end, or for that of a supervisor above it, which waits for its end.
        """
        timeout = waiting_time(timeout)
        check_end_may_be_awaited(self.actor_state)
        return self.actor_state.reason if self.actor_state.join(timeout) else None

    def on_release(self, release: Callable[[], None]) -> bool:
        """Call ``release`` at the end, before any watcher is notified; return False if the actor has already ended."""
        return self.actor_state.links.on_release(function("release", release))

    def exit(self, reason: object) -> None:
        """Send an exit signal on purpose: with `KILLED` it cannot be trapped, with another reason it can.

        Unlike `kill` it promises nothing: a thread that does not return to its mailbox goes on.

        Args:
            reason: any value; one that is no `Reason` becomes an `Exited`, and an exception a `Crashed`.
        """
        state, reason = self.actor_state, as_reason(reason)
        if reason == KILLED:
            state.request_kill()
            state.interrupt()
            return
        to_itself = occupant() is state
        sender = state.links if to_itself else None
        state.mailbox.signal(ExitSignal(sender, self if to_itself else None, reason, linked=False))

    @property
    def incarnation(self) -> int:
        """The number of the start of its child that this actor is, from 1."""
        return self.actor_state.context.incarnation

    @property
    def exit_reason(self) -> Reason | None:
        """Why the actor ended; None while it lives."""
        return self.actor_state.reason

    @property
    def dead_letters(self) -> int:
        """The number of messages that had no effect because they came too late or found no room."""
        return self.actor_state.dead_letters

    @property
    def late_sends(self) -> int:
        """The number of messages that this actor tried to send after it had been abandoned; none went out."""
        return self.actor_state.late_sends


def ref_to(actor_class: type[A], ref: Any) -> Ref[A] | None:
    """Return ``ref`` if it is the reference of an actor of ``actor_class``, or None.

    Raises:
        BadSpec: it is neither, or ``actor_class`` is no class.
    """
    if not isinstance(actor_class, type):
        raise BadSpec(f"expected a class of actors, got {shown(actor_class)}")
    if ref is None or (isinstance(ref, Ref) and issubclass(ref.actor_class, actor_class)):
        return ref
    raise BadSpec(f"expected the reference of a {actor_class.__name__}, got {shown(ref)}")


def state_of(ref: Any) -> ActorState:
    """Return the state of the actor behind ``ref``.

    Raises:
        BadSpec: it is no reference.
    """
    if not isinstance(ref, Ref):
        raise BadSpec(f"expected the reference of an actor, as `start` returns it, got {shown(ref)}")
    return ref.actor_state
