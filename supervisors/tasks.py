"""One-off work under supervision: an actor for each function call, and its result or error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, ParamSpec, TypeVar, Unpack, cast

import pykka

from supervisors.actor import Actor
from supervisors.base import start_root
from supervisors.children.spec import ChildSpec
from supervisors.dynamic import DynamicSupervisor, DynamicSupervisorRef
from supervisors.lifecycle.ref import Ref
from supervisors.root import TreeOptions
from supervisors.rules.errors import BadSpec
from supervisors.rules.options import function as checked
from supervisors.rules.printing import shown
from supervisors.rules.strategy import Restart

P = ParamSpec("P")
T = TypeVar("T")


class _Run:
    """The message that makes a task begin."""


class TaskActor(Actor):
    """The actor of one task: calls a function once, and ends."""

    def __init__(self, function: Callable[[], Any], owner: Ref[Any] | None) -> None:
        super().__init__()
        self._function = function
        self._owner = owner

    def on_start(self) -> None:
        """Link to the owner, if there is one, before the work begins."""
        if self._owner is not None:
            self.link(self._owner)

    def on_receive(self, message: Any) -> Any:
        """Do the work; the answer is its result."""
        result = self._function()
        self.stop()
        return result


class Task(Generic[T]):
    """Work that has begun.

    Args:
        ref: the reference of its actor.
        future: of its result.
    """

    def __init__(self, ref: Ref[Any], future: pykka.Future[T]) -> None:
        self.ref = ref
        self.future = future

    def result(self, timeout: float | None = None) -> T:
        """Wait for the result and return it.

        Args:
            timeout: seconds to wait; None waits for ever.

        Raises:
            pykka.Timeout: there is no result yet.
            ActorDead: the task was stopped.
            Exception: what the function raised.
        """
        try:
            return self.future.get(timeout=timeout)
        finally:
            del self  # an error keeps this frame, and the future the error

    def is_done(self) -> bool:
        """Return whether the task has ended, in any way."""
        return self.ref.exit_reason is not None


class TaskSupervisorRef(DynamicSupervisorRef):
    """The reference of a `TaskSupervisor`."""

    def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Task[T]:
        """Begin ``function(*args, **kwargs)`` in an actor of its own; its failure concerns the caller only.

        Raises:
            MaxChildren: there are as many tasks as there may be.
        """
        checked("function", function)
        return self._begin(lambda: function(*args, **kwargs), None)

    def run_linked(self, owner: Actor, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Task[T]:
        """Begin ``function(*args, **kwargs)`` in an actor linked to ``owner``: if one fails, so does the other.

        Args:
            owner: the actor that calls this.
            function: the work.
            *args: for it.
            **kwargs: for it.

        Raises:
            MaxChildren: there are as many tasks as there may be.
        """
        checked("function", function)
        if not isinstance(owner, Actor):
            raise BadSpec(f"expected `owner` to be an actor, as `self`, got {shown(owner)}")
        return self._begin(lambda: function(*args, **kwargs), cast("Ref[Any]", owner.actor_ref))

    def _begin(self, function: Callable[[], T], owner: Ref[Any] | None) -> Task[T]:
        spec = ChildSpec.of(TaskActor, function, owner, id="task", restart=Restart.TEMPORARY)
        ref: Ref[Any] = self.start_child(spec).ref
        return Task(ref, ref.ask(_Run(), block=False))


class TaskSupervisor(DynamicSupervisor):
    """A dynamic supervisor whose children are tasks: temporary, and never restarted.

    Args:
        max_children: how many tasks may run at a time; None for any number.
    """

    _actor_kind = replace(DynamicSupervisor._actor_kind, ref_class=TaskSupervisorRef)

    def __init__(self, *, max_children: int | None = None) -> None:
        super().__init__(max_children=max_children)
        self._actor_supervision.kind = "tasks"

    @classmethod
    def start(  # type: ignore[override]  # a constructor, called by its class's name
        cls,
        *,
        max_children: int | None = None,
        name: str = "tasks",
        **tree: Unpack[TreeOptions],
    ) -> TaskSupervisorRef:
        """Start a task supervisor that has no supervisor above it.

        Args:
            max_children: see `TaskSupervisor`.
            name: of the root, in events, logs and the registry.
            **tree: ``hooks``, ``clock``, ``registry`` and ``mailbox_sample_s``: see `TreeOptions`.
        """
        root: TaskSupervisorRef = start_root(cls, name, (), {"max_children": max_children, **tree})
        return root
