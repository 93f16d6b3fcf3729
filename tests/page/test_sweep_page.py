"""The page of a sweep: what is in its cells, and that it loads and runs nothing."""

from __future__ import annotations

import re

from annex_actors.experiments.prediction import Prediction
from annex_actors.experiments.sweep import Swept
from annex_actors.page.sweep_page import sweep_page
from annex_actors.placement import Plan, PlannedStage

PLAN = Plan((PlannedStage(3),))


def point(stages: int | str, microbatches: int, schedule: str, seconds: float, memory: int) -> Swept:
    return Swept(stages, microbatches, schedule, Prediction(PLAN, seconds, (0.5,), (memory,)))


POINTS = [
    point(1, 1, "gpipe", 0.001, 3_000_000),
    point("layer", 1, "gpipe", 0.004, 3_000_000),
    point(1, 2, "gpipe", 0.002, 1_000_000),
    point(1, 1, "<b>mine", 0.003, 4_000_000),
]


def test_each_combination_has_a_cell_whose_shade_is_its_time() -> None:
    page = sweep_page(POINTS)
    cells = re.findall(r'<td class="([^"]*)">([^<]*)<small>([^<]*)</small>', page)
    assert cells == [
        ("heat-0 front", "1", "3 MB"),
        ("heat-10", "4", "3 MB"),
        ("heat-5 front", "2", "1 MB"),
        ("heat-8", "3", "4 MB"),
    ]
    assert page.count("<td>–</td>") == 1 + 3  # what a schedule does not have
    assert "Sweep of 4 combinations" in page


def test_times_that_are_all_alike_have_one_shade() -> None:
    assert "heat-0" in sweep_page(POINTS[:1])


def test_a_name_is_no_html_and_nothing_is_loaded_or_run() -> None:
    page = sweep_page(POINTS)
    assert "&lt;b&gt;mine" in page
    assert "<b>" not in page
    assert "<script" not in page
    assert re.search("content=\"default-src 'none'; style-src 'sha256-", page)
