"""The large matrices are thinned out on slow hosts, and lose no combination that they promise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import pytest

from tests.matrix import SLOW_HOSTS, fewer_on_slow_hosts

SCHEDULES, SIZES, NETWORKS = ("first", "second", "third"), (1, 2, 3, 4), ("small", "large")
CASES = list(product(("inline", *SLOW_HOSTS), SCHEDULES, SIZES, NETWORKS))


@pytest.mark.parametrize("together", [1, 2, 3])
def test_each_combination_of_so_many_settings_meets_each_slow_host(together: int) -> None:
    chosen = fewer_on_slow_hosts(CASES, together=together)
    for host in SLOW_HOSTS:
        all_of_host, kept = ([case[1:] for case in cases if case[0] == host] for cases in (CASES, chosen))
        assert met(kept, together) == met(all_of_host, together)
        assert len(kept) == len(set(kept))
        assert (len(kept) < len(all_of_host)) == (together < 3)


def test_other_hosts_have_all_cases() -> None:
    chosen = fewer_on_slow_hosts(CASES, together=1)
    assert [case for case in chosen if case[0] == "inline"] == [case for case in CASES if case[0] == "inline"]


def met(cases: Sequence[tuple[object, ...]], together: int) -> set[object]:
    return {each for case in cases for each in combinations(enumerate(case), together)}
