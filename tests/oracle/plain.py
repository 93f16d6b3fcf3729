"""The plain sequential program: a loop over steps, microbatches and layers, without messages or actors.

It states a second time, independently, which weights a step meets, as formulas of t, s and S, and which schedules
compute a weight gradient for each microbatch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cache, reduce
from operator import add

import numpy as np

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Array, Floats, Parameters
from annex_actors.costs import cost
from annex_actors.data import Batches, microbatch_slices
from annex_actors.layers import Factors, Stack, Stateful, Weighted, on_stack
from annex_actors.optimizers import scaled
from annex_actors.peers.stage_state import LayerState
from annex_actors.protocol.events import EpochFinished
from annex_actors.runtimes.blas import blas_threads
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.plateau import reduce_on_plateau
from tests.trainings import Training

Version = Callable[[int, int, int], int]
"""From (t, s, S), the version of the weights of stage s that step t meets."""


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

SEPARATE_GRADIENTS = {"zb-h1", "zb-h2"}
"""The schedules that compute a weight gradient for each microbatch, and add them up in order."""


def expected(training: Training) -> Checkpoint:
    """Return the right result of ``training``; schedules without a formula or grouping of their own are equal."""
    if training.schedule in FORWARD:
        return plain(training)
    return plain(
        replace(training, schedule="zb-h1" if training.schedule in SEPARATE_GRADIENTS else "1f1b", stages=None)
    )


@cache
def plain(training: Training) -> Checkpoint:
    """Return the result of ``training``, computed with its layers, cost and optimizer in a loop."""
    learned = training.learned
    shape = training.network.shapes(learned.inputs.shape[1:])[-1]
    targets = cost(training.cost).encode(learned.targets, shape)
    batches = Batches(training.size, training.batch_size, training.seed)
    versions = [training.initial]
    with threads_of(training, None):  # as in every host: two threads round some products differently
        for step in range(training.steps):
            rows = batches.indices(step)
            weights = None if learned.sample_weight is None else learned.sample_weight[rows]
            versions.append(one_step(training, versions, learned.inputs[rows], targets[rows], weights))
    return versions[-1]


def threads_of(training: Training, layer: int | None) -> AbstractContextManager[None]:
    """Pin BLAS to the threads of a layer, or to those of all layers where they have the same number."""
    threads = training.blas_threads
    if isinstance(threads, int):
        return blas_threads(threads) if layer is None else nullcontext()
    return nullcontext() if layer is None else blas_threads(threads[layer])


def one_step(
    training: Training, versions: list[Checkpoint], inputs: Floats, targets: Array, weights: Floats | None = None
) -> Checkpoint:
    """Return the checkpoint one step after the last of ``versions``."""
    given: tuple[Floats, ...] = ()
    if weights is not None:  # to a mean of 1, but for a batch in which nothing counts
        given = (weights / (weights.sum() / weights.size) if weights.any() else weights,)
    network, total, step = training.network.layers, 0.0, len(versions) - 1
    forward, backward = (met(training, formulas, versions) for formulas in (FORWARD, BACKWARD))
    kept: list[list[Factors]] = [[] for _ in network]
    for microbatch, rows in enumerate(microbatch_slices(len(inputs), training.microbatches)):
        stack: Stack = (inputs[rows],)
        saved = []
        for index, layer in enumerate(network):
            key = RandomKey(training.seed, index, step, microbatch)
            with threads_of(training, index):
                stack, left = on_stack(layer).forward(forward[index], stack, key)
            saved.append(left)
        own = tuple(each[rows] for each in given)
        share, gradient = cost(training.cost).evaluate(stack[0], targets[rows], len(inputs), *own)
        total += share
        stack = (gradient,)
        for index, layer in reversed(list(enumerate(network))):
            with threads_of(training, index):
                stack, factors = on_stack(layer).backward(backward[index], saved[index], stack, True)
            kept[index].append(factors)
    before, penalty = versions[-1], 0.0
    gradients: dict[int, dict[str, Floats]] = {}
    for index, (layer, tuning) in enumerate(zip(network, training.network.tunings, strict=True)):
        if isinstance(layer, Weighted) and not tuning.frozen:
            parameters = {name: forward[index][name] for name in before.layers[index].parameters}
            with threads_of(training, index):
                gradients[index] = summed(training, layer, kept[index])
            if tuning.l1 or tuning.l2:
                penalty += tuning.penalty(parameters)
                tuning.add_penalty_gradients(parameters, gradients[index])
    clipped(training.clipping, list(gradients.values()))
    states = []
    for index, (layer, tuning) in enumerate(zip(network, training.network.tunings, strict=True)):
        state = before.layers[index]
        if index in gradients:
            factor = rate_factor(training, before.costs) * tuning.learning_rate
            optimizer = scaled(training.optimizer, factor)
            slots = {name: each for name, each in state.optimizer.items() if not name.startswith("average.")}
            after, own_slots = optimizer.update(step, state.parameters, gradients[index], slots)
            if training.ema_momentum is not None:
                own_slots = {**own_slots, **moved(training.ema_momentum, step, after, state.optimizer)}
            state = LayerState(after, own_slots, state.state)
        if isinstance(layer, Stateful) and not tuning.frozen:
            state = replace(state, state=layer.next_state(state.state, kept[index]))
        states.append(state)
    return Checkpoint(step + 1, tuple(states), before.input_shape, (*before.costs, total + penalty))


def rate_factor(training: Training, costs: Sequence[float]) -> float:
    """Return the factor of the learning rate after these steps, where it depends on the costs of the training."""
    rule = reduce_on_plateau(training.reduce_on_plateau)
    if rule is None:
        return 1.0
    batches = Batches(training.size, training.batch_size, training.seed)
    per_epoch, history = batches.steps_per_epoch, []
    for epoch in range(len(costs) // per_epoch):
        steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
        mean = reduce(add, (costs[step] * batches.size(step) for step in steps), 0.0) / training.size
        history.append(EpochFinished(epoch, steps.stop, mean))
    return rule(tuple(history))


def summed(training: Training, layer: Weighted, factors: list[Factors]) -> dict[str, Floats]:
    """Return the gradients of a layer's weights, from the factors of all microbatches of a step."""
    whole = [tuple(map(np.concatenate, zip(*factors, strict=True)))]
    first, *others = factors if training.schedule in SEPARATE_GRADIENTS else whole
    gradients = layer.weight_gradient(first)
    for each in others:
        more = layer.weight_gradient(each)
        gradients = {name: gradients[name] + more[name] for name in gradients}
    return gradients


