"""Large matrices of cases: a seeded sample by default, whole with ``--whole``."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from random import Random
from typing import Any, TypeVar

import pytest

_Case = TypeVar("_Case")

WHOLE = "TESTS_WHOLE"
"""The environment variable that `conftest` sets for ``--whole``: modules make parameters when they are imported."""

RAY_NODES = "TESTS_RAY_NODES"
"""The environment variable that `conftest` sets for ``--ray-nodes``: on so many nodes runs what runs on Ray."""


def matrix(cases: Sequence[_Case], *, sample: int, id: Callable[[_Case], str], seed: int = 0) -> list[Any]:
    """Return ``cases`` as parameters, or a seeded ``sample`` of them without ``--whole``.

    Tens of thousands of tests that wait for ``--whole`` would take pytest longer to collect than those that run.
    """
    chosen = some(cases, sample=sample, whole=WHOLE in os.environ, seed=seed)
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
