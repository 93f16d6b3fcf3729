"""The drawing of an order of work: a ruler, a row for each worker, and never wider than the terminal."""

from __future__ import annotations

from fractions import Fraction

import pytest

from annex_actors.experiments.simulation import simulate
from annex_actors.observe.timeline import draw
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.runtimes.simulated import Piece


def test_a_row_is_a_worker_and_time_goes_to_the_right_below_a_ruler() -> None:
    assert draw(simulate("1f1b", stages=2, microbatches=3).pieces) == [
        "time     0     2     4     6     8     10",
        "stage-0  F0 F1 ·  B0 F2 B1 ·  B2 W-------",
        "stage-1  ·  F0 B0 F1 B1 F2 B2 W-------",
    ]


def test_the_width_of_a_piece_is_its_time() -> None:
    times = LayerTimes(1, Fraction(3, 2), Fraction(1, 2))  # type: ignore[arg-type]  # a Fraction serves as a float
    drawn = draw(simulate("sequential", stages=1, microbatches=1, times=times).pieces)
    assert drawn[1] == "stage-0  F0- B0--- W"


def test_microbatches_are_numbered_over_all_steps() -> None:
    _, top, bottom = draw(simulate("pipedream", stages=2, microbatches=1, steps=3).pieces)
    assert top == "stage-0  F0 F1 ·  B0 W0 F2 B1 W1 ·  B2 W2"
    assert bottom == "stage-1  ·  F0 B0 W0 F1 B1 W1 F2 B2 W2"


def test_the_second_stage_of_a_worker_has_a_prime_and_the_row_is_the_workers() -> None:
    rows = draw(simulate("sequential", stages=2, microbatches=1, costs=CostModel(workers=[0, 0])).pieces)
    assert rows[1:] == ["worker 0  F0  F0' B0' B0  W   W'"]


def test_a_piece_that_takes_no_time_is_not_drawn() -> None:
    drawn = draw(simulate("1f1b", stages=2, microbatches=2, times=LayerTimes(1, 0, 0)).pieces)
    assert drawn[1:] == ["stage-0  F0 F1", "stage-1  ·  F0 F1"]
    assert draw([]) == []


def test_rows_are_in_the_order_of_the_workers() -> None:
    pieces = [Piece(worker, stage_address(worker), "F", 0, 0, worker, worker + 1) for worker in (2, 0, 1)]
    assert draw(pieces)[1:] == ["stage-0  F0", "stage-1  ·  F0", "stage-2  ·  ·  F0"]


def test_what_does_not_fit_is_drawn_without_spaces_then_without_numbers_then_cut_with_a_mark() -> None:
    pieces = simulate("1f1b", stages=2, microbatches=3).pieces
    assert draw(pieces, width=36)[1] == "stage-0  F0F1· B0F2B1· B2W-----"
    assert draw(pieces, width=20)[1] == "stage-0  FF·BFB·BW--"
    assert draw(pieces, width=16) == [
        "time     0    5",
        "stage-0  FF·BFB…",
        "stage-1  ·FBFBF…",
        "cut at time 7 o…",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("times", [LayerTimes(), LayerTimes(1, 1.5, 1, 0.25), LayerTimes(1, 0.001, 3, 0)])
@pytest.mark.parametrize("schedule", ["1f1b", "zb-h1", "interleaved", "pipedream"])
def test_no_row_is_wider_than_the_terminal(schedule: str, times: LayerTimes, width: int) -> None:
    drawn = draw(simulate(schedule, stages=8, microbatches=16, steps=2, times=times).pieces, width=width)
    assert max(map(len, drawn)) <= width
    assert all(len(row) > 20 for row in drawn)