def moved(momentum: float, step: int, weights: Parameters, slots: Parameters) -> Parameters:
    """Return the averages of a layer's weights after a step; the first ones are the weights."""
    averages = {f"average.{name}": weight for name, weight in weights.items()}
    if step == 0:
        return averages
    return {slot: slots[slot] + (weight - slots[slot]) * (1 - momentum) for slot, weight in averages.items()}


def clipped(how: str | None, gradients: list[dict[str, Floats]]) -> None:
    """Clip the gradients of all layers in place, with the numbers in the order of the layers."""
    if how is None:
        return
    kind, limit = how.split(":")
    squares = [sum_of_squares(layer) for layer in gradients]
    for layer, own in zip(gradients, squares, strict=True):
        norm = math.sqrt(reduce(add, squares, 0.0) if kind == "global_norm" else own)
        for array in layer.values():
            if kind == "value":
                np.clip(array, -float(limit), float(limit), out=array)
            elif float(limit) < norm + 1e-6:
                array *= float(limit) / (norm + 1e-6)


def sum_of_squares(arrays: dict[str, Floats]) -> float:
    """Return the sum of the squares of a layer's numbers, in float64."""
    return reduce(add, (float(np.square(array.astype(np.float64)).sum()) for array in arrays.values()), 0.0)


def met(training: Training, formulas: dict[str, Version], versions: list[Checkpoint]) -> list[Parameters]:
    """Return the weights of every layer that the step after ``versions`` meets."""
    version, step, stages = formulas.get(training.schedule, newest), len(versions) - 1, len(training.placement)
    return [
        versions[version(step, s, stages)].layers[index].weights
        for s, indices in enumerate(training.placement)
        for index in indices
        if index < len(training.network.layers)
    ]
