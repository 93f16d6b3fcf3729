"""References: what others hold of an actor."""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import pykka

from supervisors.cell import FENCED, Cell
from supervisors.errors import ActorDead
from supervisors.mailbox import Envelope
from supervisors.reasons import Reason
from supervisors.reply import fail

if TYPE_CHECKING:
    from supervisors.actor import Actor

A = TypeVar("A", bound="Actor")


class Ref(pykka.ActorRef[A]):
    """A Pykka reference that loses no question and needs no living actor.

    It stands for one incarnation: a restarted actor has another one. `tell` to a dead actor is a dead letter, counted
    and otherwise silent, as in OTP; an `ask` always comes back, with the answer or with an error.
    """

    def __init__(self, actor: A, cell: Cell) -> None:
        super().__init__(actor)
        self.cell = cell
        self._mailbox = cell.mailbox

    def tell(self, message: Any) -> None:
        """Send ``message`` and do not wait; never raises for an actor that has ended."""
        if FENCED and get_ident() in FENCED:
            self._refuse_late_send()
            return
        mailbox = self._mailbox
        mailbox.put(Envelope(message))
        if mailbox.closed:
            self.cell.drain()

    @overload
    def ask(
        self, message: Any, *, block: Literal[False], timeout: float | None = None
    ) -> pykka.ThreadingFuture[Any]: ...

    @overload
    def ask(self, message: Any, *, block: Literal[True], timeout: float | None = None) -> Any: ...

    @overload
    def ask(
        self, message: Any, *, block: bool = True, timeout: float | None = None
    ) -> Any | pykka.ThreadingFuture[Any]: ...

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Send ``message`` and return the answer, or a future of it.

        Args:
            message: anything.
            block: whether to wait for the answer.
            timeout: seconds to wait; None waits until the actor answers or ends.

        Raises:
            ActorDead: the actor ended before it answered.
            pykka.Timeout: no answer within ``timeout``.
            Exception: what the actor's code raised; it has crashed by that.
        """
        future: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
        if FENCED and get_ident() in FENCED:
            self._refuse_late_send()
            fail(future, ActorDead("the asking actor was abandoned; nothing it sends goes out"))
        else:
            mailbox = self._mailbox
            mailbox.put(Envelope(message, future))
            if mailbox.closed:
                self.cell.drain()
        return future.get(timeout=timeout) if block else future

    def wait(self, timeout_s: float | None = None) -> Reason | None:
        """Wait until the actor has ended and its thread is gone; return the reason, or None when time was up.

        Args:
            timeout_s: seconds to wait; None waits for ever. Ctrl-C interrupts the wait in the main thread.
        """
        return self.cell.reason if self.cell.join(timeout_s) else None

    @overload
    def stop(self, *, block: Literal[True], timeout: float | None = None) -> bool: ...

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
        alive = super().stop(block=True, timeout=timeout)
        self.cell.join(timeout)
        return alive

    @property
    def incarnation(self) -> int:
        """Return which start of its child this actor is, from 1."""
        return self.cell.incarnation

    @property
    def dead_letters(self) -> int:
        """Return how many messages came too late for this incarnation."""
        return self.cell.dead_letters

    @property
    def exit_reason(self) -> Reason | None:
        """Return why the actor ended; None while it lives."""
        return self.cell.reason

    def _refuse_late_send(self) -> None:
        sender = FENCED.get(get_ident())
        if sender is not None:
            sender.late_sends += 1
