"""From a class to a running actor: constructed, registered, tied to its supervisor, started, and waited for."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeVar, cast

from supervisors.lifecycle.base_actor import BaseActor, context_of, set_context
from supervisors.lifecycle.context import StartContext
from supervisors.lifecycle.frames import clear_frames
from supervisors.lifecycle.ref import Ref
from supervisors.lifecycle.signals import StopSignal
from supervisors.rules.errors import Ignore, StartError
from supervisors.rules.reasons import SHUTDOWN, Crashed
from supervisors.threads.worker_thread import blocking

A = TypeVar("A", bound=BaseActor)


def create(actor_class: type[A], context: StartContext, args: tuple[Any, ...], kwargs: dict[str, Any]) -> A:
    """Construct an actor that knows its ``context`` from the first line of its ``__init__`` on.

    Raises:
        TypeError: its ``__init__`` does not call its superclass's.
    """
    actor = actor_class.__new__(actor_class)
    set_context(actor, context)
    actor_class.__init__(actor, *args, **kwargs)
    if not hasattr(actor, "actor_inbox"):
        raise TypeError(f"expected {actor_class.__name__}.__init__ to call super().__init__(); add the call")
    return actor


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
