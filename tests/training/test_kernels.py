"""The kernels of a learner: given to its layers, checked before it trains, used for its predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from annex_actors.base.types import Floats
from annex_actors.layers import NUMPY, Dense, NumpyKernels, dense
from annex_actors.runtimes.blas import BrokenBlasError
from annex_actors.training.learner import Learner
from tests.trainings import Training, fingerprints, undisturbed

TRAINING = Training()


@dataclass(frozen=True)
class Doubled(NumpyKernels):
    """A user's own kernels, with results that differ from those of all others."""

    def product(self, left: Floats, right: Floats) -> Floats:
        return 2 * NUMPY.product(left, right)


def test_a_learner_gives_its_kernels_to_its_layers() -> None:
    learner = Learner(dense(3), kernels=Doubled())
    (layer,) = learner.spec.network.layers
    assert isinstance(layer, Dense)
    assert layer.kernels == Doubled()


@pytest.mark.parametrize("runtime", ["inline", "threads", "schedulers", "processes"])
def test_a_users_own_kernels_compute_the_training_and_the_predictions(runtime: str) -> None:
    learner = Learner(dense(3), kernels=Doubled(), runtime=runtime, seed=3)
    result = learner.train(TRAINING.dataset, epochs=1, batch_size=5)
    weight, bias = result.checkpoint.weights["0.weight"], result.checkpoint.weights["0.bias"]
    outputs = 2 * (TRAINING.dataset.test.inputs @ weight) + bias
    exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(learner.predict(TRAINING.dataset.test.inputs), expected, rtol=1e-5)


def test_with_torch_a_learner_gives_the_same_bits_on_threads_and_inline() -> None:
    pytest.importorskip("torch")
    results = [
        Learner(TRAINING.network, kernels="torch", runtime=runtime, microbatches=3).train(
            TRAINING.dataset, epochs=2, batch_size=5
        )
        for runtime in ("inline", "threads", "schedulers", "processes")
    ]
    assert len({fingerprints(result.checkpoint) for result in results}) == 1


def test_with_torch_a_few_samples_have_the_bits_that_actors_serve() -> None:
    pytest.importorskip("torch")
    inputs = TRAINING.dataset.train.inputs
    learner = Learner(TRAINING.network, kernels="torch", runtime="threads")
    learner.train(TRAINING.dataset, epochs=1, batch_size=5)
    with learner.serving() as predict:
        assert predict(inputs).tobytes() == learner.predict(inputs).tobytes()


def test_numpys_kernels_are_the_default() -> None:
    result = TRAINING.learner().train(TRAINING.dataset, epochs=TRAINING.epochs, batch_size=TRAINING.batch_size)
    assert fingerprints(result.checkpoint) == undisturbed(TRAINING).fingerprints
    assert TRAINING.learner().spec.kernels == NUMPY


def test_kernels_with_wrong_results_are_refused_before_any_actor_starts() -> None:
    class Restless:
        name = description = "restless"
        products = 0

        def product(self, left: Floats, right: Floats) -> Floats:
            self.products += 1
            return NUMPY.product(left, right) * self.products

    learner = Learner(dense(3), kernels=Restless())
    with pytest.raises(BrokenBlasError, match="restless"):
        learner.train(TRAINING.dataset, epochs=1, batch_size=5)
    assert learner.result is None
