"""Names that belong to `supervisors.Actor`: a subclass, or an actor, that uses one for something else is refused.

Without that a method called ``receive``, or an attribute called ``context``, would replace the one of this package
without a word, as in any class of Python.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import getattr_static
from typing import Any, TypeVar

from supervisors.rules.errors import BadActor

C = TypeVar("C", bound=type)


class OwnName(property):
    """A property that only its class may define; an assignment without a setter is refused by name."""

    name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __set__(self, actor: Any, value: Any) -> None:
        if self.fset is None:
            raise BadActor(_refusal(type(actor), self.name))
        self.fset(actor, value)


class OwnMethod(OwnName):
    """A method that only its class may define; it is bound like any other, and read from the class it is a function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function.__get__, doc=function.__doc__)
        self.function = function

    def __get__(self, actor: Any, owner: type | None = None) -> Any:
        return self.function if actor is None else self.function.__get__(actor)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function: so proxies, which look at the class, know that this is a method."""
        return self.function(*args, **kwargs)


def own(*names: str) -> Callable[[C], C]:
    """Return a class decorator that makes ``names``, properties and methods of the class, its own."""

    def make_own(owner: C) -> C:
        for name in names:
            member = vars(owner)[name]
            guarded = OwnName(member.fget, member.fset) if isinstance(member, property) else OwnMethod(member)
            guarded.__set_name__(owner, name)
            setattr(owner, name, guarded)
        return owner

    return make_own


def check_names(actor_class: type, owner: type) -> None:
    """Check that a subclass of ``owner`` has left its own names alone, itself and by what else it inherits.

    Raises:
        BadActor: it defines one.
    """
    for name, member in vars(owner).items():
        if isinstance(member, OwnName) and getattr_static(actor_class, name) is not member:
            raise BadActor(_refusal(actor_class, name))


def own_names(owner: type) -> list[str]:
    """Return the names that only ``owner`` may define."""
    return [name for name, member in vars(owner).items() if isinstance(member, OwnName)]


def _refusal(actor_class: type, name: str) -> str:
    return (
        f"expected {actor_class.__name__} to leave the name `{name}` to supervisors.Actor, which needs it; "
        "give your method or attribute another one"
    )
