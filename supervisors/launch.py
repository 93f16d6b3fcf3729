"""From a class to a running actor: made, registered, adopted, started, and waited for."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from supervisors.child import StartContext
from supervisors.life import Life
from supervisors.reasons import SHUTDOWN, Crashed
from supervisors.ref import Ref
from supervisors.scheduler import blocking
from supervisors.signals import StopSignal

L = TypeVar("L", bound=Life)


def create(actor_class: type[L], context: StartContext, args: tuple[Any, ...], kwargs: dict[str, Any]) -> L:
    """Construct an actor that knows its ``context`` from the first line of its ``__init__`` on.

    Raises:
        TypeError: its ``__init__`` does not call its superclass's.
    """
    actor = actor_class.__new__(actor_class)
    actor.context = context
    actor_class.__init__(actor, *args, **kwargs)
    if not hasattr(actor, "cell"):
        raise TypeError(f"expected {actor_class.__name__}.__init__ to call super().__init__(); add the call")
    return actor


def launch(actor: Life) -> Ref[Any]:
    """Start the thread of ``actor`` and wait until it is ready.

    Raises:
        AlreadyStarted: its name belongs to another actor.
        BaseException: what ``on_start`` raised, as it was.
    """
    cell, context = actor.cell, actor.context
    ref = cast("Ref[Any]", cell.ref)
    try:
        if context.name is not None and context.registry is not None:
            context.registry.register(context.name, ref)
        if context.supervisor is not None:
            context.supervisor.cell.bonds.adopt(cell)
        actor.start_thread()
        with blocking():
            cell.ready.wait()
    except BaseException as error:  # also Ctrl-C, or a kill of the supervisor: nobody will have the reference
        _take_back(actor, error)
        raise
    if cell.started:
        return ref
    cell.join()
    raise cell.start_error or cell.dead()


def _take_back(actor: Life, error: BaseException) -> None:
    """End an actor whose start was broken off, whether its thread runs or not."""
    cell = actor.cell
    if cell.bury(Crashed(error), unless_begun=True):
        return
    cell.mailbox.signal(StopSignal(SHUTDOWN))
    if actor.context.supervisor is None:
        cell.join()
