"""How a supervisor starts, restarts and stops one child: data, checked once."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Final, TypeAlias, cast

from supervisors.actor import Actor
from supervisors.child import Child, ChildType, StartContext
from supervisors.errors import BadSpec, DuplicateChild
from supervisors.launch import create, launch
from supervisors.options import member
from supervisors.strategy import Restart
from supervisors.thread_child import ThreadChild

INFINITY: Final = math.inf
"""For ``shutdown``: wait until the child has ended by itself, however long it takes."""


class BrutalKill(Enum):
    """The type of `BRUTAL_KILL`."""

    BRUTAL_KILL = "brutal_kill"


BRUTAL_KILL: Final = BrutalKill.BRUTAL_KILL
"""For ``shutdown``: do not ask, kill at once."""

Start: TypeAlias = Callable[[StartContext], Child | tuple[Child, Any]]
"""Starts the child, at every start anew; returns it, or it and something to be found in `ChildInfo.info`."""

ActorClass: TypeAlias = type[Actor]
"""A class of actors that can be supervised."""

_UNSET: Final = cast(Any, None)


@dataclass(frozen=True, slots=True)
class ActorStart:
    """The ``start`` of an actor class: constructs it anew each time.

    Args:
        actor_class: what to start.
        args: for ``__init__``, after the supervisor's ``extra_arguments``.
        kwargs: for ``__init__``.
    """

    actor_class: ActorClass
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, context: StartContext) -> ThreadChild:
        """Start the actor, and return when it is ready."""
        actor = create(self.actor_class, context, (*context.extra_arguments, *self.args), dict(self.kwargs))
        return ThreadChild(launch(actor))


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child of a supervisor.

    Args:
        id: names the child within its supervisor.
        start: called at the first start and at every restart; see `Start`. May raise `Ignore`.
        restart: when it is started again; permanent by default.
        shutdown: how long it may take to stop in order, in seconds >= 0; `INFINITY`, the default for supervisors, or
            `BRUTAL_KILL`. Default for workers: 5.0.
        type: worker (the default) or supervisor.
        significant: whether its end counts for ``auto_shutdown``; False by default.
        may_abandon: whether it may be abandoned where it cannot be killed. By default yes, unless ``shutdown`` is
            `BRUTAL_KILL`: who demands a kill is told at the start when there is none.
        name: what it is registered as in the supervisor's registry; None by default.

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
        if not isinstance(self.name, Hashable):
            raise BadSpec(f"child {self.id!r}: expected `name` to be hashable, got {self.name!r}")

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _checked_shutdown(self) -> float | BrutalKill:
        value: Any = self.shutdown
        if value is None:
            return INFINITY if self.type is ChildType.SUPERVISOR else 5.0
        if value in ("infinity", "brutal_kill"):
            return INFINITY if value == "infinity" else BRUTAL_KILL
        if value is BRUTAL_KILL or (isinstance(value, int | float) and not isinstance(value, bool) and value >= 0):
            return cast("float | BrutalKill", value)
        raise BadSpec(
            f"child {self.id!r}: expected `shutdown` to be seconds >= 0, INFINITY or BRUTAL_KILL, got {value!r}"
        )

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
            **kwargs: for its ``__init__``. One whose name is an option of this method needs a ``start`` of its own.
        """
        if not (inspect.isclass(actor_class) and issubclass(actor_class, Actor)):
            raise BadSpec(f"expected a subclass of supervisors.Actor, got {actor_class!r}; change its base class")
        return ChildSpec(
            id=actor_class.__name__ if id is None else id,
            start=ActorStart(actor_class, args, kwargs),
            restart=restart,
            shutdown=shutdown,
            type=actor_class.child_type if type is None else type,
            significant=significant,
            may_abandon=may_abandon,
            name=name,
        )


SpecLike: TypeAlias = "ChildSpec | ActorClass | tuple[Any, ...] | Mapping[str, Any]"
"""A specification; or an actor class; or a tuple of one and its arguments; or the fields of a specification by name."""


def to_spec(child: SpecLike) -> ChildSpec:
    """Return the specification that ``child`` stands for.

    Raises:
        BadSpec: it stands for none.
    """
    match child:
        case ChildSpec():
            return child
        case Mapping():
            return _from_mapping(child)
        case (actor_class, *args) if _is_actor_class(actor_class):
            return cast(ActorClass, actor_class).child_spec(*args)
        case _ if _is_actor_class(child):
            return cast(ActorClass, child).child_spec()
    raise BadSpec(
        f"expected a ChildSpec, a subclass of supervisors.Actor, a tuple (class, *arguments) or a dict, got {child!r}"
    )


def to_specs(children: Iterable[SpecLike]) -> list[ChildSpec]:
    """Return the specifications of several children.

    Raises:
        BadSpec: one of them is none, or ``children`` is no list.
        DuplicateChild: two have the same id.
    """
    if isinstance(children, str | Mapping) or not isinstance(children, Iterable):
        raise BadSpec(f"expected a list of child specifications, got {children!r}")
    specs = [to_spec(child) for child in children]
    seen: set[str] = set()
    for spec in specs:
        if spec.id in seen:
            raise DuplicateChild(f"expected every child's id to be unique, got {spec.id!r} twice; give one another id")
        seen.add(spec.id)
    return specs


def _is_actor_class(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, Actor)


def _from_mapping(options: Mapping[str, Any]) -> ChildSpec:
    for required in ("id", "start"):
        if required not in options:
            raise BadSpec(f"expected a child specification with `{required}`, got one with {', '.join(options)}")
    known = {f.name for f in fields(ChildSpec)}
    return ChildSpec(**{name: value for name, value in options.items() if name in known})
