"""An actor that can be supervised: Pykka's, with an end that everybody hears of."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypeVar, cast

from supervisors._pykka import PROXY_MESSAGES, PykkaSeam, StopMessage
from supervisors.cell import Cell
from supervisors.child import ChildType, StartContext
from supervisors.errors import ActorDead, Ignore, StartError
from supervisors.mailbox import Mailbox, Wake
from supervisors.reasons import KILLED, NORMAL, Crashed, Reason
from supervisors.ref import Ref
from supervisors.reply import settle
from supervisors.signals import Down, Exit, ExitSignal, Kill, KillSignal, Leave, StopSignal, takes_effect

if TYPE_CHECKING:
    from supervisors.spec import ChildSpec

logger = logging.getLogger("supervisors")

_SPECIAL: frozenset[type] = PROXY_MESSAGES | {Wake, StopMessage}

A = TypeVar("A", bound="Actor")


class Actor(PykkaSeam):
    """A Pykka actor on a thread of its own, with links, monitors and exit reasons.

    Write it as a Pykka actor: ``__init__`` runs in the thread that starts it; ``on_start``, ``on_receive``,
    ``on_stop`` and ``on_failure`` in its own. It differs where OTP does:

    - `start` returns when ``on_start`` has succeeded, and raises `StartError` when it has not;
    - an exception ends the actor, after an ``ask`` as after a ``tell``; it never ends another one;
    - a `BaseException` is no exception to that;
    - it is not in `pykka.ActorRegistry`, whose ``stop_all`` any other actor's mistake may call.
    """

    use_daemon_thread: ClassVar[bool] = True
    """Unlike Pykka's: a thread that had to be abandoned would keep the interpreter from ending."""

    kill_grace_s: ClassVar[float] = 0.25
    """Real seconds that each rung of the kill ladder waits before the next."""

    child_type: ClassVar[ChildType] = ChildType.WORKER
    """What a supervisor counts this class as."""

    stop_reason: ClassVar[Reason] = NORMAL
    """Why the actor ends when somebody calls ``stop``."""

    context: StartContext
    """The circumstances of this start: id, incarnation, supervisor. Set before ``__init__`` runs."""

    cell: Cell

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not hasattr(self, "context"):
            self.context = StartContext(id=type(self).__name__)
        super().__init__(*args, **kwargs)
        self.cell.ref = self.actor_ref
        self.exit_reason: Reason | None = None
        self._own_failure: BaseException | None = None

    # Start

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> Ref[Self]:
        """Start an actor outside any supervisor, and return when ``on_start`` has succeeded.

        Raises:
            StartError: ``on_start`` raised; the original exception is the cause.
            Ignore: the actor does not want to run.
        """
        actor = create(cls, StartContext(id=cls.__name__), args, kwargs)
        try:
            return launch(actor)
        except (Ignore, StartError):
            raise
        except BaseException as error:
            if error is not actor.cell.start_error:
                raise
            raise StartError(f"{actor.cell.label} failed in on_start: {error!r}") from error

    @classmethod
    def child_spec(cls, *args: Any, **kwargs: Any) -> ChildSpec:
        """Return how a supervisor starts this class; override it to change the defaults of all its children."""
        from supervisors.spec import ChildSpec

        return ChildSpec.of(cls, *args, **kwargs)

    # What an actor may ask of itself, in its own thread

    @property
    def incarnation(self) -> int:
        """Return which start of this child this is, from 1."""
        return self.context.incarnation

    @property
    def cancelled(self) -> threading.Event:
        """Return the cancel token: set when the actor has overstayed its shutdown time; long work should look at it."""
        return self.cell.cancelled

    @property
    def stop_requested(self) -> bool:
        """Return whether somebody waits for this actor to stop; long work may look at it."""
        return any(isinstance(signal, StopSignal | KillSignal) for signal in tuple(self.cell.mailbox.signals))

    @property
    def trap_exit(self) -> bool:
        """Whether exit signals become `Exit` messages instead of ending the actor; False unless set."""
        return self.cell.trapping

    @trap_exit.setter
    def trap_exit(self, trapping: bool) -> None:
        self.cell.trapping = trapping

    def exit(self, reason: Reason = NORMAL) -> NoReturn:
        """End this actor now with ``reason``; ``on_stop`` still runs."""
        raise Leave(reason)

    def monitor(self, ref: Ref[Any]) -> object:
        """Get one `Down` message when the actor behind ``ref`` ends; every call is a monitor of its own.

        Returns:
            What the `Down` carries, and `demonitor` takes.
        """
        monitor = object()
        mailbox = self.cell.mailbox
        ref.cell.monitor(lambda reason: mailbox.put_system(Down(ref, reason, monitor)), key=monitor)
        return monitor

    def demonitor(self, ref: Ref[Any], monitor: object) -> None:
        """Undo `monitor`; a `Down` that is in the mailbox already stays there."""
        ref.cell.unwatch(monitor)

    def link(self, ref: Ref[Any]) -> None:
        """Share the fate of the actor behind ``ref``: the end of one is an exit signal to the other."""
        self.cell.link(ref.cell)

    def unlink(self, ref: Ref[Any]) -> None:
        """Undo `link`; no exit signal of that actor has any effect afterwards."""
        self.cell.unlink(ref.cell)

    # The thread

    @staticmethod
    def make_mailbox() -> Mailbox:
        """Return the queue of this actor's messages."""
        return Mailbox()

    def make_ref(self) -> Ref[Self]:
        """Return the reference of this incarnation."""
        return Ref(self, self.make_cell())

    def make_cell(self) -> Cell:
        """Make what surrounds this incarnation's code."""
        label = f"{type(self).__name__} {self.context.id!r}"
        self.cell = Cell(label, cast(Mailbox, self.actor_inbox), self.actor_stopped)
        self.cell.incarnation = self.context.incarnation
        return self.cell

    def _start_actor_loop(self) -> None:
        name = f"{self.context.id}#{self.context.incarnation}"
        thread = threading.Thread(target=self._actor_loop, name=name, daemon=self.use_daemon_thread)
        self.cell.thread = thread
        thread.start()

    def run(self) -> None:
        """Live and die; the whole of what the actor's thread does."""
        cell = self.cell
        try:
            reason = self._live()
            cell.settle()
        except BaseException as error:  # noqa: BLE001 - a `Kill` that struck between two lines of ours
            cell.settle()
            reason = KILLED if isinstance(error, Kill) else Crashed(error)
        cell.bury(reason)
        cell.leave()

    def _live(self) -> Reason:
        reason = self._attempt(self.on_start)
        if reason is not None:
            self._note_failed_start(reason)
            return reason
        self.cell.started = True
        self.cell.ready.set()
        return self._farewell(self._attempt(self._serve) or NORMAL)

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
            self._own_failure = error
            return Crashed(error)
        finally:
            cell.busy = False
        return None

    def _note_failed_start(self, reason: Reason) -> None:
        cell = self.cell
        if cell.start_error is None:
            cell.start_error = self._own_failure or ActorDead(f"{cell.label} ended in on_start: {reason}", reason)

    def _serve(self) -> None:
        """Handle messages until an exception ends it. The hot path: nothing here that is not needed."""
        cell = self.cell
        mailbox = cell.mailbox
        get, stash, signals = mailbox.get, mailbox.stash, mailbox.signals
        while True:
            # A kill strikes only while `busy`, so no envelope can fall between the mailbox and `current`.
            cell.busy = False
            envelope = stash.popleft() if stash else get()
            cell.current = envelope
            cell.busy = True
            if signals:
                self._obey()
            message = envelope.message
            answer = self._handle_special(message) if message.__class__ in _SPECIAL else self.on_receive(message)
            cell.busy = False
            if signals and cell.kill_requested:
                raise Kill
            reply_to = envelope.reply_to
            if reply_to is not None and not settle(reply_to, answer):
                cell.count_dead_letter()
            cell.current = None

    def _handle_special(self, message: Any) -> Any:
        if isinstance(message, Wake):
            return None
        if isinstance(message, StopMessage):
            raise Leave(self.stop_reason)
        return self.handle_proxy_message(message)

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
        if signal.linked and signal.sender not in cell.links:
            return
        if signal.linked and signal.sender is not None:
            cell.links.discard(signal.sender)
        if cell.trapping:
            ref = None if signal.sender is None else signal.sender.ref
            cell.mailbox.put_system(Exit(ref, signal.reason))
        elif takes_effect(signal, trapping=cell.trapping, from_self=signal.sender is cell):
            raise Leave(signal.reason)

    def _farewell(self, reason: Reason) -> Reason:
        """Run the last hook; return the reason that stands after it."""
        self.exit_reason = reason
        if reason == KILLED:
            return reason
        error = self._own_failure
        if error is None:
            return self._attempt(self.on_stop) or reason
        if self.context.supervisor is None:
            logger.error("%s crashed", self.cell.label, exc_info=error)
        self._attempt(lambda: self.on_failure(type(error), error, error.__traceback__))
        return reason


