"""From a class to a running actor: constructed, registered, tied to its supervisor, started, and waited for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, TypeVar, cast

from supervisors.lifecycle.arguments import refused_arguments
from supervisors.lifecycle.base_actor import BaseActor, check_instance, context_of, set_context
from supervisors.lifecycle.context import StartContext
from supervisors.lifecycle.frames import clear_frames
from supervisors.lifecycle.ref import Ref
from supervisors.lifecycle.signals import StopSignal
from supervisors.rules.errors import BadActor, BadSpec, Ignore, StartError
from supervisors.rules.reasons import NOPROC, SHUTDOWN, Crashed
from supervisors.threads.worker_thread import blocking

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
        raise StartError(f"{actor_class.__name__} {context.id!r} failed in __init__: {error!r}") from error


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
            raise StartError(f"{actor._actor_state.label} failed in on_start: {error!r}") from error
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
        actor._actor_kind.begin(actor)
        with blocking():
            state.ready.wait()
    except BaseException as error:  # also Ctrl-C, or a kill of the supervisor: nothing will hold the reference
        _break_off(actor, error)
        del actor, state
        raise
    if state.started:
        return None
    state.join()
    cause, state.start_error = state.start_error, None
    return cause or state.dead()


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
    state.mailbox.signal(StopSignal(SHUTDOWN))
    if state.context.supervisor is None:
        state.join()
