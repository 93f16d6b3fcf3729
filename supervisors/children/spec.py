"""How a supervisor starts, restarts and stops one child: data, checked once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

from supervisors.children.child import Child
from supervisors.children.thread_child import ThreadChild
from supervisors.lifecycle.arguments import refused_arguments
from supervisors.lifecycle.base_actor import BaseActor
from supervisors.lifecycle.context import StartContext
from supervisors.lifecycle.launch import create, launch
from supervisors.rules.errors import BadSpec
from supervisors.rules.options import flag, hashable, member, number
from supervisors.rules.printing import shown
from supervisors.rules.strategy import Restart, RestartLike
from supervisors.rules.termination import (
    BRUTAL_KILL,
    INFINITY,
    BrutalKill,
    ChildType,
    ChildTypeLike,
    SecondsLike,
    ShutdownLike,
    default_shutdown,
)

Start: TypeAlias = Callable[[StartContext], Child | tuple[Child, Any]]
"""Starts an incarnation of the child; returns it, or a pair of it and something for `ChildInfo.info`."""

ActorClass: TypeAlias = type[BaseActor]
"""A class of actors that can be supervised."""


def check_actor_class(actor_class: object) -> None:
    """Check that ``actor_class`` is a class of actors that can be supervised.

    Raises:
        BadSpec: it is not.
    """
    if not (inspect.isclass(actor_class) and issubclass(actor_class, BaseActor)):
        raise BadSpec(f"expected a subclass of supervisors.Actor, got {shown(actor_class)}; change its base class")


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

    def __post_init__(self) -> None:
        check_actor_class(self.actor_class)
        if not isinstance(self.args, tuple):
            raise BadSpec(f"expected `args` to be a tuple, got {shown(self.args)}")
        if not isinstance(self.kwargs, Mapping):
            raise BadSpec(f"expected `kwargs` to be a dict, got {shown(self.kwargs)}")

    def __call__(self, context: StartContext) -> ThreadChild:
        """Start the actor, and return when it is ready."""
        args = (*context.extra_arguments, *self.args)
        return ThreadChild(launch(create(self.actor_class, context, args, dict(self.kwargs))))


@dataclass(frozen=True, slots=True, init=False)
class ChildSpec:
    """One child of a supervisor.

    Args:
        id: the child's name within its supervisor.
        start: called at the first start and at every restart; see `Start`. May raise `Ignore`.
        restart: when it is started again; permanent by default. This and the other enumerations may be strings.
        shutdown: how long it may take to stop in order, in seconds >= 0; `INFINITY`, the default for supervisors, or
            `BRUTAL_KILL`. Default for workers, and where it is None: 5.0.
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
    restart: Restart
    shutdown: float | BrutalKill
    type: ChildType
    significant: bool
    may_abandon: bool
    name: Hashable | None
    start_timeout: float

    def __init__(
        self,
        id: str,
        start: Start,
        restart: RestartLike = Restart.PERMANENT,
        shutdown: ShutdownLike | None = None,
        type: ChildTypeLike = ChildType.WORKER,
        significant: bool = False,
        may_abandon: bool | None = None,
        name: Hashable | None = None,
        start_timeout: SecondsLike = INFINITY,
    ) -> None:
        if not isinstance(id, str) or not id:
            raise BadSpec(f"expected `id` to be a non-empty string, got {shown(id)}")
        of = f"child {id!r}: "
        if not callable(start):
            raise BadSpec(f"{of}expected `start` to be a callable, got {shown(start)}")
        kind = member("type", type, ChildType, of=of)
        time = default_shutdown(kind) if shutdown is None else _checked_shutdown(shutdown, of)
        self._set(
            id=id,
            start=start,
            restart=member("restart", restart, Restart, of=of),
            shutdown=time,
            type=kind,
            significant=flag("significant", significant, of=of),
            may_abandon=time is not BRUTAL_KILL if may_abandon is None else flag("may_abandon", may_abandon, of=of),
            name=hashable("name", name, of=of),
            start_timeout=_checked_timeout(start_timeout, of),
        )
        if self.significant and self.restart is Restart.PERMANENT:
            raise BadSpec(f"{of}a permanent child never ends; make it transient to be significant")

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

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
        restart: RestartLike = Restart.PERMANENT,
        shutdown: ShutdownLike | None = None,
        type: ChildTypeLike | None = None,
        significant: bool = False,
        may_abandon: bool | None = None,
        name: Hashable | None = None,
        start_timeout: SecondsLike = INFINITY,
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
        check_actor_class(actor_class)
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


def _checked_shutdown(value: object, of: str) -> float | BrutalKill:
    if isinstance(value, str) and value in ("infinity", "brutal_kill"):
        return INFINITY if value == "infinity" else BRUTAL_KILL
    if value is BRUTAL_KILL:
        return BRUTAL_KILL
    expected = "seconds >= 0, INFINITY or BRUTAL_KILL"
    return number("shutdown", value, at_least=0, infinite=True, of=of, expected=expected)


def _checked_timeout(value: object, of: str) -> float:
    if isinstance(value, str) and value == "infinity":
        return INFINITY
    return number("start_timeout", value, above=0, infinite=True, of=of, expected="seconds > 0 or INFINITY")
