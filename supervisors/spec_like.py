"""The shorthands for a child's specification: an actor class, a tuple, a dict."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeAlias, cast

from supervisors.actor import Actor
from supervisors.children.spec import ChildSpec
from supervisors.rules.errors import BadSpec, DuplicateChild
from supervisors.rules.options import did_you_mean
from supervisors.rules.printing import shown

ActorClass: TypeAlias = type[Actor]
"""A class of actors that can be supervised."""

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
    expected = "a ChildSpec, a subclass of supervisors.Actor, a tuple (class, *arguments) or a dict"
    raise BadSpec(f"expected {expected}, got {shown(child)}")


def to_specs(children: Iterable[SpecLike]) -> list[ChildSpec]:
    """Return the specifications of several children.

    Raises:
        BadSpec: one of them is none, or ``children`` is no list.
        DuplicateChild: two have the same id.
    """
    if isinstance(children, str | Mapping) or not isinstance(children, Iterable):
        raise BadSpec(f"expected a list of child specifications, got {shown(children)}")
    specs = [to_spec(child) for child in children]
    seen: set[str] = set()
    for spec in specs:
        if spec.id in seen:
            raise DuplicateChild(
                f"expected every child's id to be unique, got {shown(spec.id)} twice; give one another id"
            )
        seen.add(spec.id)
    return specs


def _is_actor_class(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, Actor)


def _from_mapping(options: Mapping[str, Any]) -> ChildSpec:
    for required in ("id", "start"):
        if required not in options:
            given = ", ".join(map(str, options)) or "nothing"
            raise BadSpec(f"expected a child specification with `{required}`, got one with {given}")
    known = [field.name for field in fields(ChildSpec)]
    for name in options:
        if name not in known:
            raise BadSpec(
                f"expected the options of a child specification, got {shown(name)}{did_you_mean(name, known)}"
            )
    return ChildSpec(**options)
