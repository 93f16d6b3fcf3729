"""Values as text, such as ``conv2d:16:3:padding=same``: a name, arguments by position, and arguments by name.

Layers, learning rates, costs and other things that users name in one word are written so.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from enum import Enum
from inspect import Parameter
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from annex_actors.base.errors import ConfigError, UserError
from annex_actors.base.shown import shown

Argument: TypeAlias = "bool | int | float | str | tuple[int, ...]"
"""An argument as text gives it: ``true``, ``3``, ``0.5``, ``3x5`` for (3, 5), and any other word as itself."""

UNWRITTEN: Mapping[str, object] = MappingProxyType({"is_written": False})
"""Metadata of a field that is no part of the text, such as the kernels that compute a layer's products."""

_Made = TypeVar("_Made")

_TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Call:
    """A name with arguments, as a text gives them.

    Args:
        name: what is called.
        positional: the arguments by position.
        named: the arguments by name.
    """

    name: str
    positional: tuple[Argument, ...] = ()
    named: Mapping[str, Argument] = field(default_factory=dict)

    def make(
        self, constructor: Callable[..., _Made], *, usage: str, text: str, place: str, last: tuple[Any, ...] = ()
    ) -> _Made:
        """Return what a constructor makes of the arguments.

        Args:
            constructor: a class or a function.
            usage: how the text should be, such as ``layer 2 as dense:out_features``.
            text: the text as it was given.
            place: where the text stands, such as ``layer 2``.
            last: more positional arguments, after those of the text.

        Raises:
            ConfigError: too many arguments, an unknown or a missing one, or one that the constructor refuses.
        """
        try:
            signature_of(constructor).bind(*self.positional, *last, **self.named)
        except TypeError as error:
            raise ConfigError(f"expected {usage}, got {shown(text)}") from error
        try:
            return constructor(*self.positional, *last, **self.named)
        except Exception as error:  # a user's own class may raise anything when it refuses an argument
            kind = type(error) if isinstance(error, UserError) else ConfigError
            raise kind(f"{place}, {shown(text)}: {error}") from error


def parse_call(text: str, *, usage: str) -> Call:
    """Return the call that a word describes; the inverse of `written`.

    Args:
        text: the word.
        usage: how it should be, for error messages, such as ``layer 2 as dense:out_features``.

    Raises:
        ConfigError: an argument by position after one by name, or two of the same name.
    """
    name, *arguments = text.split(":")
    positional: list[Argument] = []
    named: dict[str, Argument] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals and named:
            raise ConfigError(f"expected {usage}, arguments by position first, got {shown(text)}")
        if equals and key in named:
            raise ConfigError(f"expected {usage}, each argument once, got {shown(text)}")
        if equals:
            named[key] = argument_of(value)
        else:
            positional.append(argument_of(argument))
    return Call(name, tuple(positional), named)


def argument_of(text: str) -> Argument:
    """Return the value of an argument's text."""
    if text in _TRUTHS:
        return _TRUTHS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    sizes = text.split("x")
    return tuple(map(int, sizes)) if len(sizes) > 1 and all(map(str.isdecimal, sizes)) else text


def signature_of(constructor: Callable[..., object]) -> inspect.Signature:
    """Return a constructor's signature, without the fields of a dataclass that are no part of the text."""
    signature = inspect.signature(constructor)
    given = fields(constructor) if is_dataclass(constructor) else ()
    unwritten = {each.name for each in given if each.metadata == UNWRITTEN}
    return signature.replace(parameters=[each for name, each in signature.parameters.items() if name not in unwritten])


def usage_of(name: str, constructor: Callable[..., object]) -> str:
    """Return how to write a call, such as ``dense:out_features[:in_features][:initializer]``."""
    words = (_usage(each) for each in signature_of(constructor).parameters.values())
    return name + "".join(words)


def written(name: str, value: Any) -> str:
    """Return the text of a dataclass: fields without a default by position, others by name where they differ from it.

    A field with the metadata of `UNWRITTEN` is no part of the text.

    Args:
        name: what the text calls it, such as ``conv2d``.
        value: an instance of a dataclass, whose constructor reads the text back.
    """
    words = [name]
    for each in fields(value):
        own = getattr(value, each.name)
        if not each.init or each.metadata == UNWRITTEN:
            continue
        if each.default is MISSING:
            words.append(argument_text(own))
        elif own != each.default:
            words.append(f"{each.name}={argument_text(own)}")
    return ":".join(words)


def argument_text(value: object) -> str:
    """Return the text of an argument; the inverse of `argument_of`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _usage(parameter: Parameter) -> str:
    if parameter.kind is Parameter.VAR_POSITIONAL:
        return f":{parameter.name}..."
    if parameter.kind is Parameter.KEYWORD_ONLY:
        return (
            f"[:{parameter.name}={argument_text(parameter.default)}]"
            if parameter.default is not Parameter.empty
            else f":{parameter.name}=..."
        )
    if parameter.kind is Parameter.POSITIONAL_OR_KEYWORD:
        return f":{parameter.name}" if parameter.default is Parameter.empty else f"[:{parameter.name}]"
    return ""
