"""Numbers to numbers of a range that a network learns from: standardise, robust, minmax, quantile, log.

Missing cells stay missing, and count in no statistic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from typing import Any

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.types import Array, Floats
from annex_actors.data.transforms.block import Block, numbers
from annex_actors.data.transforms.transform import State

RAREST = 1e-7
"""The smallest share of rows for which a normal distribution is asked."""


class Output(StrEnum):
    """How training rows are distributed after `Quantile`."""

    NORMAL = "normal"
    UNIFORM = "uniform"


class _Named:
    """A transform of numbers with the name `NAME`."""

    NAME = ""

    @property
    def name(self) -> str:
        """The transform's name."""
        return self.NAME

    def spec(self) -> str:
        """Return the transform's text."""
        return written(self.NAME, self)


@dataclass(frozen=True)
class Standardise(_Named):
    """Subtract the mean, and divide by the standard deviation; a constant column becomes 0."""

    NAME = "standardise"

    def fit(self, block: Block, targets: Floats) -> State:
        """Return mean and standard deviation of each column."""
        from sklearn.preprocessing import StandardScaler

        fitted = StandardScaler().fit(block.numbers(self.NAME))
        return {"mean": fitted.mean_, "scale": fitted.scale_}

    def apply(self, state: State, block: Block) -> Block:
        """Return the scaled columns."""
        return numbers(block.names, (block.numbers(self.NAME) - _array(state, "mean")) / _array(state, "scale"))


@dataclass(frozen=True)
class Robust(_Named):
    """Subtract the median, and divide by the range from the first quartile to the third."""

    NAME = "robust"

    def fit(self, block: Block, targets: Floats) -> State:
        """Return median and interquartile range of each column."""
        from sklearn.preprocessing import RobustScaler

        fitted = RobustScaler().fit(block.numbers(self.NAME))
        return {"center": fitted.center_, "scale": fitted.scale_}

    def apply(self, state: State, block: Block) -> Block:
        """Return the scaled columns."""
        return numbers(block.names, (block.numbers(self.NAME) - _array(state, "center")) / _array(state, "scale"))


@dataclass(frozen=True)
class MinMax(_Named):
    """Scale so that the training rows lie from 0 to 1.

    Args:
        clip: whether other rows are kept from 0 to 1, too.
    """

    NAME = "minmax"

    clip: bool = False

    def __post_init__(self) -> None:
        checks.keep(self, clip=checks.boolean("clip", self.clip))

    def fit(self, block: Block, targets: Floats) -> State:
        """Return what to multiply each column by, and then to add."""
        from sklearn.preprocessing import MinMaxScaler

        fitted = MinMaxScaler().fit(block.numbers(self.NAME))
        return {"scale": fitted.scale_, "offset": fitted.min_}

    def apply(self, state: State, block: Block) -> Block:
        """Return the scaled columns."""
        scaled = block.numbers(self.NAME) * _array(state, "scale") + _array(state, "offset")
        return numbers(block.names, np.clip(scaled, 0, 1) if self.clip else scaled)


@dataclass(frozen=True)
class Quantile(_Named):
    """Replace a number by the share of training rows below it, or by the normal deviate of that share.

    Args:
        quantiles: how many are kept; at most as many as there are training rows.
        output: ``normal`` or ``uniform``: how the training rows are distributed afterwards.
    """

    NAME = "quantile"

    quantiles: int = 1000
    output: Output = Output.NORMAL

    def __post_init__(self) -> None:
        checks.keep(self, quantiles=checks.whole_number("quantiles", self.quantiles, at_least=2, limit=10**6))
        checks.keep(self, output=checks.member("output", self.output, Output))

    def fit(self, block: Block, targets: Floats) -> State:
        """Return the quantiles of each column, and the share of rows below each."""
        from sklearn.preprocessing import QuantileTransformer

        values = block.numbers(self.NAME)
        count = max(min(self.quantiles, len(values)), 1)
        fitted = QuantileTransformer(n_quantiles=count, subsample=None).fit(values)
        return {"quantiles": fitted.quantiles_, "shares": fitted.references_}

    def apply(self, state: State, block: Block) -> Block:
        """Return the shares or deviates."""
        quantiles, shares = _array(state, "quantiles"), _array(state, "shares")
        columns = zip(block.numbers(self.NAME).T, quantiles.T, strict=True)
        found = np.stack([_share(column, known, shares) for column, known in columns], axis=1)
        return numbers(block.names, found if self.output is Output.UNIFORM else _deviate(found))