def create(actor_class: type[A], context: StartContext, args: tuple[Any, ...], kwargs: dict[str, Any]) -> A:
    """Construct an actor that knows its ``context`` from the first line of its ``__init__`` on."""
    actor = actor_class.__new__(actor_class)
    actor.context = context
    actor_class.__init__(actor, *args, **kwargs)
    if not hasattr(actor, "cell"):
        raise TypeError(
            f"expected {actor_class.__name__}.__init__ to call super().__init__(), it did not; add the call"
        )
    return actor


def launch(actor: A) -> Ref[A]:
    """Start the thread of ``actor`` and wait until it is ready.

    Raises:
        BaseException: what ``on_start`` raised, as it was.
    """
    cell = actor.cell
    context = actor.context
    ref = cast(Ref[A], cell.ref)
    try:
        if context.name is not None and context.registry is not None:
            context.registry.register(context.name, ref)
        if context.supervisor is not None:
            context.supervisor.cell.adopt(cell)
        actor.start_thread()
    except BaseException as error:
        cell.bury(Crashed(error))
        raise
    cell.ready.wait()
    if cell.started:
        return ref
    cell.join()
    raise cell.start_error or cell.dead()


def exit(ref: Ref[Any], reason: Reason) -> None:
    """Send an exit signal on purpose: with `KILLED` it cannot be trapped, with another reason it can.

    Unlike a supervisor's kill ladder it gives no promise: a thread that does not return to its mailbox goes on.
    """
    if reason == KILLED:
        ref.cell.request_kill()
        ref.cell.strike()
    else:
        sender = ref.cell if ref.cell.thread is threading.current_thread() else None
        ref.cell.mailbox.signal(ExitSignal(sender, reason, linked=False))
