"""Which actors are above which, and what follows for a wait.

A supervisor waits for what is below it, to start and to end. So a wait of that for the supervisor would never end, and
is an error instead.
"""

from __future__ import annotations

from typing import Any, cast

from supervisors.lifecycle.actor_state import ActorState
from supervisors.lifecycle.signals import StopSignal
from supervisors.rules.errors import Stopping
from supervisors.threads.occupied import occupant


def branch_below(above: ActorState, actor: ActorState) -> ActorState | None:
    """Return the child of ``above`` that ``actor`` is, or is below; None if it is elsewhere."""
    below = actor
    while (supervisor := cast(Any, below.context.supervisor)) is not None:
        if supervisor.actor_state is above:
            return below
        below = supervisor.actor_state
    return None


def is_told_to_stop(actor: ActorState) -> bool:
    """Return whether the supervisor of ``actor`` has told it to stop."""
    return actor.told_to_stop or any(isinstance(signal, StopSignal) for signal in tuple(actor.mailbox.signals))


def is_to_stop(actor: ActorState) -> bool:
    """Return whether ``actor`` is told to stop, or is going to be, because one above it stops."""
    if is_told_to_stop(actor):
        return True
    while (supervisor := cast(Any, actor.context.supervisor)) is not None:
        actor = supervisor.actor_state
        if actor.mailbox.leaving or actor.mailbox.stop_asked or is_told_to_stop(actor):
            return True
    return False


def check_answer_may_be_awaited(asked: ActorState, waiter: ActorState) -> None:
    """Check that an answer of ``asked`` does not depend on ``waiter``.

    Raises:
        RuntimeError: it is the same actor; or the one that is asked waits for the other, or one above that, to start.
        Stopping: it waits for the other to stop.
    """
    check_not_itself(asked)
    branch = branch_below(asked, waiter)
    if branch is None:
        return
    if not branch.started:
        raise RuntimeError(
            f"{waiter.label} asks {asked.label}, which waits for {branch.label} to start; ask when that has started"
        )
    if is_told_to_stop(waiter):
        raise Stopping(f"{asked.label} waits for {branch.label} to stop, and answers nothing meanwhile")


def check_not_itself(actor: ActorState) -> None:
    """Check that ``actor``, which is to be waited for, is not the one that would wait.

    Raises:
        RuntimeError: it is.
    """
    if occupant() is actor:
        raise RuntimeError(
            f"{actor.label} waits for itself, which would never end; call its own method, or say block=False"
        )


def check_end_may_be_awaited(ending: ActorState) -> None:
    """Check that the end of ``ending`` does not depend on the actor that waits.

    Raises:
        RuntimeError: it does.
    """
    check_not_itself(ending)
    waiter: ActorState | None = occupant()
    branch = None if waiter is None else branch_below(ending, waiter)
    if branch is not None and ending.reason is None:
        raise RuntimeError(f"an actor below {ending.label} waits for its end, and that waits for {branch.label} to end")


def check_stop_may_be_awaited(ending: ActorState) -> None:
    """Check that ``ending``, which is told to stop, does not stop the actor that waits for it.

    Raises:
        Stopping: it does.
    """
    waiter: ActorState | None = occupant()
    if waiter is not None and ending.reason is None and branch_below(ending, waiter) is not None:
        raise Stopping(f"{ending.label} is stopping, and {waiter.label} below it stops first")
