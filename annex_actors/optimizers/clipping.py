"""Clipping: gradients that are too large are cut or scaled down before the optimizer sees them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.types import Floats

_WANTED = 'text such as "value:0.5", "layer_norm:1.0" or "global_norm:1.0"'


class ClipBy(Enum):
    """What is limited."""

    VALUE = "value"
    """The absolute value of each number of a gradient."""

    LAYER_NORM = "layer_norm"
    """The Euclidean norm of the gradient of each layer, all its parameters together."""

    GLOBAL_NORM = "global_norm"
    """The Euclidean norm of the gradient of all layers together."""


@dataclass(frozen=True)
class Clipping:
    """How gradients are clipped, once for each step, when those of all its microbatches are summed.

    With a norm, all numbers of the gradient are multiplied by ``limit / (norm + 1e-6)`` where that is less than 1.
    Norms are computed in float64. Layers that are frozen have no gradient, and penalties belong to it.

    Args:
        by: what is limited.
        limit: > 0.

    Raises:
        ConfigError: a value out of range.

    Source:
        Pascanu, Mikolov, Bengio (2013), On the difficulty of training recurrent neural networks, algorithm 1.
    """

    by: ClipBy | str
    limit: float

    def __post_init__(self) -> None:
        checks.keep(
            self,
            by=checks.member("by", self.by, ClipBy),
            limit=checks.real_number("limit", self.limit, above=0),
        )

    def spec(self) -> str:
        """Return its text, such as ``global_norm:1.0``."""
        return f"{ClipBy(self.by).value}:{self.limit!r}"

    @property
    def is_global(self) -> bool:
        """Whether a layer has to know the gradients of all others."""
        return self.by is ClipBy.GLOBAL_NORM

    @property
    def by_norm(self) -> bool:
        """Whether a number is clipped by what the others of its layer are."""
        return self.by is not ClipBy.VALUE

    def clip(self, gradients: dict[str, Floats], global_norm: float | None = None) -> None:
        """Clip the gradients of a layer in place.

        Args:
            gradients: by name.
            global_norm: of the gradients of all layers, where it is asked for.
        """
        if self.by is ClipBy.VALUE:
            for gradient in gradients.values():
                np.clip(gradient, -self.limit, self.limit, out=gradient)
            return
        norm = math.sqrt(squared_norm(gradients.values())) if global_norm is None else global_norm
        factor = self.limit / (norm + _EPSILON)
        if not factor >= 1:  # where the norm is not finite, what is clipped is not finite either, and the run ends
            for gradient in gradients.values():
                gradient *= factor


_EPSILON = 1e-6
"""As in ``torch.nn.utils.clip_grad_norm_``; it keeps the factor finite where all gradients are zero."""


def squared_norm(arrays: Iterable[Floats]) -> float:
    """Return the sum of the squares of all numbers, computed in float64, array by array."""
    total = 0.0
    for array in arrays:
        total += float(np.square(array, dtype=np.float64).sum())
    return total


def clipping(given: str | Clipping | None) -> Clipping | None:
    """Return how to clip, from itself or its text; None: not at all.

    Raises:
        ConfigError: neither, or a limit out of range.
    """
    if given is None or isinstance(given, Clipping):
        return given
    name, _, limit = checks.text("clipping", given, wanted=_WANTED).partition(":")
    try:
        number = float(limit)
    except ValueError:
        raise ConfigError(f"expected `clipping` to be {_WANTED}, got {shown(given)}") from None
    try:
        return Clipping(name, number)
    except ConfigError as error:
        raise ConfigError(f"clipping {shown(given)}: {error}") from None
