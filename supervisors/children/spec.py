"""How a supervisor starts, restarts and stops one child: data, checked once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeAlias, cast

from supervisors.children.child import Child
from supervisors.children.thread_child import ThreadChild
from supervisors.lifecycle.arguments import refused_arguments
from supervisors.lifecycle.base_actor import BaseActor
from supervisors.lifecycle.context import StartContext
from supervisors.lifecycle.launch import create, launch
from supervisors.rules.errors import BadSpec
from supervisors.rules.options import member
from supervisors.rules.strategy import Restart
from supervisors.rules.termination import BRUTAL_KILL, INFINITY, BrutalKill, ChildType, default_shutdown

Start: TypeAlias = Callable[[StartContext], Child | tuple[Child, Any]]
"""Starts an incarnation of the child; returns it, or a pair of it and something for `ChildInfo.info`."""

ActorClass: TypeAlias = type[BaseActor]
"""A class of actors that can be supervised."""

_UNSET: Final = cast(Any, None)


@dataclass(frozen=True, slots=True)
class ActorStart:
    """The ``start`` of an actor class: constructs a new actor each time.

    Args:
        actor_class: the class to start.
        args: for ``__init__``, after the supervisor's ``extra_arguments``.
        kwargs: for ``__init__``.
    """

    actor_class: ActorClass
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, context: StartContext) -> ThreadChild:
        """Start the actor, and return when it is ready."""
        args = (*context.extra_arguments, *self.args)
        return ThreadChild(launch(create(self.actor_class, context, args, dict(self.kwargs))))


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child of a supervisor.

    Args:
        id: the child's name within its supervisor.
        start: called at the first start and at every restart; see `Start`. May raise `Ignore`.
        restart: when it is started again; permanent by default.
        shutdown: how long it may take to stop in order, in seconds >= 0; `INFINITY`, the default for supervisors, or
            `BRUTAL_KILL`. Default for workers: 5.0.
        type: worker (the default) or supervisor.
        significant: whether its end counts for ``auto_shutdown``; False by default.
        may_abandon: whether it may be abandoned where it cannot be killed. By default yes, unless ``shutdown`` is
            `BRUTAL_KILL`: a demand for a kill is refused at the start when the host has none.
        name: the name that it is registered under in the supervisor's registry; None by default.
        start_timeout: how long its ``on_start`` may take, in seconds > 0; `INFINITY`, the default as in OTP, for any
            time. One that exceeds it is ended by force, and its start has failed.

    Raises:
        BadSpec: an option of the wrong kind or value.
    """

    id: str
    start: Start
    restart: Restart = Restart.PERMANENT
    shutdown: float | BrutalKill = _UNSET
    type: ChildType = ChildType.WORKER
    significant: bool = False
    may_abandon: bool = _UNSET
    name: Hashable | None = None
    start_timeout: float = INFINITY

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id:
            raise BadSpec(f"expected `id` to be a non-empty string, got {self.id!r}")
        if not callable(self.start):
            raise BadSpec(f"child {self.id!r}: expected `start` to be a callable, got {self.start!r}")
        self._set("restart", member("restart", self.restart, Restart, of=f"child {self.id!r}: "))
        self._set("type", member("type", self.type, ChildType, of=f"child {self.id!r}: "))
        if not isinstance(self.significant, bool):
            raise BadSpec(f"child {self.id!r}: expected `significant` to be True or False, got {self.significant!r}")
        if self.significant and self.restart is Restart.PERMANENT:
            raise BadSpec(f"child {self.id!r}: a permanent child never ends; make it transient to be significant")
        self._set("shutdown", self._checked_shutdown())
        if cast(Any, self.may_abandon) is None:
            self._set("may_abandon", self.shutdown is not BRUTAL_KILL)
        if not isinstance(self.may_abandon, bool):
            raise BadSpec(f"child {self.id!r}: expected `may_abandon` to be True or False, got {self.may_abandon!r}")
        if not (_is_seconds(self.start_timeout) and self.start_timeout > 0):
            raise BadSpec(
                f"child {self.id!r}: expected `start_timeout` to be seconds > 0 or INFINITY, got {self.start_timeout!r}"
            )
        if not isinstance(self.name, Hashable):
            raise BadSpec(f"child {self.id!r}: expected `name` to be hashable, got {self.name!r}")

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _checked_shutdown(self) -> float | BrutalKill:
        value: Any = self.shutdown
        if value is None:
            return default_shutdown(self.type)
        if value in ("infinity", "brutal_kill"):
            return INFINITY if value == "infinity" else BRUTAL_KILL
        if value is BRUTAL_KILL or _is_seconds(value):
            return cast("float | BrutalKill", value)
        raise BadSpec(
            f"child {self.id!r}: expected `shutdown` to be seconds >= 0, INFINITY or BRUTAL_KILL, got {value!r}"
        )

    def check_start(self, extra_arguments: tuple[Any, ...] = ()) -> None:
        """Check, before anything starts, that the actor's class takes its arguments.

        Args:
            extra_arguments: the supervisor's, before them.

        Raises:
            BadSpec: it does not.
        """
        if isinstance(self.start, ActorStart):
            actor_class, args = self.start.actor_class, (*extra_arguments, *self.start.args)
            refused = refused_arguments(actor_class, args, self.start.kwargs)
            if refused is not None:
                raise BadSpec(f"child {self.id!r}: {actor_class.__name__} {refused}")

    @staticmethod
    def of(
        actor_class: ActorClass,
        *args: Any,
        id: str | None = None,
        restart: Restart = Restart.PERMANENT,
        shutdown: float | BrutalKill = _UNSET,
        type: ChildType = _UNSET,
        significant: bool = False,
        may_abandon: bool = _UNSET,
        name: Hashable | None = None,
        start_timeout: float = INFINITY,
        **kwargs: Any,
    ) -> ChildSpec:
        """Return the specification of an actor class.

        Args:
            actor_class: a subclass of `Actor`.
            *args: for its ``__init__``.
            id: the class's name by default.
            restart: see `ChildSpec`.
            shutdown: see `ChildSpec`.
            type: see `ChildSpec`; what the class says by default.
            significant: see `ChildSpec`.
            may_abandon: see `ChildSpec`.
            name: see `ChildSpec`.
            start_timeout: see `ChildSpec`.
            **kwargs: for its ``__init__``. One whose name is an option of this method needs a ``start`` of its own.
        """
        if not (inspect.isclass(actor_class) and issubclass(actor_class, BaseActor)):
            raise BadSpec(f"expected a subclass of supervisors.Actor, got {actor_class!r}; change its base class")
        refused = refused_arguments(actor_class, args, kwargs, options=_OPTIONS, whole=False)
        if refused is not None:
            raise BadSpec(f"ChildSpec.of({actor_class.__name__}, ...) {refused}")
        return ChildSpec(
            id=actor_class.__name__ if id is None else id,
            start=ActorStart(actor_class, args, kwargs),
            restart=restart,
            shutdown=shutdown,
            type=actor_class._actor_kind.child_type if type is None else type,
            significant=significant,
            may_abandon=may_abandon,
            name=name,
            start_timeout=start_timeout,
        )


_OPTIONS = frozenset(field.name for field in fields(ChildSpec)) - {"start"}
"""What `ChildSpec.of` takes by name."""


def _is_seconds(value: object) -> bool:
    """Return whether ``value`` is a number >= 0, and no integer beyond all floats."""
    return isinstance(value, int | float) and not isinstance(value, bool) and (0 <= value < 1e300 or value == INFINITY)
