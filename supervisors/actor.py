"""An actor that can be supervised: Pykka's, with an end that everybody hears of."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, cast

import pykka

from supervisors.child import ChildType, StartContext
from supervisors.errors import Ignore, StartError
from supervisors.launch import create, launch
from supervisors.life import Life
from supervisors.mailbox import TimeUp, Wake
from supervisors.reasons import KILLED, NORMAL, Reason
from supervisors.ref import Ref
from supervisors.scheduler import blocking
from supervisors.signals import Down, ExitSignal, KillSignal, Leave, StopSignal
from supervisors.timers import Timer

if TYPE_CHECKING:
    from supervisors.spec import ChildSpec


class Actor(Life):
    """A Pykka actor on a thread of its own, with links, monitors and exit reasons.

    Write it as a Pykka actor: ``__init__`` runs in the thread that starts it; ``on_start``, ``on_receive``,
    ``on_stop`` and ``on_failure`` in its own. It differs where OTP does:

    - `start` returns when ``on_start`` has succeeded, and raises `StartError` when it has not;
    - an exception ends the actor, after an ``ask`` as after a ``tell``; it never ends another one;
    - a `BaseException` is no exception to that;
    - it is not in `pykka.ActorRegistry`, whose ``stop_all`` any other actor's mistake may call.
    """

    kill_grace_s: ClassVar[float] = 0.25
    """Real seconds that each rung of the kill ladder waits before the next."""

    interruptible: ClassVar[bool] = True
    """Whether the kill ladder may raise an exception inside the actor's code, where it would not expect one. False for
    actors whose code holds locks that others need: they are abandoned instead."""

    child_type: ClassVar[ChildType] = ChildType.WORKER
    """What a supervisor counts this class as."""

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> Ref[Self]:
        """Start an actor outside any supervisor, and return when ``on_start`` has succeeded.

        Raises:
            StartError: ``on_start`` raised; the original exception is the cause.
            Ignore: the actor does not want to run.
        """
        actor = create(cls, StartContext(id=cls.__name__), args, kwargs)
        try:
            return cast("Ref[Self]", launch(actor))
        except (Ignore, StartError):
            raise
        except BaseException as error:
            if error is not actor.cell.start_error:
                raise
            raise StartError(f"{actor.cell.label} failed in on_start: {error!r}") from error

    @classmethod
    def child_spec(cls, *args: Any, **kwargs: Any) -> ChildSpec:
        """Return how a supervisor starts this class; override it to change the defaults of all its children."""
        from supervisors.spec import ChildSpec  # which imports this module

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
        ref.cell.bonds.monitor(lambda reason: mailbox.put_system(Down(ref, reason, monitor)), key=monitor)
        return monitor

    def demonitor(self, ref: Ref[Any], monitor: object) -> None:
        """Undo `monitor`; a `Down` that is in the mailbox already stays there."""
        ref.cell.bonds.demonitor(monitor)

    def link(self, ref: Ref[Any]) -> None:
        """Share the fate of the actor behind ``ref``: the end of one is an exit signal to the other."""
        self.cell.bonds.link(ref.cell)

    def unlink(self, ref: Ref[Any]) -> None:
        """Undo `link`; no exit signal of that actor has any effect afterwards."""
        self.cell.bonds.unlink(ref.cell)

    def send_after(self, delay_s: float, message: Any) -> Timer:
        """Tell this actor ``message`` in ``delay_s`` seconds of its clock; the timer that is returned can be cancelled.

        The time is that of `context.clock`, and all timers of a tree are served by one thread.
        """
        mailbox, bounce = self.cell.mailbox, self.cell.drain

        def send() -> None:
            mailbox.put_system(message)
            if mailbox.closed:
                bounce()

        return self.cell.timers.after(delay_s, send)

    def receive(self, match: type | Callable[[Any], bool], *, timeout_s: float | None = None) -> Any:
        """Wait, inside a hook, for the first message that matches; all others stay in order for `on_receive`.

        Only what was told is considered: what was asked waits, since its answer is what `on_receive` returns.

        Args:
            match: a class of messages, or a function that says whether a message is wanted.
            timeout_s: seconds of the actor's clock to wait; None waits for ever.

        Raises:
            pykka.Timeout: no such message came within ``timeout_s``.
        """
        wanted = _instance_of(match) if isinstance(match, type) else match
        time_up = TimeUp()
        timer = None if timeout_s is None else self.send_after(timeout_s, time_up)
        try:
            return self._select(wanted, time_up)
        finally:
            if timer is not None:
                timer.cancel()

    def _select(self, wanted: Callable[[Any], bool], time_up: TimeUp) -> Any:
        mailbox = self.cell.mailbox
        seen = 0
        while True:
            if mailbox.signals:
                self._obey()
            while seen < len(mailbox.stash):
                envelope = mailbox.stash[seen]
                if envelope.message is time_up:
                    del mailbox.stash[seen]
                    raise pykka.Timeout("no message that matches came in time")
                if isinstance(envelope.message, Wake):
                    del mailbox.stash[seen]
                elif envelope.reply_to is None and wanted(envelope.message):
                    del mailbox.stash[seen]
                    return envelope.message
                else:
                    seen += 1
            with blocking():
                mailbox.fetch()


def _instance_of(wanted: type) -> Callable[[Any], bool]:
    return lambda message: isinstance(message, wanted)


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
