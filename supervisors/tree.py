"""A living tree of supervisors: its actors by their class, and all of it as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import pykka

from supervisors.actor import Actor
from supervisors.calls import BaseSupervisorRef
from supervisors.children.records import ChildState
from supervisors.children.snapshots import ChildSnapshot, SupervisorSnapshot
from supervisors.lifecycle.ref import Ref
from supervisors.rules.errors import ActorDead, BadSpec, Stopping
from supervisors.rules.printing import shown

A = TypeVar("A", bound=Actor)


def find_actors(supervisor: BaseSupervisorRef, actor_class: type[A], *, timeout: float | None = None) -> list[Ref[A]]:
    """Return the actors of a class, and of its subclasses, that run under ``supervisor``; in the order of start.

    Call it from outside the tree: it asks every supervisor in turn.

    Args:
        supervisor: the root, or a branch.
        actor_class: `Actor` for all.
        timeout: seconds to wait for each supervisor; None waits for ever.

    Raises:
        ActorDead: a supervisor has ended, or stops.
        pykka.Timeout: a supervisor is busy for longer.
    """
    if not (isinstance(actor_class, type) and issubclass(actor_class, Actor)):
        raise BadSpec(f"expected a subclass of supervisors.Actor, got {shown(actor_class)}")
    found: list[Ref[A]] = []
    for child in _checked(supervisor).snapshot(timeout=timeout).children:
        if isinstance(child.ref, Ref) and issubclass(child.ref.actor_class, actor_class):
            found.append(child.ref)
        if isinstance(child.ref, BaseSupervisorRef):
            found += find_actors(child.ref, actor_class, timeout=timeout)
    return found


def render_tree(supervisor: BaseSupervisorRef, *, timeout: float = 1.0) -> str:
    """Return the tree under ``supervisor``, a line for each actor.

    Call it from outside the tree: it asks every supervisor in turn. A supervisor that is busy for longer than
    ``timeout`` seconds, that stops, or has ended, is shown as such.

    A supervisor's line shows its strategy, and how many restarts it has used and has left within how many seconds; a
    child's line shows its state and for how long, its incarnation, and how many messages wait for it.
    """
    snapshot = _ask(_checked(supervisor), timeout)
    if isinstance(snapshot, str):
        return f"{supervisor.actor_state.context.id}  {snapshot}"
    lines = [f"{supervisor.actor_state.context.id}  {_describe(snapshot)}", *_children(snapshot, "", timeout)]
    return "\n".join(lines)


def _checked(supervisor: object) -> BaseSupervisorRef:
    if not isinstance(supervisor, BaseSupervisorRef):
        raise BadSpec(f"expected the reference of a supervisor, got {shown(supervisor)}")
    return supervisor


def _ask(supervisor: BaseSupervisorRef, timeout: float) -> SupervisorSnapshot | str:
    try:
        return supervisor.snapshot(timeout=timeout)
    except pykka.Timeout:
        return "busy"
    except Stopping:
        return "stopping"
    except ActorDead as dead:
        return f"ended: {dead.reason}"


def _children(snapshot: SupervisorSnapshot, indent: str, timeout: float) -> Iterator[str]:
    width = max((len(child.id) for child in snapshot.children), default=0)
    last = len(snapshot.children) - 1
    for number, child in enumerate(snapshot.children):
        branch, stem = ("└── ", "    ") if number == last else ("├── ", "│   ")
        line = f"{indent}{branch}{child.id:<{width}}  {_state(child)}"
        if not isinstance(child.ref, BaseSupervisorRef):
            yield line
            continue
        below = _ask(child.ref, timeout)
        yield f"{line}  {below if isinstance(below, str) else _describe(below)}"
        if not isinstance(below, str):
            yield from _children(below, indent + stem, timeout)


def _describe(snapshot: SupervisorSnapshot) -> str:
    used, left = snapshot.restarts_used, snapshot.restarts_left
    text = f"{snapshot.kind}, restarts {used} used and {left} left in {snapshot.max_seconds:g} s"
    return text + (f", {snapshot.abandoned} abandoned" if snapshot.abandoned else "")


def _state(child: ChildSnapshot) -> str:
    text = f"{child.state.value} {child.seconds:.1f} s, incarnation {child.incarnation}"
    if child.state is ChildState.RUNNING and child.depth is not None:
        text += f", mailbox {child.depth}"
    return text
