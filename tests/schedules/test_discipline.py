"""The table of schedules."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.schedules.discipline import B, Discipline, F, Grouping, Progress, W
from annex_actors.schedules.table import DISCIPLINES, discipline, register_schedule
from tests import tables

NAMES = sorted(DISCIPLINES)


@pytest.mark.parametrize("name", NAMES)
def test_a_discipline_is_found_by_its_name(name: str) -> None:
    assert discipline(name).name in (name, f"{name}:2")


SYNC = {"sequential", "gpipe", "1f1b", "1f1b-latency-hiding", "zb-h1", "zb-h2", "interleaved"}
ASYNC = {"pipedream", "pipedream-vertical", "2bw", "no-stash"}


def test_the_schedules_are_there() -> None:
    assert set(DISCIPLINES) == SYNC | ASYNC


@pytest.mark.parametrize("stages", [2, 5])
def test_the_synchronous_ones_lag_nowhere(stages: int) -> None:
    assert {name for name, row in DISCIPLINES.items() if row.is_synchronous(stages)} == SYNC
    assert {name for name, row in DISCIPLINES.items() if row.overlap(stages) == 1} == SYNC


def test_a_chain_of_one_stage_has_nothing_to_lag_behind() -> None:
    assert {name for name, row in DISCIPLINES.items() if not row.is_synchronous(1)} == {"2bw"}


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_pickled_by_name(name: str) -> None:
    row = discipline(name)
    assert pickle.loads(pickle.dumps(row)).name == row.name


def test_interleaved_takes_the_number_of_stages_on_a_worker() -> None:
    assert discipline("interleaved").name == discipline("interleaved:2").name == "interleaved:2"
    assert discipline("interleaved:3").name == "interleaved:3"
    with pytest.raises(ConfigError, match="expected `chunks` to be an integer >= 1, got 0"):
        discipline("interleaved:0")


def test_a_registered_schedule_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    tables.restored(monkeypatch)
    row = Discipline(name="mine", summary="mine", priority=(B, F, W), credit=lambda s, S, m: 2)
    assert discipline(register_schedule(row).name) is row
    again = replace(row)
    assert discipline(register_schedule(again).name) is again, "of two with the same name the last one counts"


def test_what_is_no_schedule_is_refused_when_it_is_registered() -> None:
    with pytest.raises(ConfigError, match="expected `row` to be a Discipline; register the row itself, got 'gpipe'"):
        register_schedule("gpipe")  # type: ignore[arg-type]


def test_a_kind_of_work_and_a_grouping_may_be_given_as_text() -> None:
    row = Discipline("mine", "", ("B", "F", "W"), credit=lambda s, S, m: 2, weight_gradients="microbatch")  # type: ignore[arg-type]  # the papers' letters
    assert (row.priority, row.weight_gradients) == ((B, F, W), Grouping.MICROBATCH)


@pytest.mark.parametrize("priority", [(B, B, F), (B, F), "BFW", None, ("B", "F", "V")])
def test_a_priority_that_does_not_rank_each_kind_of_work_once_is_refused(priority: Any) -> None:
    with pytest.raises(ConfigError, match="expected `priority` to be "):
        Discipline("twice", "", priority, credit=lambda s, S, m: 1)


@pytest.mark.parametrize("name", ["", "a:b", "a b", "1f1b"])
def test_a_name_that_could_not_be_given_is_refused(name: str) -> None:
    before = dict(DISCIPLINES)
    with pytest.raises(ConfigError, match="expected a new name for the schedule, one word without colons, got"):
        register_schedule(Discipline(name=name, summary="", priority=(B, F, W), credit=lambda s, S, m: 2))
    assert before == DISCIPLINES


def test_an_unknown_schedule_is_refused_in_one_line_that_lists_all() -> None:
    with pytest.raises(ConfigError) as caught:
        discipline("2f2b")
    assert str(caught.value) == f"expected `schedule` to be one of {', '.join(DISCIPLINES)}, got '2f2b'"


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
    gpipe = discipline("gpipe")
    assert gpipe.credit(0, 4, 8) == 8
    assert gpipe.gate is not None
    assert [gpipe.gate(B, Progress(0, 4, 8, forwards, 0, 0)) for forwards in (1, 7, 8)] == [False, False, True]
    assert gpipe.gate(F, Progress(0, 4, 8, 1, 0, 0))


def test_1f1b_keeps_as_many_activations_as_there_are_stages_ahead() -> None:
    assert [discipline("1f1b").credit(s, 4, 8) for s in range(4)] == [4, 3, 2, 1]


def test_a_schedule_of_your_own_is_ten_lines() -> None:
    row = Discipline(name="own", summary="mine", priority=(W, B, F), credit=lambda s, S, m: 2)
    assert row.priority == (W, B, F)
    assert row.credit(0, 1, 1) == 2
    assert row.cap is None
    assert row.gate is None
    assert row.is_synchronous(3)


@settings(deadline=None, print_blob=True)
@given(st.sampled_from(NAMES), st.integers(1, 12), st.integers(1, 12))
def test_no_row_of_the_table_stands_still(name: str, stages: int, microbatches: int) -> None:
    discipline(name).check(stages, microbatches)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (Discipline("none", "", (F, B, W), credit=lambda s, S, m: 0), "`credit` of schedule none to be at least 1"),
        (
            Discipline("early", "", (F, B, W), credit=lambda s, S, m: 1, lag=lambda s, S: 1 - s),
            "`lag` of schedule early to be at least 0 at stage 2",
        ),
        (
            Discipline("capped", "", (F, B, W), credit=lambda s, S, m: m, cap=lambda s, S, m: 2),
            "`cap` of schedule capped to be at least 3 at stage 0 with 3 microbatches, got 2",
        ),
    ],
    ids=["no credit", "weights to come", "a cap below the step"],
)
def test_a_row_that_would_stand_still_is_refused(row: Discipline, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        row.check(3, 4)
