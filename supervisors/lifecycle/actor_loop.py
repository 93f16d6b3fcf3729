"""The loop that an actor's thread runs, and every way out of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, cast

import pykka

from supervisors.lifecycle._pykka import PROXY_MESSAGES, StopMessage, handle_proxy_message
from supervisors.lifecycle.actor_state import ActorState
from supervisors.lifecycle.lineage import is_to_stop
from supervisors.lifecycle.mailbox import Envelope, Timed, TimeUp, Wake
from supervisors.lifecycle.obedience import obey_before
from supervisors.lifecycle.replies import Refusal, fail, resolve
from supervisors.lifecycle.signals import ExitNow, Kill
from supervisors.rules.errors import ActorDead, DeadlineExceeded, Stopping
from supervisors.rules.printing import printed
from supervisors.rules.reasons import KILLED, NORMAL, SHUTDOWN, Crashed, Reason
from supervisors.threads.occupied import OccupiedThread

logger = logging.getLogger("supervisors")


class ActorLoop:
    """Runs an actor's hooks in its thread, from the first to the last, and ends it.

    It holds the actor, and the actor does not know it: so the names of an actor are free for the code of its class, and
    what has ended is not a cycle. Everything raised by the actor's own code ends up in `_attempt`. A `Kill` from
    outside is raised only while ``busy`` is set, that is in the actor's own code or a few lines around it, and at most
    once.

    Args:
        actor: whose hooks to run.
        state: of the actor.
        stop_reason: its exit reason after ``stop``.
    """

    special: ClassVar[frozenset[type]] = PROXY_MESSAGES | {Wake, TimeUp, Timed, StopMessage}
    """The classes of the messages that do not go to ``on_receive``."""

    def __init__(self, actor: pykka.Actor, state: ActorState, stop_reason: Reason) -> None:
        self.actor = actor
        self.state = state
        self._stop_reason = stop_reason

    def run(self) -> None:
        """Run all hooks, then end; the whole of what the actor's thread does."""
        state = self.state
        if not state.links.begin():
            return
        state.enter_thread(cast(OccupiedThread, threading.current_thread()))
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
        state = self.state
        reason = self._attempt(self.on_start)
        if reason is None:
            state.started = True
            state.ready.set()
        elif state.start_error is None:
            dead = ActorDead(f"{state.label} ended in on_start: {printed(reason, str)}", reason)
            state.start_error = dead if state.failure is None else state.failure.error
        return reason

    def _run_last_hook(self, reason: Reason) -> Reason:
        """Run ``on_stop`` or ``on_failure``; return the reason that stands after it."""
        state = self.state
        state.exit_reason = reason
        if reason == KILLED:
            return reason
        state.leave_loop()
        failure = state.failure
        if failure is None:
            ended_otherwise = self._attempt(self.on_stop)
            self._log("on_stop of %s raised")
            return ended_otherwise or reason
        self._log("%s crashed")
        self._attempt(partial(self._run_on_failure, failure.error))
        return reason

    def _run_on_failure(self, error: BaseException) -> None:
        """Run ``on_failure``; what that raises takes no one's place, so it is logged here."""
        try:
            self.on_failure(error)
        except (ExitNow, Kill):
            raise
        except BaseException:
            logger.exception("on_failure of %s raised", self.state.label)

    def _log(self, what: str) -> None:
        """Log the failure of the actor, if there is one that its supervisor will not report."""
        failure, supervisor = self.state.failure, cast(Any, self.state.context.supervisor)
        if failure is not None and (supervisor is None or supervisor.exit_reason is not None):
            logger.error(what, self.state.label, exc_info=failure.error)

    def _attempt(self, code: Callable[[], None]) -> Reason | None:
        """Run code of the user's; return why it made the actor end, or None if it did not."""
        state = self.state
        state.busy = True
        try:
            code()
        except ExitNow as exit_now:
            return exit_now.reason
        except Kill:
            return KILLED
        except BaseException as error:  # noqa: BLE001 - whatever it is, it ends this actor and no other
            if isinstance(error, Stopping) and state.exit_reason is None and is_to_stop(state):
                return SHUTDOWN
            state.failure = Crashed(error)
            return state.failure
        finally:
            state.busy = False
        return None

    def on_start(self) -> None:
        """Run the actor's ``on_start``."""
        self.actor.on_start()

    def on_stop(self) -> None:
        """Run the actor's ``on_stop``."""
        self.actor.on_stop()

    def on_failure(self, error: BaseException) -> None:
        """Run the actor's ``on_failure``."""
        self.actor.on_failure(type(error), error, error.__traceback__)

    def forget_work(self) -> None:
        """Drop the ended actor, and what would keep it in memory; called last in its thread.

        An error that another has kept, and that passed through here, keeps the frames of this loop, and so the loop.
        """
        self.state.forget_work()
        del self.actor

    # Messages

    def _receive_all(self) -> None:
        """Handle messages until an exception ends it. The hot path: nothing that is not needed."""
        state = self.state
        mailbox = state.mailbox
        get, stash, signals = mailbox.get, mailbox.stash, mailbox.signals
        while True:
            # Not `busy` here, so that no `Kill` can lose an envelope on its way from the mailbox to `current`.
            state.busy = False
            envelope = stash.popleft() if stash else get()
            state.current = envelope
            state.busy = True
            if signals:
                obey_before(state, envelope)
            self.handle(envelope)

    def handle(self, envelope: Envelope) -> None:
        """Handle one message, which is `current` already; leaves the state not `busy`."""
        state, message = self.state, envelope.message
        answer = self.handle_special(message) if message.__class__ in self.special else self.actor.on_receive(message)
        state.busy = False
        if state.mailbox.signals and state.kill_requested:
            raise Kill
        reply_to = envelope.reply_to
        if answer.__class__ is Refusal:
            self._refuse(envelope, answer.error)
        elif reply_to is not None and not resolve(reply_to, answer):
            state.note_dead_letter(message)
        state.current = None
        del envelope, reply_to, answer  # an error that is the answer, or part of it, may keep this frame

    def _refuse(self, envelope: Envelope, error: BaseException) -> None:
        """Give the error to the one that asked; if there is none, log it."""
        if envelope.reply_to is None:
            exc_info = None if error.__traceback__ is None else error
            logger.warning("%s dropped a message: %s", self.state.label, printed(error, str), exc_info=exc_info)
        elif not fail(envelope.reply_to, error):
            self.state.note_dead_letter(envelope.message)

    def handle_special(self, message: Any) -> Any:
        """Handle a message of the system, and return the answer."""
        if isinstance(message, Wake):
            return None
        if isinstance(message, Timed):
            return self._handle_timed(message)
        if isinstance(message, StopMessage):
            raise ExitNow(self._stop_reason)
        return handle_proxy_message(self.actor, message)

    def _handle_timed(self, timed: Timed) -> Any:
        """Handle a message with a deadline, unless that has passed."""
        if self.state.context.clock.monotonic() < timed.due:
            message = timed.message
            return self.handle_special(message) if message.__class__ in self.special else self.actor.on_receive(message)
        state = self.state
        if state.current is not None and state.current.reply_to is not None:
            error = DeadlineExceeded(f"{state.label} came to the message after its deadline")
            fail(state.current.reply_to, error)
        return None
