"""References: what others hold of an actor."""

from __future__ import annotations

from collections.abc import Callable
from threading import current_thread, get_ident
from typing import Any, Literal, TypeVar, overload

import pykka

from supervisors.lifecycle._pykka import StopMessage
from supervisors.lifecycle.actor_state import FENCED, ActorState
from supervisors.lifecycle.mailbox import Envelope, Timed
from supervisors.lifecycle.replies import Reply, TimedReply, fail, resolve
from supervisors.lifecycle.signals import ExitSignal
from supervisors.rules.errors import ActorDead, DeadlineExceeded, MailboxFull
from supervisors.rules.reasons import KILLED, Reason, as_reason
from supervisors.threads.worker_thread import blocking

A = TypeVar("A", bound=pykka.Actor)


class Ref(pykka.ActorRef[A]):
    """A Pykka reference that loses no question and needs no living actor.

    It stands for one incarnation: a restarted actor has another one. `tell` to a dead actor is a dead letter, counted
    and otherwise silent, as in OTP; an `ask` always comes back, with the answer or with an error.
    """

    def __init__(self, actor: A, state: ActorState) -> None:
        super().__init__(actor)
        self.actor_state = state
        self._mailbox = state.mailbox

    # Messages

    def tell(self, message: Any) -> None:
        """Send ``message`` and do not wait for an answer; an actor that has ended is no error.

        Raises:
            MailboxFull: the actor's mailbox is bounded, full, and set to fail.
        """
        if FENCED and self._refuses_late_send():
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
        if deadline_s is None:
            reply = Reply()
        else:
            reply, message = self._timed(message, deadline_s)
        self._send_question(message, reply, timeout)
        if not block:
            return reply
        try:
            with blocking():
                return reply.get(timeout=timeout)
        finally:
            del self, message, reply  # an error that is raised here keeps this frame

    def _send_question(self, message: Any, reply: Reply, timeout: float | None) -> None:
        if FENCED and self._refuses_late_send():
            fail(reply, ActorDead("the asking actor was abandoned; nothing it sends goes out"))
            return
        envelope = Envelope(message, reply)
        try:
            self._mailbox.put(envelope, True, timeout)
        except MailboxFull as full:
            fail(reply, full.with_traceback(None))  # its traceback would hold this frame, and so the reply
            self.actor_state.bounce(envelope)
        if self._mailbox.closed:
            self.actor_state.drain()

    def _timed(self, message: Any, deadline_s: float) -> tuple[TimedReply, Timed]:
        state = self.actor_state
        reply = TimedReply()
        error = DeadlineExceeded(f"expected {state.label} to answer within {deadline_s} s")

        def time_up() -> None:
            fail(reply, error)

        reply.timer = state.timers.after(deadline_s, time_up)
        return reply, Timed(message, state.context.clock.monotonic() + deadline_s)

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
        """
        stopped = Reply()
        if FENCED and self._refuses_late_send():
            resolve(stopped, False)
        else:
            self._send_question(StopMessage(), stopped, timeout)
        if not block:
            return stopped
        with blocking():
            alive: bool = stopped.get(timeout=timeout)
        self.actor_state.join(timeout)
        return alive

    def wait(self, timeout: float | None = None) -> Reason | None:
        """Wait until the actor has ended and its thread is gone; return the reason, or None when time was up.

        Args:
            timeout: seconds to wait; None waits for ever. Ctrl-C interrupts the wait in the main thread.
        """
        return self.actor_state.reason if self.actor_state.join(timeout) else None

    def on_release(self, release: Callable[[], None]) -> bool:
        """Call ``release`` at the end, before any watcher is notified; return False if the actor has already ended."""
        return self.actor_state.links.on_release(release)

    def exit(self, reason: object) -> None:
        """Send an exit signal on purpose: with `KILLED` it cannot be trapped, with another reason it can.

        Unlike `kill` it promises nothing: a thread that does not return to its mailbox goes on.

        Args:
            reason: anything; what is no `Reason` becomes one.
        """
        state, reason = self.actor_state, as_reason(reason)
        if reason == KILLED:
            state.request_kill()
            state.interrupt()
            return
        to_itself = state.thread is current_thread()
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
