"""The memory of a stage follows from the bytes of its layers and from what its schedule lets it keep."""

from __future__ import annotations

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.placement import Plan
from annex_actors.placement.memory import LayerMemory, StageMemory, check_fits, plan_memory, stage_memory
from annex_actors.schedules.table import discipline

DENSE, RELU, COST = LayerMemory(1000, 2000, 10, 4), LayerMemory(0, 0, 6, 0), LayerMemory(0, 0, 0, 0)
LAYERS = DENSE, RELU, DENSE, COST


def activations(plan: str, schedule: str, microbatches: int) -> list[int]:
    found = plan_memory(Plan.parse(plan, 3), LAYERS, discipline(schedule), microbatches)
    return [each.activations for each in found]


def test_a_stage_keeps_weights_and_slots_twice_and_gradients_once() -> None:
    assert stage_memory([DENSE, RELU], in_flight=1, deferred=1, versions=1) == StageMemory(2000, 1000, 4000, 16)


def test_a_microbatch_in_flight_has_what_f_saved_and_a_deferred_one_what_b_left() -> None:
    assert stage_memory([DENSE, RELU], in_flight=2, deferred=5, versions=1).activations == 2 * 16 + 3 * 4
    assert stage_memory([LayerMemory(0, 0, 1, 100)], in_flight=2, deferred=5, versions=1).activations == 5 * 100


def test_the_schedule_decides_how_many_microbatches_are_kept() -> None:
    assert activations("1,1,1", "gpipe", 6) == [6 * 10, 6 * 6, 6 * 10]
    assert activations("1,1,1", "1f1b", 6) == [3 * 10 + 3 * 4, 2 * 6, 1 * 10 + 5 * 4]
    assert activations("1,1,1", "sequential", 6) == [1 * 10 + 5 * 4, 6, 1 * 10 + 5 * 4]


def test_replicas_share_what_is_in_flight_and_each_keeps_what_w_needs_of_all() -> None:
    assert activations("1x3,1,1", "gpipe", 6)[0] == 2 * 10 + 4 * 4


def test_replicas_divide_the_slots_and_each_keeps_those_of_its_rows() -> None:
    layer = LayerMemory(1000, 2040, 10, 4, divided_rows=150, divided_bytes=1500)
    for replicas, most in ((1, 150), (2, 150 - 48), (3, 150 - 96), (4, 150)):
        (found,) = plan_memory(Plan.parse(f"1x{replicas}", 1), (layer, COST), discipline("gpipe"), 4)
        assert found.slots == 2 * (540 + 10 * most), "two blocks of 48 rows, and the rest for the last; no fourth block"
        assert (found.weights, found.gradients) == (2000, 1000)


def test_an_asynchronous_schedule_keeps_older_weights() -> None:
    found = plan_memory(Plan.parse("1,1,1", 3), LAYERS, discipline("pipedream"), 1)
    assert [each.weights for each in found] == [4000, 0, 2000]  # three versions and the next one; one and the next one


def test_a_stage_that_does_not_fit_is_refused_with_its_numbers() -> None:
    needs = 7000 + 10
    check_fits(Plan.parse(f"2,1:memory={needs}", 3), LAYERS, discipline("1f1b"), 1)
    with pytest.raises(ConfigError) as caught:
        check_fits(Plan.parse(f"2,1:memory={needs - 1}", 3), LAYERS, discipline("1f1b"), 1)
    assert str(caught.value) == (
        "expected stage 1 with 1 microbatch and 1f1b to fit in its `memory` of 7.0 kB, got 7.0 kB (weights 2.0 kB, "
        "gradients 1.0 kB, optimizer 4.0 kB, activations 10 B); give it fewer layers or more memory, or choose another "
        "schedule"
    )
