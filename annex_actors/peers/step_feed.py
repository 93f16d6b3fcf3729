"""Feed a step: cut its batch into microbatches, and make the messages for the first and the last stage."""

from __future__ import annotations

from typing import NamedTuple

from annex_actors.base.types import Array, Floats
from annex_actors.costs import scaled
from annex_actors.data import microbatch_slices
from annex_actors.protocol.messages import Forward, Part, Post, Target, freeze
from annex_actors.protocol.routing import Routing


class TrainingSamples(NamedTuple):
    """What is trained on.

    Args:
        inputs: shape ``(samples, *input_shape)``.
        targets: as the cost encodes them.
        weight: what each sample counts, shape ``(samples,)``; None: 1 each.
    """

    inputs: Floats
    targets: Array
    weight: Floats | None


def fed(
    samples: TrainingSamples,
    indices: Array,
    run: str,
    routing: Routing,
    *,
    step: int,
    parts: int,
    rate_factor: float = 1.0,
) -> list[Post]:
    """Return the messages of a step: for each microbatch its targets, then its inputs.

    Args:
        samples: all samples.
        indices: of the samples in the batch, in their order.
        run: the run's name.
        routing: the chain of stages.
        step: from 0.
        parts: into how many microbatches to cut, at most; a batch of fewer samples has one for each.
        rate_factor: see `Part`.
    """
    slices = microbatch_slices(len(indices), parts)
    part = Part(len(slices), len(indices), rate_factor)
    weights = None if samples.weight is None else scaled(samples.weight[indices])
    posts = []
    for microbatch, rows in enumerate(slices):
        inputs = freeze(samples.inputs[indices[rows]])
        targets = freeze(samples.targets[indices[rows]])
        forward = Forward(run, step, microbatch, routing.inputs, inputs, part)
        weight = None if weights is None else freeze(weights[rows])
        target = Target(run, step, microbatch, routing.targets, targets, weight)
        posts += [Post(routing.receiver(message), message) for message in (target, forward)]
    return posts
