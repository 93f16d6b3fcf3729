"""A sweep has every combination that is possible, and its front those that no other beats."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors import Learner, parse_layers
from annex_actors.base.errors import ConfigError
from annex_actors.experiments.prediction import Prediction
from annex_actors.experiments.sweep import Swept, as_csv, front, heat_map, parse_axes, sweep
from annex_actors.placement import Plan
from annex_actors.schedules.table import DISCIPLINES
from tests.experiments.test_comparison import KNOWN
from tests.profiling.programs import dataset


def swept(*axes: str, **settings: Any) -> tuple[Swept, ...]:
    learner = Learner(parse_layers("dense:5 relu dense:3"), runtime="schedulers", **settings)
    return sweep(learner.spec, dataset(), parse_axes(axes), batch_size=24, known=KNOWN)


def test_every_combination_is_predicted_in_order() -> None:
    found = swept("stages=1..2,layer", "microbatches=1,4", "schedule=gpipe,1f1b")
    assert [(each.stages, each.microbatches, each.schedule) for each in found] == [
        (stages, parts, schedule) for stages in (1, 2, "layer") for parts in (1, 4) for schedule in ("gpipe", "1f1b")
    ]
    assert all(each.seconds > 0 for each in found)


def test_what_is_not_varied_is_as_in_the_learner() -> None:
    (found,) = swept("microbatches=3", stages=2, schedule="zb-h1")
    assert (found.stages, found.microbatches, found.schedule) == (2, 3, "zb-h1")


def test_a_star_is_every_schedule_but_those_for_teaching() -> None:
    found = swept("stages=2", "schedule=*")
    assert {each.schedule for each in found} == {row.name for row in DISCIPLINES.values() if row.stashes}
    assert "no-stash" in DISCIPLINES


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (["stages"], "what varies as stages=1..6 microbatches=1,2,4 schedule="),
        (["stages=1", "stages=2"], "each once, got 'stages=2'"),
        (["width=3"], "got 'width=3'"),
        (["stages=a"], "`stages` as 3, 1..6 or 1,2,4, got 'a'"),
        (["microbatches=1.."], r"`microbatches` as 3, 1..6 or 1,2,4, got '1..'"),
        (["microbatches=0"], "`microbatches` to be an integer >= 1"),
        (["microbatches=25"], "`microbatches` to be at most 24 for a batch of 24 samples, got 25"),
        (["microbatches=layer"], "`microbatches` as 3"),
        (["stages=9"], "`stages` to be at most 4"),
        (["schedule=none"], "`schedule` to be one of"),
        (["microbatches=3..1"], "at least one combination and at most 10,000"),
        (["microbatches=1..20", "stages=" + ",".join(["1"] * 501)], "at least one combination and at most 10,000"),
    ],
)
def test_a_mistake_is_refused(axes: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        swept(*axes)


PLAN = Plan.parse("1", 1)


def point(seconds: float, memory: int) -> Swept:
    return Swept(1, 1, "gpipe", Prediction(PLAN, seconds, (0.5,), (memory,)))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_a_front_has_the_points_that_no_other_beats(pairs: Sequence[tuple[int, int]]) -> None:
    found = [(each.seconds, each.memory) for each in front([point(*pair) for pair in pairs])]
    beaten = {pair for pair in pairs if any(a <= pair[0] and b <= pair[1] and (a, b) != pair for a, b in pairs)}
    assert found == sorted({*pairs} - beaten)


def test_csv_has_a_line_for_each_point_and_marks_the_front() -> None:
    points = swept("stages=1,2", "schedule=gpipe,1f1b")
    rows = list(csv.DictReader(StringIO(as_csv(points))))
    assert [row["stages"] for row in rows] == ["1", "1", "2", "2"]
    assert [float(row["seconds"]) for row in rows] == [each.seconds for each in points]
    assert sum(int(row["pareto"]) for row in rows) == len(front(points))


def test_a_heat_map_is_a_picture_and_the_same_each_time() -> None:
    pytest.importorskip("matplotlib")
    points = swept("stages=1..3", "microbatches=1,2", "schedule=gpipe,1f1b")
    picture = heat_map(points, "svg")
    assert picture.startswith(b"<?xml")
    assert heat_map(points, "svg") == picture
