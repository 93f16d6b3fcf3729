"""A training before any actor starts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Array, Shape
from annex_actors.costs import SoftmaxCrossEntropy
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.session import Session
from tests.trainings import Training, at_every_step, fingerprints, undisturbed

TRAINING = Training(microbatches=3)
ENCODED: list[int] = []


@dataclass(frozen=True)
class Counting(SoftmaxCrossEntropy):
    """A cost that records how many targets it has encoded."""

    def encode(self, targets: Array, output_shape: Shape) -> Array:
        ENCODED.append(len(targets))
        return super().encode(targets, output_shape)


def test_a_prepared_training_runs_without_encoding_the_data_again() -> None:
    learner, dataset = TRAINING.learner(), TRAINING.dataset
    learner.spec = replace(learner.spec, cost=Counting())
    ENCODED.clear()
    training = PreparedTraining.of(learner.spec, dataset, epochs=TRAINING.epochs, batch_size=TRAINING.batch_size)
    result = learner.carry_out(training)
    assert [len(dataset.train), len(dataset.test)] == ENCODED
    assert fingerprints(result.checkpoint) == undisturbed(TRAINING).fingerprints


def test_the_same_training_can_run_twice() -> None:
    training = TRAINING.prepared
    first, again = Session(training).run(), Session(training).run()
    assert fingerprints(first.checkpoint) == fingerprints(again.checkpoint) == undisturbed(TRAINING).fingerprints


def test_a_training_resumes_from_one_of_its_checkpoints() -> None:
    cut = at_every_step(TRAINING)[2]
    session = Session(TRAINING.prepared.resumed(cut))
    assert fingerprints(session.run().checkpoint) == undisturbed(TRAINING).fingerprints
    assert session.result is not None
    left = range(2, TRAINING.steps)
    assert session.result.samples == sum(TRAINING.prepared.trainer.batches.size(step) for step in left)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"microbatches": 0}, "expected `microbatches` to be an integer >= 1, got 0"),
        ({"stages": 99}, "expected `stages` to be at most 5"),
        ({"seed": -1}, "expected `seed` to be an integer >= 0"),
    ],
)
def test_changed_settings_are_checked_again(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(TRAINING.learner().spec, **settings)  # type: ignore[arg-type]
