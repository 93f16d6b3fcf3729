"""Networks to export: each layer of the conformance tests by itself, and the small networks of the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np

from annex_actors import Learner
from annex_actors.base.types import Array, Shape
from annex_actors.layers import Embedding, Network


def learner_of(network: Network, input_shape: Shape, *, cost: str = "mean_squared_error", **settings: Any) -> Learner:
    """Return a learner as training leaves one, with random statistics and biases, since 0 and 1 hide much."""
    learner = Learner(network, cost=cost, **settings)
    initial = learner.spec.initial(input_shape)
    generator = np.random.default_rng(3)
    weights = {
        name: array + generator.uniform(0, 0.5, array.shape).astype(array.dtype)
        for name, array in initial.weights.items()
    }
    learner.checkpoint = type(initial).from_arrays(
        initial, step=1, weights=weights, optimizer=initial.optimizer, costs=[0.0]
    )
    return learner


def samples_for(network: Network, shape: Shape, rows: int = 5) -> Array:
    """Return samples that the network takes; some positions hold nothing but padding."""
    generator = np.random.default_rng(4)
    first = next((layer for layer in network.layers if isinstance(layer, Embedding)), None)
    if first is not None:
        return generator.integers(0, first.num_embeddings, (rows, *shape)).astype(np.float32)
    return generator.normal(0, 1.5, (rows, *shape)).astype(np.float32)
