"""Random numbers that depend on what they are for, and on nothing else.

A sequential generator returns numbers in the order of its calls. A result would then depend on which layer ran first,
what a crash repeated and where a layer lives. A counter-based generator (Philox; Salmon, Moraes, Dror, Shaw (2011),
"Parallel random numbers: as easy as 1, 2, 3") is a function: the same key gives the same numbers in any order, on any
host, however often it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from annex_actors.base import checks
from annex_actors.base.types import stored_directly

_TAGS = 2**8
_WORD = 2**64
_LAYERS = _WORD // _TAGS
_LIMITS = {"seed": _WORD, "layer": _LAYERS, "step": _WORD, "microbatch": _WORD}


class Tag(IntEnum):
    """What random numbers are for, so that two uses in the same layer, step and microbatch never share them."""

    INITIAL_WEIGHTS = 1
    DROPOUT = 2
    SAMPLE_ORDER = 3
    GENERATED_DATA = 4
    SPLIT = 5
    AUGMENTATION = 6
    TORCH_MODULE = 7


@stored_directly
@dataclass(frozen=True, slots=True)
class RandomKey:
    """Names a stream of random numbers.

    Args:
        seed: the run's seed, 0 <= seed < 2**64.
        layer: index of the layer in the whole network, below 2**56, so that no number depends on placement; 0 for
            numbers that belong to no layer.
        step: optimizer step (or epoch, for the order of samples), from 0.
        microbatch: index within the step, from 0.

    Raises:
        ConfigError: a component that is not an integer, or is out of range.
    """

    seed: int
    layer: int = 0
    step: int = 0
    microbatch: int = 0

    def __post_init__(self) -> None:
        # Every layer makes a key for every microbatch, nearly always of small numbers. Where all bits of the four are
        # below the lowest limit, so is each of them, and none is negative. Below, a key takes ten times as long.
        seed, layer, step, microbatch = self.seed, self.layer, self.step, self.microbatch
        are_integers = type(seed) is type(layer) is type(step) is type(microbatch) is int
        if are_integers and 0 <= seed | layer | step | microbatch < _LAYERS:
            return
        for component, below in _LIMITS.items():
            value = checks.whole_number(component, getattr(self, component), at_least=0, below=below)
            object.__setattr__(self, component, value)

    def generator(self, tag: Tag | str) -> np.random.Generator:
        """Return a new generator at the start of this key's stream for ``tag``.

        Raises:
            ConfigError: ``tag`` is neither a `Tag` nor the name of one, such as ``dropout``.
        """
        tag = checks.member("tag", tag, Tag)
        # Philox takes a key of two words and a counter of four words, of which it counts in the lowest.
        key = np.array([self.seed, self.layer * _TAGS + tag], dtype=np.uint64)
        counter = np.array([0, self.microbatch, self.step, 0], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=key, counter=counter))
