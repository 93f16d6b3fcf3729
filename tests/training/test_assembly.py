"""From a network to stages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from annex_actors.protocol.routing import Routing, stage_address
from annex_actors.training.assembly import one_stage_per_layer
from tests.trainings import CLASSIFIER, Training


def test_by_default_every_layer_and_the_cost_have_their_own_stage() -> None:
    assert one_stage_per_layer(2) == (range(0, 1), range(1, 2), range(2, 3))
    assert [spec.label for spec in Training().stage_specs()] == [
        "layer 0 dense:6",
        "layer 1 relu",
        "layer 2 dropout:0.3",
        "layer 3 dense:3",
        "layer 4 softmax_cross_entropy",
    ]


def test_several_layers_can_share_a_stage() -> None:
    specs = Training(stages=(range(0, 3), range(3, 5))).stage_specs()
    assert [spec.label for spec in specs] == [
        "layer 0 dense:6 + relu + dropout:0.3",
        "layer 3 dense:3 + softmax_cross_entropy",
    ]
    assert [spec.address for spec in specs] == [stage_address(0), stage_address(1)]
    assert {spec.routing for spec in specs} == {Routing(2)}


@pytest.mark.parametrize("stages", [None, (range(0, 5),), (range(0, 2), range(2, 4), range(4, 5))])
def test_only_the_last_stage_has_the_cost_and_its_log(stages: tuple[range, ...] | None) -> None:
    specs = Training(stages=stages).stage_specs()
    assert [spec.cost is not None for spec in specs] == [False] * (len(specs) - 1) + [True]


@pytest.mark.parametrize("stages", [None, (range(0, 5),), (range(0, 2), range(2, 4), range(4, 5))])
def test_every_layer_is_in_one_stage_with_its_own_state(stages: tuple[range, ...] | None) -> None:
    training = Training(stages=stages)
    specs, initial = training.stage_specs(), training.initial
    assert [layer for spec in specs for layer in spec.layers] == list(CLASSIFIER.layers)
    states = tuple(state for spec in specs for state in spec.initial.layers)
    assert replace(initial, layers=states).state_sha256 == initial.state_sha256
    assert [spec.first_layer for spec in specs] == [indices.start for indices in training.placement]
