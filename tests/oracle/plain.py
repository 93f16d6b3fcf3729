"""The plain sequential program: a loop over steps, microbatches and layers, without a message or an actor.

Which weights a step meets is written down here a second time, as formulas of t, s and S alone; so is which schedules
make a weight gradient for each microbatch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Array, Floats, Parameters
from annex_actors.costs import cost
from annex_actors.data import Batches, microbatch_slices
from annex_actors.peers.stage_state import LayerState
from annex_actors.training.checkpoint import Checkpoint
from tests.trainings import Training, samples

Version = Callable[[int, int, int], int]
"""From (t, s, S): after how many updates of stage s step t meets its weights."""


def newest(t: int, s: int, S: int) -> int:
    return t


FORWARD: dict[str, Version] = {
    "pipedream": lambda t, s, S: max(0, t - (S - 1 - s)),
    "pipedream-vertical": lambda t, s, S: max(0, t - (S - 1)),
    "2bw": lambda t, s, S: max(0, t - 1),
    "no-stash": lambda t, s, S: max(0, t - (S - 1 - s)),
}
"""The version that the forward of an asynchronous schedule meets; all others meet version t."""

BACKWARD: dict[str, Version] = {**FORWARD, "no-stash": newest}
"""The version that the backward meets."""

A_GRADIENT_EACH = {"zb-h1", "zb-h2"}
"""The schedules that make a weight gradient for each microbatch, and add them up in order."""


def expected(training: Training) -> Checkpoint:
    """Return what ``training`` must come to; schedules without formula or grouping of their own are equal."""
    if training.schedule in FORWARD:
        return plain(training)
    return plain(replace(training, schedule="zb-h1" if training.schedule in A_GRADIENT_EACH else "1f1b", stages=None))


@cache
def plain(training: Training) -> Checkpoint:
    """Return what the layers, the cost and the optimizer of ``training`` make of its data, in a loop."""
    learned = samples(training.size, training.cost)
    shape = training.network.shapes(learned.inputs.shape[1:])[-1]
    targets = cost(training.cost).encode(learned.targets, shape)
    batches = Batches(training.size, training.batch_size, training.seed)
    versions = [training.initial]
    for step in range(training.steps):
        rows = batches.indices(step)
        versions.append(one_step(training, versions, learned.inputs[rows], targets[rows]))
    return versions[-1]


def one_step(training: Training, versions: list[Checkpoint], inputs: Floats, targets: Array) -> Checkpoint:
    """Return the checkpoint after one more step than ``versions`` hold."""
    network, total, step = training.network.layers, 0.0, len(versions) - 1
    forward, backward = (met(training, formulas, versions) for formulas in (FORWARD, BACKWARD))
    entered: list[list[Floats]] = [[] for _ in network]
    came_back: list[list[Floats]] = [[] for _ in network]
    for microbatch, rows in enumerate(microbatch_slices(len(inputs), training.microbatches)):
        activation, saved = inputs[rows], []
        for index, layer in enumerate(network):
            entered[index].append(activation)
            key = RandomKey(training.seed, index, step, microbatch)
            activation, kept = layer.forward(forward[index], activation, key)
            saved.append(kept)
        share, gradient = cost(training.cost).evaluate(activation, targets[rows], len(inputs))
        total += share
        for index, layer in reversed(list(enumerate(network))):
            came_back[index].append(gradient)
            gradient = layer.backward(backward[index], saved[index], gradient)
    before, states = versions[-1], []
    for index, layer in enumerate(network):
        state = before.layers[index]
        if state.parameters:
            pairs = list(zip(entered[index], came_back[index], strict=True))
            if training.schedule not in A_GRADIENT_EACH:
                pairs = [(np.concatenate(entered[index]), np.concatenate(came_back[index]))]
            gradients = layer.weight_gradient(*pairs[0])
            for pair in pairs[1:]:
                more = layer.weight_gradient(*pair)
                gradients = {name: gradients[name] + more[name] for name in gradients}
            state = LayerState(*training.optimizer.update(step, state.parameters, gradients, state.optimizer))
        states.append(state)
    return Checkpoint(step + 1, tuple(states), before.input_shape, (*before.costs, total))


def met(training: Training, formulas: dict[str, Version], versions: list[Checkpoint]) -> list[Parameters]:
    """Return the weights of every layer that the step after ``versions`` meets."""
    version, step, stages = formulas.get(training.schedule, newest), len(versions) - 1, len(training.placement)
    return [
        versions[version(step, s, stages)].layers[index].parameters
        for s, indices in enumerate(training.placement)
        for index in indices
        if index < len(training.network.layers)
    ]
