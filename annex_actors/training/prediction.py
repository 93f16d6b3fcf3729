"""Predict with actors, as in training."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from annex_actors.base.errors import ShapeError
from annex_actors.base.types import Floats, Shape
from annex_actors.data import Samples
from annex_actors.data.arrays import as_array
from annex_actors.peers.predictor import PredictorSpec
from annex_actors.protocol.routing import TRAINER
from annex_actors.runtimes import Program
from annex_actors.stores import MemoryStore
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.preparation import run_name
from annex_actors.training.session import start


def predict(spec: LearnerSpec, checkpoint: Checkpoint, inputs: ArrayLike) -> Floats:
    """Return the predictions of a network with these weights; see `Learner.predict`.

    Args:
        spec: the learner's settings.
        checkpoint: the weights.
        inputs: shape ``(samples, *input_shape)``.

    Returns:
        Shape ``(samples, *output_shape)``, float32.

    Raises:
        DataError: there are no inputs, or they are not finite.
        ShapeError: inputs of another shape than in training.
    """
    samples = _checked(inputs, checkpoint.input_shape)
    stages = spec.stage_specs(checkpoint, run_name())
    store = MemoryStore()
    predictor = PredictorSpec(stages[0].run, stages[0].routing, samples, checkpoint.step)
    job = start(spec, Program(predictor.run, stages, predictor, store, spec.supervision, load=spec.load))
    try:
        job.wait()
    finally:
        job.close()
    commit = store.latest(TRAINER)
    assert commit is not None
    return spec.cost.predictions(commit.state)


def _checked(inputs: ArrayLike, expected: Shape) -> Floats:
    array = as_array(inputs, "inputs")
    if array.ndim == 0 or array.shape[1:] != expected:
        wanted = ", ".join(["samples", *map(str, expected)])
        raise ShapeError(f"expected inputs of shape ({wanted}), as in training, got {array.shape}; reshape them")
    return Samples(array, np.zeros(len(array), np.int64)).inputs
