"""An actor that can be supervised: Pykka's, with links, monitors and an exit reason."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn, ParamSpec, TypeVar, cast

import pykka

from supervisors.children.spec import ChildSpec
from supervisors.lifecycle.actor_state import ActorState
from supervisors.lifecycle.base_actor import BaseActor, context_of
from supervisors.lifecycle.context import StartContext
from supervisors.lifecycle.launch import create_alone, launch_alone
from supervisors.lifecycle.mailbox import SystemEnvelope, TimeUp, Wake
from supervisors.lifecycle.obedience import obey
from supervisors.lifecycle.own_names import check_names, own
from supervisors.lifecycle.ref import Ref, state_of
from supervisors.lifecycle.signals import Down, ExitNow, KillSignal, StopSignal
from supervisors.rules.options import flag, function, number, waiting_time
from supervisors.rules.reasons import NORMAL, Reason
from supervisors.threads.latch import Latch
from supervisors.threads.timers import Timer
from supervisors.threads.worker_thread import blocking

P = ParamSpec("P")
A = TypeVar("A", bound=pykka.Actor)


@own(
    "context",
    "incarnation",
    "exit_reason",
    "cancelled",
    "stop_requested",
    "trap_exit",
    "exit",
    "monitor",
    "demonitor",
    "link",
    "unlink",
    "send_after",
    "take_messages",
    "receive",
)
class Actor(BaseActor):
    """A Pykka actor on a thread of its own, with links, monitors and exit reasons.

    Write it as a Pykka actor: ``__init__`` runs in the thread that starts it; ``on_start``, ``on_receive``,
    ``on_stop`` and ``on_failure`` in its own. It differs where OTP does:

    - `start` returns when ``on_start`` has succeeded, and raises `StartError` when it has not;
    - an exception ends the actor, after an ``ask`` as after a ``tell``; it never ends another one;
    - so does a `BaseException`;
    - it is not in `pykka.ActorRegistry`, whose ``stop_all`` Pykka calls when any actor raises a `BaseException`.
    """

    @classmethod
    def start(cls: Callable[P, A], *args: P.args, **kwargs: P.kwargs) -> Ref[A]:
        """Start an actor outside any supervisor, and return when ``on_start`` has succeeded.

        Raises:
            TypeError: the class does not take these arguments.
            StartError: ``__init__`` or ``on_start`` raised; the original exception is the cause.
            Ignore: the actor does not want to run.
        """
        actor_class = cast("type[Actor]", cls)
        actor = create_alone(actor_class, StartContext(id=actor_class.__name__), args, kwargs)
        try:
            return cast("Ref[A]", launch_alone(actor))
        finally:
            del actor  # an error keeps this frame

    @classmethod
    def child_spec(cls, *args: Any, **kwargs: Any) -> ChildSpec:
        """Return how a supervisor starts this class; override it to change the defaults of all its children."""
        return ChildSpec.of(cls, *args, **kwargs)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_names(cls, Actor)

    # For the actor's own code, in its own thread

    @property
    def context(self) -> StartContext:
        """The circumstances of this start: id, incarnation, supervisor, registry; there before ``__init__`` runs."""
        return context_of(self)

    @property
    def incarnation(self) -> int:
        """The number of this start of the child, from 1."""
        return self.context.incarnation

    @property
    def exit_reason(self) -> Reason | None:
        """Why this actor is about to end, for ``on_stop`` and ``on_failure``; None before."""
        return self._actor_state.exit_reason

    @property
    def cancelled(self) -> Latch:
        """The cancel token: set when the actor has exceeded its shutdown time, or must stop before it has started.

        Long work should check it: ``is_set()``, or ``wait(timeout)`` instead of a sleep.
        """
        return self._actor_state.cancelled

    @property
    def stop_requested(self) -> bool:
        """Whether a stop of this actor waits for its code to return. Long work may check it."""
        return any(isinstance(signal, StopSignal | KillSignal) for signal in tuple(self._actor_state.mailbox.signals))

    @property
    def trap_exit(self) -> bool:
        """Whether exit signals become `Exit` messages instead of ending the actor; False unless set."""
        return self._actor_state.trapping

    @trap_exit.setter
    def trap_exit(self, trapping: bool) -> None:
        self._actor_state.trapping = flag("trap_exit", trapping)

    def exit(self, reason: object = NORMAL) -> NoReturn:
        """End this actor now with ``reason``, any value (see `supervisors.Exited`); ``on_stop`` still runs."""
        raise ExitNow(reason)

    def monitor(self, ref: Ref[Any]) -> object:
        """Get a `Down` message when the actor behind ``ref`` ends; each call is a monitor of its own.

        Returns:
            The key of this monitor: in its `Down`, and for `demonitor`.
        """
        monitor, state = object(), self._actor_state
        theirs = state_of(ref).links
        state.links.monitor(theirs, lambda reason: state.send_system(Down(ref, reason, monitor)), key=monitor)
        return monitor

    def demonitor(self, ref: Ref[Any], monitor: object) -> None:
        """Undo `monitor`; a `Down` that is in the mailbox already stays there."""
        self._actor_state.links.stop_watching(state_of(ref).links, monitor)

    def link(self, ref: Ref[Any]) -> None:
        """Share the fate of the actor behind ``ref``: the end of one is an exit signal to the other."""
        self._actor_state.links.link(state_of(ref).links)

    def unlink(self, ref: Ref[Any]) -> None:
        """Undo `link`; no exit signal of that actor has any effect afterwards."""
        self._actor_state.links.unlink(state_of(ref).links)

    def send_after(self, delay_s: float, message: Any) -> Timer:
        """Tell this actor ``message`` in ``delay_s`` seconds of its clock; return a timer that can be cancelled.

        The clock is `context.clock`, and one thread serves all timers of a tree.
        """
        number("delay_s", delay_s, at_least=0)
        return self._actor_state.after(delay_s, partial(self._actor_state.send_system, message))

    def take_messages(self) -> list[Any]:
        """Take all messages that were told and still wait; for ``on_stop``, since a stop overtakes them.

        Questions stay in the mailbox, and fail when the actor has ended.
        """
        mailbox = self._actor_state.mailbox
        messages, others = [], []
        for envelope in mailbox.take_all():
            if envelope.reply_to is None and not isinstance(envelope, SystemEnvelope):
                messages.append(envelope.message)
            else:
                others.append(envelope)
        mailbox.stash.extend(others)
        return messages

    def receive(self, match: type | Callable[[Any], bool], *, timeout: float | None = None) -> Any:
        """Wait, inside a hook, for the first message that matches; all others stay in order for `on_receive`.

        Only messages that were told are considered: questions wait, since `on_receive` returns their answers.

        Args:
            match: a class of messages, or a function that returns whether a message matches.
            timeout: seconds of the actor's clock to wait; None waits for ever.

        Raises:
            pykka.Timeout: no such message came within ``timeout``.
        """
        wanted = _instance_of(match) if isinstance(match, type) else function("match", match)
        timeout, time_up = waiting_time(timeout), TimeUp()
        timer = None if timeout is None else self.send_after(timeout, time_up)
        try:
            return _select(self._actor_state, wanted, time_up)
        finally:
            if timer is not None:
                timer.cancel()


def _select(state: ActorState, wanted: Callable[[Any], bool], time_up: TimeUp) -> Any:
    mailbox = state.mailbox
    seen = 0
    while True:
        if mailbox.signals:
            obey(state)
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
