"""Random numbers for a torch module: drawn from a generator that a key seeds, never from torch's own.

Torch's default generator belongs to the whole process. Several layers that compute at once would draw from it in the
order in which they happen to run, and a step that is repeated after a crash would draw other numbers. So each call of
a module runs in a mode that looks at the operations below autograd, where all of torch's ways to draw random numbers
have become few, and hands them a generator of the call's own. Modes belong to the thread that enters them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from annex_actors.base.errors import ConfigError
from annex_actors.base.random_keys import RandomKey, Tag

_OVERLOADS = {"default": "generator", "low": "low_generator"}
"""The overload that takes a generator, by the one that does not: of functions that make a tensor of random numbers."""

_LIKE: dict[str, Callable[..., Any]] = {
    "rand_like": lambda empty, generator: empty.uniform_(generator=generator),
    "randn_like": lambda empty, generator: empty.normal_(generator=generator),
    "randint_like": lambda empty, *bounds, generator: empty.random_(
        *(bounds if bounds[1:] else (0, *bounds)), generator=generator
    ),
}
"""Functions that take no generator in any overload, made from those that do."""

_SWITCHES = ("dropout_p", "dropout", "train", "training")
"""The arguments that turn the random numbers of an operation off where they are 0 or false."""


class Keyed(TorchDispatchMode):  # type: ignore[misc]  # torch is an extra, and so of any type
    """A mode in which all random numbers depend on a key.

    Args:
        label: of the layer, for errors.
        key: seeds the numbers; None: none may be drawn.
        tag: what they are for.
        when: what the layer is doing, for the error where none may be drawn.
    """

    def __init__(self, label: str, key: RandomKey | None, tag: Tag = Tag.TORCH_MODULE, *, when: str = "predicting"):
        super().__init__()
        self._label, self._key, self._tag, self._when = label, key, tag, when
        self._generators: dict[Any, Any] = {}
        self.has_drawn = False

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Carry out an operation; with the key's generator where it draws random numbers."""
        named = kwargs or {}
        if not _draws(function) or _is_off(function, args, named):
            return function(*args, **named)
        if self._key is None:
            raise ConfigError(
                f"expected {self._label} to draw no random numbers when {self._when}, got {function}; "
                "draw them only in forward and where `self.training` is true"
            )
        self.has_drawn = True
        return self._draw(function, args, named)

    def _draw(self, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        packet = function.overloadpacket
        name, generator = packet.__name__, self._generator(args, kwargs)
        if _takes_generator(function):
            given = [each for each in args if not isinstance(each, torch.Generator)]  # of the module's own
            return function(*given, **{**kwargs, "generator": generator})
        if function._overloadname in _OVERLOADS and hasattr(packet, _OVERLOADS[function._overloadname]):
            return getattr(packet, _OVERLOADS[function._overloadname])(*args, generator=generator, **kwargs)
        if name in _LIKE:
            return _LIKE[name](torch.empty_like(args[0], **kwargs), *args[1:], generator=generator)
        if name == "native_dropout":
            return _dropout(*args, generator=generator)
        raise ConfigError(
            f"expected {self._label} to draw random numbers from a generator, got {function}, which takes none; "
            "use another function, such as torch.nn.functional.dropout"
        )

    def _generator(self, args: Any, kwargs: dict[str, Any]) -> Any:
        """Return the call's generator on the device of an operation."""
        given = [kwargs.get("device"), *(each.device for each in args if isinstance(each, torch.Tensor))]
        device = torch.device(next((each for each in given if each is not None), "cpu"))
        if device.type == "meta":
            return None  # there are no numbers to draw
        if device not in self._generators:
            assert self._key is not None
            seed = int(self._key.generator(self._tag).bit_generator.random_raw())
            self._generators[device] = torch.Generator(device).manual_seed(seed)
        return self._generators[device]


@cache
def _draws(function: Any) -> bool:
    """Return whether an operation can draw random numbers."""
    return torch.Tag.nondeterministic_seeded in getattr(function, "tags", ())


@cache
def _takes_generator(function: Any) -> bool:
    return any(each.name == "generator" for each in function._schema.arguments)


@cache
def _switches(function: Any) -> tuple[tuple[int, str, Any], ...]:
    """Return position, name and default of each argument that turns an operation's random numbers off."""
    given = enumerate(function._schema.arguments)
    return tuple((index, each.name, each.default_value) for index, each in given if each.name in _SWITCHES)


def _is_off(function: Any, args: Any, kwargs: dict[str, Any]) -> bool:
    """Return whether an operation that may drop numbers drops none, such as attention while predicting."""
    return any(
        not (args[index] if index < len(args) else kwargs.get(name, default))
        for index, name, default in _switches(function)
    )


def _dropout(inputs: Any, rate: float, train: bool | None = True, *, generator: Any) -> Any:
    kept = torch.empty_like(inputs, dtype=torch.bool).bernoulli_(1 - rate, generator=generator)
    return inputs * kept * (1 / (1 - rate) if rate < 1 else 0), kept
