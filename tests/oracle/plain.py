"""The plain sequential program: a loop over steps, microbatches and layers, without a message or an actor."""

from __future__ import annotations

from functools import cache

import numpy as np

from annex_actors.costs import cost
from annex_actors.data import Batches, microbatch_slices
from annex_actors.keys import RandomKey
from annex_actors.protocol.snapshot import LayerState
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.types import Array, Floats
from tests.trainings import Training, samples


@cache
def plain(training: Training) -> Checkpoint:
    """Return what the layers, the cost and the optimizer of ``training`` make of its data, in a loop."""
    learned = samples(training.size, training.cost)
    shape = training.network.shapes(learned.inputs.shape[1:])[-1]
    targets = cost(training.cost).encode(learned.targets, shape)
    batches = Batches(training.size, training.batch_size, training.seed)
    checkpoint = training.initial
    for step in range(training.steps):
        rows = batches.indices(step)
        checkpoint = one_step(training, checkpoint, learned.inputs[rows], targets[rows])
    return checkpoint


def one_step(training: Training, before: Checkpoint, inputs: Floats, targets: Array) -> Checkpoint:
    """Return the checkpoint after one more step."""
    network, total = training.network.layers, 0.0
    entered: list[list[Floats]] = [[] for _ in network]
    came_back: list[list[Floats]] = [[] for _ in network]
    for microbatch, rows in enumerate(microbatch_slices(len(inputs), training.microbatches)):
        activation, saved = inputs[rows], []
        for index, layer in enumerate(network):
            entered[index].append(activation)
            key = RandomKey(training.seed, index, before.step, microbatch)
            activation, kept = layer.forward(before.layers[index].parameters, activation, key)
            saved.append(kept)
        share, gradient = cost(training.cost).evaluate(activation, targets[rows], len(inputs))
        total += share
        for index, layer in reversed(list(enumerate(network))):
            came_back[index].append(gradient)
            gradient = layer.backward(before.layers[index].parameters, saved[index], gradient)
    states = []
    for index, layer in enumerate(network):
        state = before.layers[index]
        if state.parameters:
            gradients = layer.weight_gradient(np.concatenate(entered[index]), np.concatenate(came_back[index]))
            state = LayerState(*training.optimizer.update(before.step, state.parameters, gradients, state.optimizer))
        states.append(state)
    return Checkpoint(before.step + 1, tuple(states), before.input_shape, (*before.costs, total))
