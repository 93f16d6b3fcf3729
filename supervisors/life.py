"""The thread of an actor: one loop, and every way out of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any, ClassVar, Self, cast

from supervisors._pykka import PROXY_MESSAGES, PykkaSeam, StopMessage
from supervisors.cell import Cell
from supervisors.child import StartContext
from supervisors.errors import ActorDead, DeadlineExceeded
from supervisors.mailbox import BoundedMailbox, Envelope, Mailbox, MailboxLimit, Timed, TimeUp, Wake
from supervisors.reasons import KILLED, NORMAL, Crashed, Reason
from supervisors.ref import Ref
from supervisors.reply import fail, settle
from supervisors.signals import Exit, ExitSignal, Kill, KillSignal, Leave, StopSignal, takes_effect

logger = logging.getLogger("supervisors")

_SPECIAL: frozenset[type] = PROXY_MESSAGES | {Wake, TimeUp, Timed, StopMessage}


class Life(PykkaSeam):
    """A Pykka actor that ends for a reason, once, and takes nobody with it who does not want to go.

    Everything raised by the actor's own code ends up in `_attempt`. A `Kill` from outside strikes only while ``busy``
    is set, that is in the actor's own code or a few lines around it, and at most once.
    """

    use_daemon_thread: ClassVar[bool] = True
    """Unlike Pykka's: a thread that had to be abandoned would keep the interpreter from ending."""

    stop_reason: ClassVar[Reason] = NORMAL
    """Why the actor ends when somebody calls ``stop``."""

    mailbox_limit: ClassVar[MailboxLimit | None] = None
    """How many messages may wait; None, the default, for any number."""

    context: StartContext
    """The circumstances of this start: id, incarnation, supervisor. Set before ``__init__`` runs."""

    cell_class: ClassVar[type[Cell]] = Cell
    """What surrounds the code of an incarnation."""

    cell: Cell

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not hasattr(self, "context"):
            self.context = StartContext(id=type(self).__name__)
        super().__init__(*args, **kwargs)
        self.cell.ref = cast("Ref[Any]", self.actor_ref)
        self.exit_reason: Reason | None = None

    # What the seam wants

    @classmethod
    def make_mailbox(cls) -> Mailbox:
        """Return the queue of this actor's messages."""
        return Mailbox() if cls.mailbox_limit is None else BoundedMailbox(cls.mailbox_limit)

    def make_ref(self) -> Ref[Self]:
        """Return the reference of this incarnation."""
        return Ref(self, self.make_cell())

    def make_cell(self) -> Cell:
        """Make what surrounds this incarnation's code."""
        label = f"{type(self).__name__} {self.context.id!r}"
        self.cell = self.cell_class(label, self.context, cast(Mailbox, self.actor_inbox), self.actor_stopped)
        return self.cell

    def make_thread(self, target: Callable[[], None]) -> threading.Thread:
        """Make the thread of this incarnation."""
        name = f"{self.context.id}#{self.context.incarnation}"
        self.cell.thread = threading.Thread(target=target, name=name, daemon=self.use_daemon_thread)
        return self.cell.thread

    def run(self) -> None:
        """Live and die; the whole of what the actor's thread does."""
        cell = self.cell
        if not cell.bonds.begin():
            return
        cell.mailbox.owner = threading.get_ident()
        try:
            reason = self._live()
            cell.settle()
        except BaseException as error:  # noqa: BLE001 - a `Kill` that struck between two lines of ours
            cell.settle()
            reason = KILLED if isinstance(error, Kill) else Crashed(error)
        if reason is not None:
            cell.bury(reason)
        cell.leave()

    # Life

    def _live(self) -> Reason | None:
        """Return why the actor ends; None where it does not, but will be run again."""
        return self._begin() or self._farewell(self._attempt(self._serve) or NORMAL)

    def _begin(self) -> Reason | None:
        """Run the first hook; return why it made the actor end, or None if it did not."""
        reason = self._attempt(self.on_start)
        if reason is None:
            self.cell.started = True
            self.cell.ready.set()
        else:
            self._note_failed_start(reason)
        return reason

    def _attempt(self, code: Callable[[], None]) -> Reason | None:
        """Run code of the user's; return why it made the actor end, or None if it did not."""
        cell = self.cell
        cell.busy = True
        try:
            code()
        except Leave as leave:
            return leave.reason
        except Kill:
            return KILLED
        except BaseException as error:  # noqa: BLE001 - whatever it is, it ends this actor and no other
            self.cell.failure = error
            return Crashed(error)
        finally:
            cell.busy = False
        return None

    def _note_failed_start(self, reason: Reason) -> None:
        cell = self.cell
        if cell.start_error is None:
            cell.start_error = cell.failure or ActorDead(f"{cell.label} ended in on_start: {reason}", reason)

    def _serve(self, steps: Iterable[int] = repeat(0)) -> None:
        """Handle a message for each step, or until an exception ends it. The hot path: nothing that is not needed."""
        cell = self.cell
        mailbox = cell.mailbox
        get, stash, signals = mailbox.get, mailbox.stash, mailbox.signals
        for cell.step in steps:
            # Not `busy` here, so that no `Kill` can lose an envelope on its way from the mailbox to `current`.
            cell.busy = False
            envelope = stash.popleft() if stash else get()
            cell.current = envelope
            cell.busy = True
            if signals:
                self._obey_before(envelope)
            self.handle(envelope)

    def handle(self, envelope: Envelope) -> None:
        """Handle one message, which is `current` already; leaves the cell not `busy`."""
        cell, message = self.cell, envelope.message
        answer = self._handle_special(message) if message.__class__ in _SPECIAL else self.on_receive(message)
        cell.busy = False
        if cell.mailbox.signals and cell.kill_requested:
            raise Kill
        reply_to = envelope.reply_to
        if reply_to is not None and not settle(reply_to, answer):
            cell.note_dead_letter(message)
        cell.current = None

    def _handle_special(self, message: Any) -> Any:
        if isinstance(message, Wake):
            return None
        if isinstance(message, Timed):
            return self._handle_timed(message)
        if isinstance(message, StopMessage):
            raise Leave(self.stop_reason)
        return self.handle_proxy_message(message)

    def _handle_timed(self, timed: Timed) -> Any:
        """Handle a message with a deadline, unless that has passed."""
        if self.context.clock.monotonic() < timed.due:
            message = timed.message
            return self._handle_special(message) if message.__class__ in _SPECIAL else self.on_receive(message)
        envelope = self.cell.current
        if envelope is not None and envelope.reply_to is not None:
            fail(envelope.reply_to, DeadlineExceeded(f"{self.cell.label} came to the message after its deadline"))
        return None

    def _farewell(self, reason: Reason) -> Reason:
        """Run the last hook; return the reason that stands after it."""
        self.exit_reason = reason
        if reason == KILLED:
            return reason
        error = self.cell.failure
        if error is None:
            return self._attempt(self.on_stop) or reason
        if self.context.supervisor is None:
            logger.error("%s crashed", self.cell.label, exc_info=error)
        self._attempt(lambda: self.on_failure(type(error), error, error.__traceback__))
        return reason

    # Signals

    def _obey_before(self, envelope: Envelope) -> None:
        """Obey the signals; if they end the actor, ``envelope`` is not handled but left for the dead letters."""
        cell = self.cell
        cell.mailbox.stash.appendleft(envelope)
        cell.current = None
        self._obey()
        cell.current = cell.mailbox.stash.popleft()

    def _obey(self) -> None:
        """Do what the signals say; raises when they say that this is the end."""
        signals = self.cell.mailbox.signals
        while signals:
            match signals.popleft():
                case KillSignal():
                    raise Kill
                case StopSignal(reason):
                    raise Leave(reason)
                case ExitSignal() as signal:
                    self._obey_exit(signal)

    def _obey_exit(self, signal: ExitSignal) -> None:
        cell = self.cell
        if signal.linked and signal.sender is not None:
            if signal.sender not in cell.bonds.links:
                return
            cell.bonds.links.discard(signal.sender)
        if cell.trapping:
            ref = None if signal.sender is None else signal.sender.ref
            cell.mailbox.put_system(Exit(ref, signal.reason))
        elif takes_effect(signal, from_self=signal.sender is cell):
            raise Leave(signal.reason)
