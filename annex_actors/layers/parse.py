"""Networks as text: spaces separate layers, colons separate arguments: ``dense:128 relu dropout:0.1 dense:10``.

An argument may have its name: ``conv2d:16:3:padding=same``. A word that ends with ``(`` encloses the layers up to the
matching ``)``: ``residual( dense:64 relu )``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from annex_actors.base import calls, checks
from annex_actors.base.calls import parse_call
from annex_actors.base.errors import ConfigError
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
        name = text.removesuffix(_OPENS).partition(":")[0]
        if name not in self._known:
            hint = checks.did_you_mean(name, self._known)
            cure = hint or "; `annex-actors layers` lists them"
            raise ConfigError(f"expected layer {index} to be one of the known layers, got {shown(text)}{cure}")
        constructor, place = self._known[name], f"layer {index}"
        usage = f"{place} as {usage_of(name, constructor)}"
        if encloses(constructor) != text.endswith(_OPENS):
            raise ConfigError(f"expected {usage}, got {shown(text)}")
        call = parse_call(text.removesuffix(_OPENS), usage=usage)
        return call.make(constructor, usage=usage, text=text, place=place, last=tuple(inner))


def encloses(constructor: Constructor) -> bool:
    """Return whether a layer's word encloses layers, that is, whether its constructor takes ``*layers``."""
    layers = inspect.signature(constructor).parameters.get("layers")
    return layers is not None and layers.kind is layers.VAR_POSITIONAL


def usage_of(name: str, constructor: Constructor) -> str:
    """Return how to write a layer's word, such as ``dense:out_features[:in_features][:initializer]``."""
    usage = calls.usage_of(name, constructor)
    return usage.removesuffix(":layers...") + "( layers )" if encloses(constructor) else usage
