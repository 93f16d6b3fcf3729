"""The drawing of an order of work."""

from __future__ import annotations

from fractions import Fraction

from annex_actors.experiments.simulation import simulate
from annex_actors.observe.timeline import draw
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.runtimes.simulated import Piece


def test_a_row_is_a_worker_and_a_column_a_unit_of_time() -> None:
    assert draw(simulate("1f1b", stages=2, microbatches=3).pieces) == [
        "F0 F1 ·  B0 F2 B1 ·  B2 W-------",
        "·  F0 B0 F1 B1 F2 B2 W-------",
    ]


def test_the_width_of_a_piece_is_its_time() -> None:
    times = LayerTimes(1, Fraction(3, 2), Fraction(1, 2))  # type: ignore[arg-type]  # a Fraction serves as a float
    assert draw(simulate("sequential", stages=1, microbatches=1, times=times).pieces) == ["F0--- B0------ W"]


def test_microbatches_are_numbered_over_all_steps() -> None:
    top, bottom = draw(simulate("pipedream", stages=2, microbatches=1, steps=3).pieces)
    assert top == "F0 F1 ·  B0 W0 F2 B1 W1 ·  B2 W2"
    assert bottom == "·  F0 B0 W0 F1 B1 W1 F2 B2 W2"


def test_the_second_stage_of_a_worker_has_a_prime() -> None:
    rows = draw(simulate("sequential", stages=2, microbatches=1, costs=CostModel(workers=[0, 0])).pieces)
    assert rows == ["F0  F0' B0' B0  W   W'"]


def test_a_piece_that_takes_no_time_is_not_drawn() -> None:
    assert draw(simulate("1f1b", stages=2, microbatches=2, times=LayerTimes(1, 0, 0)).pieces) == ["F0 F1", "·  F0 F1"]
    assert draw([]) == []


def test_rows_are_in_the_order_of_the_workers() -> None:
    pieces = [Piece(worker, stage_address(worker), "F", 0, 0, worker, worker + 1) for worker in (2, 0, 1)]
    assert draw(pieces) == ["F0", "·  F0", "·  ·  F0"]
