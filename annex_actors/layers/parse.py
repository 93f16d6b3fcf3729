"""Networks as text: layers apart by spaces, arguments by colons, as in ``dense:128 relu dropout:0.1 dense:10``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, UserError
from annex_actors.layers.activation import activation
from annex_actors.layers.dense import dense
from annex_actors.layers.dropout import dropout
from annex_actors.layers.flatten import flatten
from annex_actors.layers.layer import Layer
from annex_actors.layers.network import Network, sequence

Constructor: TypeAlias = Callable[..., Layer]
"""Makes a layer from the arguments of its word: an int or a float where the text is a number, else the text."""


def _dense(out_features: int, in_features: int | str | None = None, initializer: str | None = None) -> Layer:
    if isinstance(in_features, str) and initializer is None:
        return dense(out_features, initializer=in_features)
    return dense(out_features, in_features, initializer=initializer or "auto")  # type: ignore[arg-type]  # dense checks


def _relu(threshold: float = 0.0) -> Layer:
    return activation(("relu", threshold))


CONSTRUCTORS: Mapping[str, Constructor] = MappingProxyType(
    {
        "dense": _dense,
        "relu": _relu,
        "sigmoid": partial(activation, "sigmoid"),
        "tanh": partial(activation, "tanh"),
        "softmax": partial(activation, "softmax"),
        "linear": partial(activation, "linear"),
        "dropout": dropout,
        "flatten": flatten,
    }
)
"""The built-in layers by the first part of their word."""


def parse_layers(text: str, constructors: Mapping[str, Constructor] | None = None) -> Network:
    """Return the network that this text describes; the inverse of `Network.spec`.

    Args:
        text: such as ``"flatten dense:128 relu dropout:0.1 dense:10"``; ``dense:128:784:he`` gives in_features and
            initializer, ``relu:0.5`` a threshold.
        constructors: your own layers by name, beside (or instead of) the built-in ones.

    Raises:
        ConfigError: an unknown layer or wrong arguments; the message names the word.
    """
    known = {**CONSTRUCTORS, **(constructors or {})}
    words = text.split()
    if not words:
        raise ConfigError('expected layers such as "dense:128 relu dense:10", got an empty text')
    return sequence(*(_layer(index, word, known) for index, word in enumerate(words)))


def _layer(index: int, word: str, known: Mapping[str, Constructor]) -> Layer:
    name, *arguments = word.split(":")
    if name not in known:
        hint = checks.did_you_mean(name, known)
        raise ConfigError(f"expected layer {index} to be one of {', '.join(known)}, got {word!r}{hint}")
    values = [_value(argument) for argument in arguments]
    parameters = inspect.signature(known[name])
    try:
        parameters.bind(*values)
    except TypeError as error:
        raise ConfigError(f"expected layer {index} as {_usage(name, parameters)}, got {word!r}") from error
    try:
        return known[name](*values)
    except ValueError as error:
        kind = type(error) if isinstance(error, UserError) else ConfigError
        raise kind(f"layer {index}, {word!r}: {error}") from error


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _usage(name: str, parameters: inspect.Signature) -> str:
    """Return the word to write, such as ``dense:out_features[:in_features][:initializer]``."""
    optional = ((each, each.default is not each.empty) for each in parameters.parameters.values())
    return name + "".join(f"[:{each.name}]" if may_lack else f":{each.name}" for each, may_lack in optional)
