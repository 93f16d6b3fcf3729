"""A summary says what a network is made of, and who does the work."""

from __future__ import annotations

import pytest

from annex_actors.base.errors import DataError
from annex_actors.layers import activation, dense, residual, sequence
from annex_actors.training.learner import Learner
from tests.trainings import Training

TRAINING = Training()


def test_a_summary_says_what_each_layer_is_and_who_works_on_it() -> None:
    learner = TRAINING.learner("threads")
    found = learner.summary((4,), batch_size=5)
    assert [row.name for row in found.rows] == ["dense:6", "relu", "dropout:0.3", "dense:3", "softmax_cross_entropy"]
    assert [row.output_shape for row in found.rows] == [(6,), (6,), (6,), (3,), ()]
    assert [row.parameters for row in found.rows] == [30, 0, 0, 21, 0]
    assert [row.message for row in found.rows] == [3 * 6 * 4, 3 * 6 * 4, 3 * 6 * 4, 3 * 3 * 4, None]
    assert [row.actor for row in found.rows] == [0, 1, 2, 3, 4]
    assert (found.parameters, found.actors, found.samples, found.place) == (51, 5, 3, "threads")


def test_layers_of_one_actor_send_each_other_nothing_and_skips_are_sent_too() -> None:
    network = sequence(dense(4), residual(dense(4), activation("relu")), dense(2))
    whole = Learner(network, microbatches=1).summary((4,), batch_size=1)
    names = [row.name for row in whole.rows]
    within = whole.rows[names.index("fork")]
    assert within.message == 2 * 4 * 4
    two = Learner(network, microbatches=1, stages=2, dtype="float64").summary((4,), batch_size=1)
    sent = [row for row in two.rows if row.message is not None]
    assert len(sent) == 1
    assert two.dtype == "float64"


def test_after_a_training_its_shape_is_known() -> None:
    learner = TRAINING.learner()
    with pytest.raises(DataError, match="expected trained weights, got none"):
        learner.summary()
    learner.train(TRAINING.dataset, epochs=1, batch_size=5)
    assert learner.summary() == learner.summary((4,))
    assert repr(learner.summary()).splitlines()[0].split()[:4] == ["#", "layer", "output", "parameters"]
