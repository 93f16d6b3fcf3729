"""Networks as text: spaces separate layers, colons separate arguments: ``dense:128 relu dropout:0.1 dense:10``.

A word that ends with ``(`` encloses the layers up to the matching ``)``: ``residual( dense:64 relu )``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, UserError
from annex_actors.base.shown import shown
from annex_actors.layers.network import Network, sequence
from annex_actors.layers.stack import AnyLayer
from annex_actors.layers.table import LAYERS, Constructor

_OPENS, _CLOSES = "(", ")"

_Word: TypeAlias = tuple[int, str]
"""A word's position in the text, from 0, and the word."""


def parse_layers(text: str, constructors: Mapping[str, Constructor] = LAYERS) -> Network:
    """Return the network that a text describes; the inverse of `Network.spec`.

    Args:
        text: the layers in order, such as ``"flatten dense:128 relu dropout:0.1 dense:10"``; ``dense:128:784:he`` gives
            in_features and initializer, ``relu:0.5`` a threshold.
        constructors: the layers by name; by default this package's and the registered ones (`register_layer`).

    Raises:
        ConfigError: an unknown layer, wrong arguments or unmatched parentheses; the message names the word.
    """
    words = enumerate(checks.text("text", text, wanted='layers such as "dense:128 relu dense:10"').split())
    known = checks.instance("constructors", constructors, Mapping, "a table of layers by name")
    try:
        layers = _Parser(known).layers(words)
    except RecursionError:
        raise ConfigError("expected layers within a few parentheses, got hundreds; write them in a row") from None
    if not layers:
        raise ConfigError('expected layers such as "dense:128 relu dense:10", got an empty text')
    return sequence(*layers)


class _Parser:
    def __init__(self, known: Mapping[str, Constructor]) -> None:
        self._known = known

    def layers(self, words: Iterator[_Word], opened: _Word | None = None) -> list[AnyLayer | Network]:
        """Return the layers up to the end of the text, or up to the parenthesis that matches the word ``opened``."""
        found: list[AnyLayer | Network] = []
        for word in words:
            if word[1] == _CLOSES:
                if opened is None:
                    raise ConfigError(f"expected layer {word[0]} to follow a word that ends with '(', got ')'")
                return found
            inner = self.layers(words, word) if word[1].endswith(_OPENS) else []
            found.append(self._layer(word, inner))
        if opened is not None:
            raise ConfigError(
                f"expected a ')' that closes layer {opened[0]}, {shown(opened[1])}, got the end of the text"
            )
        return found

    def _layer(self, word: _Word, inner: list[AnyLayer | Network]) -> AnyLayer | Network:
        index, text = word
        name, *arguments = text.removesuffix(_OPENS).split(":")
        if name not in self._known:
            hint = checks.did_you_mean(name, self._known)
            raise ConfigError(f"expected layer {index} to be one of {', '.join(self._known)}, got {shown(text)}{hint}")
        constructor, usage = self._known[name], f"expected layer {index} as {usage_of(name, self._known[name])}"
        values = [_value(argument) for argument in arguments]
        if encloses(constructor) != text.endswith(_OPENS):
            raise ConfigError(f"{usage}, got {shown(text)}")
        try:
            inspect.signature(constructor).bind(*values, *inner)
        except TypeError as error:
            raise ConfigError(f"{usage}, got {shown(text)}") from error
        try:
            return constructor(*values, *inner)
        except Exception as error:  # a user's own class may raise anything when it refuses an argument
            kind = type(error) if isinstance(error, UserError) else ConfigError
            raise kind(f"layer {index}, {shown(text)}: {error}") from error


def encloses(constructor: Constructor) -> bool:
    """Return whether a layer's word encloses layers, that is, whether its constructor takes ``*layers``."""
    kinds = [each.kind for each in inspect.signature(constructor).parameters.values()]
    return inspect.Parameter.VAR_POSITIONAL in kinds


def usage_of(name: str, constructor: Constructor) -> str:
    """Return how to write a layer's word, such as ``dense:out_features[:in_features][:initializer]``."""
    parameters = inspect.signature(constructor).parameters.values()
    own = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    words = (f"[:{each.name}]" if each.default is not each.empty else f":{each.name}" for each in own)
    return name + "".join(words) + ("( layers )" if encloses(constructor) else "")


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
