"""A checker is worth what it refuses: each schedule here breaks one promise, and the message says which."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from annex_actors.experiments.simulation import Simulation, simulate
from annex_actors.runtimes.simulated import Piece
from annex_actors.schedules.discipline import B, Discipline, F, Progress, W, Work
from annex_actors.schedules.table import DISCIPLINES, discipline
from annex_actors.testing import check_discipline
from annex_actors.testing.disciplines import check_order


@pytest.mark.parametrize("name", [*DISCIPLINES, "interleaved:3"])
def test_every_schedule_of_the_table_passes(name: str) -> None:
    check_discipline(discipline(name), stages=4, microbatches=4)


def test_a_schedule_of_ones_own_passes() -> None:
    check_discipline(Discipline("mine", "two in flight", (W, B, F), credit=lambda s, S, m: 2), stages=3, microbatches=3)


def never_w_before_the_end_of_time(work: Work, at: Progress) -> bool:
    return work is not W


def some_mood() -> Discipline:
    """Return a schedule whose lag is another one each time that it is asked."""
    moods = count()
    return Discipline("moody", "", (B, F, W), credit=lambda s, S, m: 9, lag=lambda s, S: next(moods) % 3)


BROKEN = {
    "no credit": (
        Discipline("none", "", (B, F, W), credit=lambda s, S, m: 0),
        "expected `credit` of schedule none to be at least 1 at stage 0 with 1 microbatch, got 0",
    ),
    "a gate that stays shut": (
        Discipline("shut", "", (B, F, W), credit=lambda s, S, m: m, gate=never_w_before_the_end_of_time),
        "expected schedule shut to go on with 1 stage, but the run stands still",
    ),
    "credit that a gate waits for": (
        replace(discipline("gpipe"), name="waits", credit=lambda s, S, m: S - s),
        "expected schedule waits to go on with 1 stage",
    ),
    "weights to come": (
        Discipline("early", "", (B, F, W), credit=lambda s, S, m: 1, lag=lambda s, S: -1),
        "expected `lag` of schedule early to be at least 0",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_promise_is_named(what: str) -> None:
    row, message = BROKEN[what]
    with pytest.raises(AssertionError) as caught:
        check_discipline(row, stages=3, microbatches=3)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_lag_that_changes_its_mind_is_noticed() -> None:
    with pytest.raises(AssertionError):
        check_discipline(some_mood(), stages=3, microbatches=3)


def changed(simulation: Simulation, pieces: list[Piece]) -> Simulation:
    return replace(simulation, pieces=tuple(pieces))


def test_an_order_that_is_not_legal_is_named() -> None:
    row = discipline("1f1b")
    good = simulate(row, stages=2, microbatches=2)
    check_order(row, good, microbatches=2, steps=1)
    first, *rest = good.pieces
    for bad, message in [
        (changed(good, rest), "expected 1f1b at stage 0 of 2 with 2 microbatches to do F and B of each once, in order"),
        (changed(good, [piece for piece in good.pieces if piece.work != "W"]), "to do W of each once, in order"),
        (changed(good, [replace(first, end=99), *rest]), "to do F before B before W of microbatch 0 of step 0"),
        (
            replace(good, stages=tuple(replace(each, in_flight=9) for each in good.stages)),
            "to keep its credit 2, got 9",
        ),
        (replace(good, stages=tuple(replace(each, versions=2) for each in good.stages)), "to keep 1 version, got 2"),
    ]:
        with pytest.raises(AssertionError, match=message):
            check_order(row, bad, microbatches=2, steps=1)


def test_a_cap_that_is_not_kept_is_named() -> None:
    row = discipline("zb-h1")
    good = simulate(row, stages=2, microbatches=3)
    bad = replace(good, stages=tuple(replace(each, deferred=3) for each in good.stages))
    with pytest.raises(AssertionError, match="to keep its cap 2, got 3"):
        check_order(row, bad, microbatches=3, steps=1)
