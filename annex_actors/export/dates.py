"""The parts of a moment as ONNX operators, on whole numbers, of which ONNX has no calendar."""

from __future__ import annotations

import numpy as np

from annex_actors.export.graph import Graph

MISSING = int(np.datetime64("NaT", "us").astype(np.int64))
"""What stands for a missing moment: NumPy's own mark, the least number of 64 bits."""

_DAY, _HOUR, _MINUTE = 86_400_000_000, 3_600_000_000, 60_000_000
"""In microseconds."""


def parts_of(graph: Graph, moments: str) -> dict[str, str]:
    """Add the parts of moments, each int64, by the names that `DateParts` gives them.

    Years are taken to begin in March, so that the day that may be missing is their last.

    Args:
        graph: to which they are added.
        moments: microseconds since 1970, int64.

    Source:
        Hinnant (2013), chrono-compatible low-level date algorithms.
    """
    number = _Whole(graph)
    in_day = number.rest(moments, _DAY)
    days = number.quotient(moments, _DAY)
    since_march_0 = number.plus(days, 719_468)
    era, day_of_era = number.quotient(since_march_0, 146_097), number.rest(since_march_0, 146_097)
    leap = number.sum(
        day_of_era,
        number.times(number.quotient(day_of_era, 1_460), -1),
        number.quotient(day_of_era, 36_524),
        number.times(number.quotient(day_of_era, 146_096), -1),
    )
    year_of_era = number.quotient(leap, 365)
    day_of_year = number.sum(
        day_of_era,
        number.times(year_of_era, -365),
        number.times(number.quotient(year_of_era, 4), -1),
        number.quotient(year_of_era, 100),
    )
    month_from_march = number.quotient(number.plus(number.times(day_of_year, 5), 2), 153)
    before_month = number.quotient(number.plus(number.times(month_from_march, 153), 2), 5)
    month = number.plus(number.rest(number.plus(month_from_march, 2), 12), 1)
    is_next_year = number.quotient(month_from_march, 10)  # January and February
    return {
        "days": days,
        "year": number.sum(year_of_era, number.times(era, 400), is_next_year),
        "month": month,
        "day": number.plus(number.sum(day_of_year, number.times(before_month, -1)), 1),
        "weekday": number.rest(number.plus(days, 3), 7),  # 1 January 1970 was a Thursday
        "hour": number.quotient(in_day, _HOUR),
        "minute": number.quotient(number.rest(in_day, _HOUR), _MINUTE),
    }


class _Whole:
    """Arithmetic of whole numbers in a graph, whose quotients are rounded down, as in Python."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def plus(self, value: str, number: int) -> str:
        return self._graph.node("Add", value, self._constant(number))

    def times(self, value: str, number: int) -> str:
        return self._graph.node("Mul", value, self._constant(number))

    def rest(self, value: str, number: int) -> str:
        return self._graph.node("Mod", value, self._constant(number))

    def quotient(self, value: str, number: int) -> str:
        whole = self._graph.node("Sub", value, self.rest(value, number))
        return self._graph.node("Div", whole, self._constant(number))

    def sum(self, first: str, *others: str) -> str:
        for other in others:
            first = self._graph.node("Add", first, other)
        return first

    def _constant(self, number: int) -> str:
        return self._graph.array(number, np.int64)
