"""References: what others hold of an actor."""

from __future__ import annotations

from threading import get_ident
from typing import Any, Literal, TypeVar, overload

import pykka

from supervisors.cell import FENCED, Cell
from supervisors.errors import ActorDead, DeadlineExceeded, MailboxFull
from supervisors.mailbox import Envelope, Timed
from supervisors.reasons import Reason
from supervisors.reply import TimedFuture, fail
from supervisors.scheduler import blocking

A = TypeVar("A", bound=pykka.Actor)


class Ref(pykka.ActorRef[A]):
    """A Pykka reference that loses no question and needs no living actor.

    It stands for one incarnation: a restarted actor has another one. `tell` to a dead actor is a dead letter, counted
    and otherwise silent, as in OTP; an `ask` always comes back, with the answer or with an error.
    """

    def __init__(self, actor: A, cell: Cell) -> None:
        super().__init__(actor)
        self.cell = cell
        self._mailbox = cell.mailbox

    # Messages. The two methods are the hot path, and say the same thing twice for its sake.

    def tell(self, message: Any) -> None:
        """Send ``message`` and do not wait for an answer; an actor that has ended is no error.

        Raises:
            MailboxFull: the actor's mailbox is bounded, full, and set to fail.
        """
        if FENCED and get_ident() in FENCED:
            self._refuse_late_send()
            return
        mailbox = self._mailbox
        envelope = Envelope(message)
        try:
            mailbox.put(envelope)
        except MailboxFull:
            self.cell.bounce(envelope)
            if not mailbox.drops:
                raise
        if mailbox.closed:
            self.cell.drain()

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
            deadline_s: seconds after which nobody wants the answer any more: the future fails, and the actor does not
                handle the message if it still waits. None for no deadline.

        Raises:
            ActorDead: the actor ended before it answered.
            DeadlineExceeded: no answer within ``deadline_s``.
            pykka.Timeout: no answer within ``timeout``.
            MailboxFull: the actor's mailbox is bounded and full.
            Exception: what the actor's code raised; it has crashed by that.
        """
        if deadline_s is None:
            future: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
        else:
            future, message = self._timed(message, deadline_s)
        if FENCED and get_ident() in FENCED:
            self._refuse_late_send()
            fail(future, ActorDead("the asking actor was abandoned; nothing it sends goes out"))
        else:
            mailbox = self._mailbox
            envelope = Envelope(message, future)
            try:
                mailbox.put(envelope, True, timeout)
            except MailboxFull as full:
                fail(future, full)
                self.cell.bounce(envelope)
            if mailbox.closed:
                self.cell.drain()
        if not block:
            return future
        with blocking():
            return future.get(timeout=timeout)

    def _timed(self, message: Any, deadline_s: float) -> tuple[TimedFuture, Timed]:
        cell = self.cell
        future = TimedFuture()
        error = DeadlineExceeded(f"expected {cell.label} to answer within {deadline_s} s")

        def time_up() -> None:
            fail(future, error)

        future.timer = cell.timers.after(deadline_s, time_up)
        return future, Timed(message, cell.context.clock.monotonic() + deadline_s)

    def _refuse_late_send(self) -> None:
        sender = FENCED.get(get_ident())
        if sender is not None:
            sender.late_sends += 1

    # Life

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
        if not block:
            return super().stop(block=False, timeout=timeout)
        with blocking():
            alive = super().stop(block=True, timeout=timeout)
        self.cell.join(timeout)
        return alive

    def wait(self, timeout_s: float | None = None) -> Reason | None:
        """Wait until the actor has ended and its thread is gone; return the reason, or None when time was up.

        Args:
            timeout_s: seconds to wait; None waits for ever. Ctrl-C interrupts the wait in the main thread.
        """
        return self.cell.reason if self.cell.join(timeout_s) else None

    @property
    def incarnation(self) -> int:
        """Return which start of its child this actor is, from 1."""
        return self.cell.context.incarnation

    @property
    def exit_reason(self) -> Reason | None:
        """Return why the actor ended; None while it lives."""
        return self.cell.reason

    @property
    def dead_letters(self) -> int:
        """Return how many messages had no effect because they came too late or found no room."""
        return self.cell.dead_letters

    @property
    def late_sends(self) -> int:
        """Return how many messages this actor tried to send after it had been abandoned; none went out."""
        return self.cell.late_sends
