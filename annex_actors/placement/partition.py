"""Cut a sequence of layers into parts so that the part with the most work has as little as possible."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.words import counted


def partition(costs: Sequence[float], parts: int) -> tuple[range, ...]:
    """Return how to cut a sequence of ``costs`` into ``parts`` so that the largest part is as small as possible.

    Of several such partitions it returns the most even one, by the sum of squares; of several of those the one whose
    last part has the most elements, then the last but one, and so on. So the result depends on the numbers alone.

    Args:
        costs: the work of each layer, >= 0.
        parts: how many, from 1 to the number of costs; no part is empty.

    Returns:
        The indices of each part, in order.

    Raises:
        ConfigError: a number out of range.
    """
    numbers = [checks.real_number("cost", cost, at_least=0) for cost in costs]
    if checks.whole_number("parts", parts, at_least=1) > len(numbers):
        layers = counted(len(numbers), "layer")
        raise ConfigError(f"expected `parts` to be at most {len(numbers)} for {layers}, got {parts}; ask for fewer")
    sums = [0.0, *accumulate(numbers)]
    limit = _smallest_limit(sums, parts)
    # By n: the best way to cut the first n costs, as its sum of squares and where each part begins.
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for _ in range(parts):
        longer: dict[int, tuple[float, tuple[int, ...]]] = {}
        for start, (squares, starts) in best.items():
            for stop in range(start + 1, len(sums)):
                part = sums[stop] - sums[start]
                if part > limit:
                    break
                if stop not in longer or squares + part * part < longer[stop][0]:
                    longer[stop] = squares + part * part, (*starts, start)
        best = longer
    return tuple(range(start, stop) for start, stop in pairwise((*best[len(numbers)][1], len(numbers))))


def _smallest_limit(sums: Sequence[float], parts: int) -> float:
    """Return the largest part of the best partition: D[i][k] = min over q of max(D[q][k-1], sums[i] - sums[q]).

    As q rises, the first term grows and the second shrinks. The best q never falls as i rises, so one pass finds all.
    """
    largest = list(sums)
    for _ in range(parts - 1):
        shorter, largest, q = largest, [], 0
        for i, total in enumerate(sums):
            while q < i and max(shorter[q + 1], total - sums[q + 1]) <= max(shorter[q], total - sums[q]):
                q += 1
            largest.append(max(shorter[q], total - sums[q]))
    return largest[-1]
