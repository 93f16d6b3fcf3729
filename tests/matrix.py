"""Large matrices of cases: a seeded sample by default, whole with ``--whole``."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import astuple, is_dataclass
from itertools import combinations
from math import comb
from random import Random
from typing import Any, TypeVar

import pytest

_Case = TypeVar("_Case")

WHOLE = "TESTS_WHOLE"
"""The environment variable that `conftest` sets for ``--whole``: modules make parameters when they are imported."""

RAY_NODES = "TESTS_RAY_NODES"
"""The environment variable that `conftest` sets for ``--ray-nodes``: on so many nodes runs what runs on Ray."""


def matrix(
    cases: Sequence[_Case], *, sample: int, id: Callable[[_Case], str], seed: int = 0, together: int | None = None
) -> list[Any]:
    """Return ``cases`` as parameters, or a seeded ``sample`` of them without ``--whole``.

    Tens of thousands of tests that wait for ``--whole`` would take pytest longer to collect than those that run.

    Args:
        cases: all that there are.
        sample: how many run without ``--whole``.
        id: the name of a case.
        seed: of the sample.
        together: see `fewer_on_slow_hosts`; None: all cases run on them too.
    """
    whole = WHOLE in os.environ
    if whole and together is not None:
        cases = fewer_on_slow_hosts(cases, together=together)
    chosen = some(cases, sample=sample, whole=whole, seed=seed)
    return [pytest.param(case, id=id(case)) for case in chosen]


def some(cases: Sequence[_Case], *, sample: int, whole: bool, seed: int = 0) -> list[_Case]:
    """Return all ``cases``, or in order a seeded ``sample`` of them unless ``whole``."""
    chosen = sorted(Random(seed).sample(range(len(cases)), min(sample, len(cases))))
    return list(cases) if whole else [cases[index] for index in chosen]


def one_of_each(cases: Iterable[_Case], key: Callable[[_Case], Hashable], *, seed: int = 0) -> list[_Case]:
    """Return for each ``key`` one of its ``cases``, drawn by ``seed``.

    For cases on a host that takes seconds to start, whatever it trains: all that the key names meets that host, and
    what it does not name is drawn instead of multiplied.
    """
    groups: dict[Hashable, list[_Case]] = {}
    for case in cases:
        groups.setdefault(key(case), []).append(case)
    draw = Random(seed)
    return [draw.choice(group) for group in groups.values()]


SLOW_HOSTS = ("processes", "ray")
"""Those that start a process for each layer, in a second or two, whatever they train then."""


def fewer_on_slow_hosts(cases: Sequence[_Case], *, together: int, seed: int = 0) -> list[_Case]:
    """Return all ``cases`` but those on slow hosts that show no new combination of ``together`` values.

    Hosts have no mathematics: what a case shows of one is that messages of this schedule, of these batches, of layers
    that share actors so, arrive and are committed in order. So there any few settings meet each other, as on other
    hosts all do, and ``--whole`` takes half an hour on Ray instead of a night.

    Args:
        cases: tuples or dataclasses of settings, one of which is the host.
        together: how many settings; the host comes beside them.
        seed: of the order in which cases are tried.
    """
    slow = {index: host for index, case in enumerate(cases) for host in SLOW_HOSTS if host in _values(case)}
    order = list(slow)
    Random(seed).shuffle(order)
    chosen: set[int] = set()
    seen: set[Hashable] = set()
    # First those that show most, as a search for few cases would.
    for most in range(comb(len(_values(cases[0])) - 1, together), 0, -1):
        for index in order:
            others = [each for each in enumerate(_values(cases[index])) if each[1] != slow[index]]
            new = {(slow[index], *each) for each in combinations(others, together)} - seen
            if len(new) >= most:
                seen |= new
                chosen.add(index)
    return [case for index, case in enumerate(cases) if index in chosen or index not in slow]


def _values(case: Any) -> tuple[Any, ...]:
    return astuple(case) if is_dataclass(case) and not isinstance(case, type) else tuple(case)
