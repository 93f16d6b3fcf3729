"""Bounds of what is to come are never above what the best stages would cost."""

from __future__ import annotations

from itertools import combinations_with_replacement, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.placement.planner.ahead import Longest


@given(st.lists(st.floats(0, 10), min_size=1, max_size=8), st.integers(1, 4))
def test_the_longest_of_some_stages_is_that_of_the_best_cuts(seconds: list[float], stages: int) -> None:
    work = np.array([0.0, *np.cumsum(seconds)])
    found = Longest(work).of(stages)
    for layers in range(len(work)):
        cuts = combinations_with_replacement(range(layers + 1), stages - 1)
        best = min(max(work[stop] - work[start] for start, stop in pairwise((0, *cut, layers))) for cut in cuts)
        assert abs(found[layers] - best) < 1e-9