@dataclass(frozen=True)
class Log(_Named):
    """Return ``log(1 + x)``, and ``-log(1 - x)`` for a negative x: small for a long tail, exact near 0."""

    NAME = "log"

    def fit(self, block: Block, targets: Floats) -> State:
        """Return nothing: nothing is to be known."""
        block.numbers(self.NAME)
        return {}

    def apply(self, state: State, block: Block) -> Block:
        """Return the logarithms."""
        values = block.numbers(self.NAME)
        return numbers(block.names, np.copysign(np.log1p(np.abs(values)), values))


@dataclass(frozen=True)
class Passthrough(_Named):
    """Leave numbers as they are."""

    NAME = "passthrough"

    def fit(self, block: Block, targets: Floats) -> State:
        """Return nothing: nothing is to be known."""
        return {}

    def apply(self, state: State, block: Block) -> Block:
        """Return the same numbers."""
        return numbers(block.names, block.numbers(self.NAME))


@dataclass(frozen=True)
class Drop(_Named):
    """Leave the column out, of whatever kind it is."""

    NAME = "drop"

    def fit(self, block: Block, targets: Floats) -> State:
        """Return nothing: nothing is to be known."""
        return {}

    def apply(self, state: State, block: Block) -> Block:
        """Return no columns."""
        return numbers((), np.empty((len(block), 0)))


@dataclass(frozen=True)
class Pca(_Named):
    """Project on the directions in which the training rows differ most (principal component analysis).

    It is for several columns: those of a table that are named together, such as ``{"height, weight": "impute
    standardise pca:1"}``, or those that `bag_of_words` makes.

    Args:
        components: how many directions, >= 1.
    """

    NAME = "pca"

    components: int

    def __post_init__(self) -> None:
        checks.keep(self, components=checks.whole_number("components", self.components, at_least=1, limit=10**6))

    def fit(self, block: Block, targets: Floats) -> State:
        """Return the mean of each column and the directions, shape ``(components, columns)``."""
        from sklearn.decomposition import PCA

        values = block.whole_numbers(self.NAME)
        checks.whole_number("components", self.components, at_least=1, below=min(values.shape) + 1)
        fitted = PCA(self.components, svd_solver="full").fit(values)
        return {"mean": fitted.mean_, "components": fitted.components_}

    def apply(self, state: State, block: Block) -> Block:
        """Return the projections, shape ``(rows, components)``."""
        centred = block.whole_numbers(self.NAME) - _array(state, "mean")
        stem = _shared(block.names) or block.named
        return numbers(
            [f"{stem} pca{index}" for index in range(self.components)], centred @ _array(state, "components").T
        )


def _array(state: State, name: str) -> Any:
    return state[name]


def _shared(names: Sequence[str]) -> str:
    """Return the words with which all names begin, such as ``note`` of ``note words0`` and ``note words1``."""
    words = zip(*(name.split(" ") for name in names), strict=False)
    return " ".join(each[0] for each in takewhile(lambda each: len({*each}) == 1, words))


def _share(column: Array, quantiles: Array, shares: Array) -> Array:
    """Return the share of rows below each number; the middle of several quantiles that are equal."""
    below = np.interp(column, quantiles, shares)
    above = np.interp(-column, -quantiles[::-1], -shares[::-1])
    inside = 0.5 * (below - above)
    return np.where(column <= quantiles[0], 0.0, np.where(column >= quantiles[-1], 1.0, inside))


def _deviate(shares: Array) -> Array:
    from scipy.special import ndtri

    least = RAREST - np.spacing(1)
    deviates: Array = np.clip(ndtri(shares), ndtri(least), ndtri(1 - least))
    return deviates
