"""Moments to numbers: the parts of a date and a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annex_actors.base.calls import written
from annex_actors.base.errors import DataError
from annex_actors.base.types import Array, Floats
from annex_actors.data.tables.columns import Kind
from annex_actors.data.transforms.block import Block, numbers
from annex_actors.data.transforms.transform import State


@dataclass(frozen=True)
class DateParts:
    """Give the parts of a moment a column each: days since 1970, year, month, day, weekday (Monday 0), hour, minute.

    Parts that are the same in all training rows are left out. A missing moment has missing parts.
    """

    @property
    def name(self) -> str:
        """The transform's name."""
        return "date_parts"

    def spec(self) -> str:
        """Return the transform's text."""
        return written("date_parts", self)

    def fit(self, block: Block, targets: Floats) -> State:
        """Return the names of the parts that differ; of a single moment, the days."""
        parts = _parts(block)
        differ = tuple(name for name, values in parts.items() if len(np.unique(values[~np.isnan(values)])) > 1)
        return {"parts": differ or ("days",)}

    def apply(self, state: State, block: Block) -> Block:
        """Return the parts."""
        parts, names = _parts(block), [str(name) for name in state["parts"]]
        return numbers([f"{block.names[0]} {name}" for name in names], np.stack([parts[name] for name in names], 1))


def _parts(block: Block) -> dict[str, Array]:
    if block.kind is not Kind.DATE:
        raise DataError(f"expected dates for date_parts in column {block.named}, got a {block.kind}; leave it out")
    moments = block.single("date_parts")
    days, months, years = (moments.astype(f"datetime64[{unit}]") for unit in "DMY")
    minutes = (moments - days).astype("timedelta64[m]").astype(np.int64)
    since = days.astype(np.int64)
    parts = {
        "days": since,
        "year": years.astype(np.int64) + 1970,
        "month": (months - years).astype(np.int64) + 1,
        "day": (days - months).astype(np.int64) + 1,
        "weekday": (since + 3) % 7,  # 1 January 1970 was a Thursday
        "hour": minutes // 60,
        "minute": minutes % 60,
    }
    return {name: np.where(np.isnat(moments), np.nan, values) for name, values in parts.items()}
