"""The table of schedules."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.errors import ConfigError
from annex_actors.protocol.discipline import DISCIPLINES, B, Discipline, F, W, discipline

NAMES = sorted(DISCIPLINES)


@pytest.mark.parametrize("name", NAMES)
def test_a_discipline_is_found_by_its_name(name: str) -> None:
    assert discipline(name).name == name


def test_the_three_synchronous_schedules_are_there() -> None:
    assert {"sequential", "gpipe", "1f1b"} <= set(DISCIPLINES)


def test_an_unknown_schedule_is_refused_in_one_line_that_lists_all() -> None:
    with pytest.raises(ConfigError) as caught:
        discipline("2f2b")
    assert str(caught.value) == "expected `schedule` to be one of sequential, gpipe, 1f1b, got '2f2b'"


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_work_has_its_rank(name: str) -> None:
    assert sorted(work.value for work in discipline(name).priority) == ["B", "F", "W"]


@pytest.mark.parametrize("name", NAMES)
def test_a_summary_is_one_line(name: str) -> None:
    assert "\n" not in discipline(name).summary
    assert discipline(name).summary


@settings(deadline=None, print_blob=True)
@given(st.sampled_from(NAMES), st.integers(1, 40), st.integers(1, 40), st.data())
def test_credit_always_admits_one_microbatch(name: str, stages: int, microbatches: int, data: st.DataObject) -> None:
    stage = data.draw(st.integers(0, stages - 1))
    row = discipline(name)
    assert row.credit(stage, stages, microbatches) >= 1
    assert row.cap is None or row.cap(stage, stages, microbatches) >= 1


def test_sequential_has_one_microbatch_in_flight() -> None:
    assert {discipline("sequential").credit(s, 4, 8) for s in range(4)} == {1}


def test_gpipe_admits_all_and_holds_gradients_back() -> None:
    assert discipline("gpipe").credit(0, 4, 8) == 8
    assert discipline("gpipe").backward_waits


def test_1f1b_keeps_as_many_activations_as_there_are_stages_ahead() -> None:
    assert [discipline("1f1b").credit(s, 4, 8) for s in range(4)] == [4, 3, 2, 1]


def test_a_schedule_of_ones_own_is_ten_lines() -> None:
    row = Discipline(name="own", summary="mine", priority=(W, B, F), credit=lambda s, S, m: 2)
    assert row.priority == (W, B, F)
    assert row.credit(0, 1, 1) == 2
    assert row.cap is None
    assert not row.backward_waits


@settings(deadline=None, print_blob=True)
@given(st.sampled_from(NAMES), st.integers(1, 12), st.integers(1, 12))
def test_no_row_of_the_table_stands_still(name: str, stages: int, microbatches: int) -> None:
    discipline(name).check(stages, microbatches)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (Discipline("none", "", (F, B, W), credit=lambda s, S, m: 0), "`credit` of schedule none to be at least 1"),
        (
            Discipline("waits", "", (F, B, W), credit=lambda s, S, m: S - s, backward_waits=True),
            "`credit` of schedule waits to be at least 2 at stage 2 with 2 microbatches, got 1",
        ),
        (
            Discipline("capped", "", (F, B, W), credit=lambda s, S, m: m, cap=lambda s, S, m: 2),
            "`cap` of schedule capped to be at least 3 at stage 0 with 3 microbatches, got 2",
        ),
    ],
    ids=["no credit", "all are waited for and not all admitted", "a cap below the step"],
)
def test_a_row_that_would_stand_still_is_refused(row: Discipline, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        row.check(3, 4)
