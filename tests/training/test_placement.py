"""Which layers share an actor if a learner has fewer actors than layers."""

from __future__ import annotations

import pytest

from annex_actors.layers import activation, dense, dropout, sequence
from annex_actors.protocol.events import PeerStarted
from annex_actors.training.learner import Learner
from tests.trainings import CLASSES, Seen, Training

NETWORK = sequence(dense(40), activation("relu"), dense(40), activation("relu"), dropout(0.1), dense(CLASSES))
DATA = Training().dataset


def labels(stages: str | int, network: object = NETWORK) -> list[str]:
    """Return the labels of the stages that are started."""
    seen = Seen()
    learner = Learner(network, runtime="inline", stages=stages)  # type: ignore[arg-type]
    learner.train(DATA, epochs=1, batch_size=5, observers=[seen])
    return [event.label for event in seen.of(PeerStarted) if event.label.startswith("layer")]


def test_one_actor_has_all_layers_and_the_cost() -> None:
    words = "dense:40 + relu + dense:40 + relu + dropout:0.1 + dense:3 + softmax_cross_entropy"
    assert labels(1) == [f"layer 0 {words}"]


def test_the_layer_with_the_most_work_has_its_own_actor_and_the_others_share_evenly() -> None:
    assert labels(3) == [
        "layer 0 dense:40 + relu",
        "layer 2 dense:40",
        "layer 3 relu + dropout:0.1 + dense:3 + softmax_cross_entropy",
    ]


def test_as_many_actors_as_layers_and_cost_are_one_for_each() -> None:
    assert labels(7) == labels("layer")


def test_where_a_network_is_cut_does_not_depend_on_the_seed_or_the_kernels() -> None:
    assert labels(2) == labels(2, NETWORK) == labels(2, sequence(NETWORK))


@pytest.mark.parametrize("stages", [1, 2, "layer"])
def test_a_checkpoint_has_the_same_arrays_for_any_number_of_actors(stages: str | int) -> None:
    learner = Learner(NETWORK, runtime="inline", stages=stages)
    checkpoint = learner.train(DATA, epochs=1, batch_size=5).checkpoint
    assert list(checkpoint.weights) == ["0.weight", "0.bias", "2.weight", "2.bias", "5.weight", "5.bias"]
    assert len(checkpoint.layers) == 6
