"""From a class to a running actor: constructed, registered, tied to its supervisor, started, and waited for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, TypeVar, cast

from supervisors.lifecycle.actor_state import ActorState
from supervisors.lifecycle.arguments import refused_arguments
from supervisors.lifecycle.base_actor import BaseActor, check_instance, context_of, set_context
from supervisors.lifecycle.context import StartContext
from supervisors.lifecycle.frames import clear_frames
from supervisors.lifecycle.lineage import is_told_to_stop
from supervisors.lifecycle.ref import Ref
from supervisors.lifecycle.signals import Kill, StopSignal
from supervisors.lifecycle.waiting import undisturbed, wait_for
from supervisors.rules.errors import BadActor, BadSpec, HungStart, Ignore, StartError
from supervisors.rules.printing import printed
from supervisors.rules.reasons import KILLED, NOPROC, SHUTDOWN, Crashed
from supervisors.rules.termination import INFINITY

A = TypeVar("A", bound=BaseActor)


def create(actor_class: type[A], context: StartContext, args: tuple[Any, ...], kwargs: dict[str, Any]) -> A:
    """Construct an actor that knows its ``context`` from the first line of its ``__init__`` on.

    Raises:
        BadActor: its ``__init__`` does not call its superclass's, or sets an option of the class.
        BaseException: what ``__init__`` raised; questions that were sent to the actor already fail.
    """
    actor = actor_class.__new__(actor_class)
    set_context(actor, context)
    try:
        actor_class.__init__(actor, *args, **kwargs)
        check_instance(actor)
        return actor
    except BaseException:
        actor._actor_state.finish(NOPROC, unless_begun=True)
        raise
    finally:
        del actor  # what is raised keeps this frame


def create_alone(
    actor_class: type[A],
    context: StartContext,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    known: Iterable[str] = (),
) -> A:
    """Construct an actor outside any supervisor.

    Args:
        actor_class: of the actor.
        context: the circumstances of its start.
        args: for ``__init__``.
        kwargs: for ``__init__``.
        known: what else the call takes by name.

    Raises:
        TypeError: its class does not take these arguments.
        BadActor: see `create`.
        BadSpec: it is a supervisor, and an option of it is wrong.
        StartError: ``__init__`` raised; the original exception is the cause.
        Ignore: the actor does not want to run.
    """
    try:
        return create(actor_class, context, args, kwargs)
    except (BadActor, BadSpec, StartError, Ignore):
        raise
    except Exception as error:
        refused = refused_arguments(actor_class, args, kwargs, options=known)
        if refused is not None:
            raise TypeError(f"{actor_class.__name__}.start() {refused}") from None
        raise StartError(f"{actor_class.__name__} {context.id!r} failed in __init__: {printed(error)}") from error


def launch(actor: BaseActor) -> Ref[Any]:
    """Start the thread of ``actor`` and wait until it is ready.

    Raises:
        AlreadyStarted: its name belongs to another actor.
        BaseException: what ``on_start`` raised, as it was.
    """
    error = None
    try:
        error = _start(actor)
        if error is not None:
            raise error
        return cast("Ref[Any]", actor.actor_ref)
    finally:
        del actor, error  # what is raised keeps this frame, and the actor's state what is raised


def launch_alone(actor: BaseActor) -> Ref[Any]:
    """Start an actor outside any supervisor, and wait until it is ready.

    Raises:
        StartError: ``on_start`` raised; the original exception is the cause.
        Ignore: the actor does not want to run.
    """
    error = None
    try:
        error = _start(actor)
        if isinstance(error, Ignore | StartError):
            raise error
        if error is not None:
            raise StartError(f"{actor._actor_state.label} failed in on_start: {printed(error)}") from error
        return cast("Ref[Any]", actor.actor_ref)
    finally:
        del actor, error  # as in `launch`


def _start(actor: BaseActor) -> BaseException | None:
    """Start ``actor``, and return when it is ready; or return why it is not, from ``on_start``.

    Raises:
        BaseException: what broke the start off; the actor ends.
    """
    state = actor._actor_state
    try:
        _enter_tree(context_of(actor), cast("Ref[Any]", actor.actor_ref))
        with undisturbed():  # a thread that is just being made gets what is raised in the one that makes it
            actor._actor_kind.begin(actor)
        wait_until_ready(actor)
    except BaseException as error:  # also Ctrl-C, or a kill of the supervisor: nothing will hold the reference
        _break_off(actor, error)
        del actor, state
        raise
    if state.started:
        return None
    state.join()
    cause, state.start_error = state.start_error, None
    return cause or state.dead()


def wait_until_ready(actor: BaseActor) -> None:
    """Wait until ``actor`` is ready, or has ended.

    If the actor that waits is told to stop meanwhile, so is this one, and has its shutdown time for that.

    Raises:
        HungStart: it was not ready in time.
        Kill: the actor that waits was killed.
    """
    state, context = actor._actor_state, context_of(actor)
    limit = _limit(context.start_timeout)
    try:
        in_time = wait_for(state.ready, limit, clock=context.clock, give_up=_check_not_stopping)
        message = f"expected {state.label} to be ready within {limit} s"
    except _MustStop:
        _tell_to_stop(state)
        in_time = wait_for(state.ready, _limit(context.shutdown), clock=context.clock)
        message = f"{state.label} was to stop before it was ready"
    if not in_time:
        _use_force(actor)
        reason = state.reason or KILLED
        raise HungStart(f"{message}; it was {reason}", context.id, reason)


class _MustStop(Exception):
    """Ends the wait of an actor that is told to stop."""


def _check_not_stopping(waiter: ActorState) -> None:
    if waiter.mailbox.stop_asked or is_told_to_stop(waiter):
        raise _MustStop


def _limit(seconds: float) -> float | None:
    return None if seconds == INFINITY else seconds


def _tell_to_stop(state: ActorState) -> None:
    """Have an actor stop that is not ready yet: only its token, which is otherwise set later, can reach its code."""
    state.mailbox.signal(StopSignal(SHUTDOWN))
    state.cancelled.set()


def _use_force(actor: BaseActor) -> None:
    """End an actor as a kill ladder does: cancelled, interrupted, at last abandoned."""
    state = actor._actor_state
    with undisturbed():
        for pull in (state.request_kill, state.interrupt) if actor.interruptible else (state.request_kill,):
            pull()
            if state.ended.wait(actor.kill_grace_s):
                return
        state.abandon()


def _enter_tree(context: StartContext, ref: Ref[Any]) -> None:
    """Register the actor, and have it stopped when its supervisor ends."""
    if context.name is not None and context.registry is not None:
        context.registry.register(context.name, ref)
    if context.supervisor is not None:
        above, state = context.supervisor.actor_state.links, ref.actor_state
        above.add_child(state.mailbox)
        state.links.on_release(partial(above.remove_child, state.mailbox))


def _break_off(actor: BaseActor, error: BaseException) -> None:
    """End an actor whose start was broken off, whether its thread runs or not."""
    state, crash = actor._actor_state, Crashed(error)
    if state.finish(crash, unless_begun=True):
        state.thread = None  # one that never runs keeps what it was to run
        clear_frames(crash)
        return
    if not isinstance(error, Kill):
        _tell_to_stop(state)
        state.ended.wait(_limit(context_of(actor).shutdown))
    if state.reason is None:
        _use_force(actor)
