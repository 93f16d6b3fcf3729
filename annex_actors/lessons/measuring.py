"""How long a step takes here, with layers that wait after their work: any number of workers on a few cores."""

from __future__ import annotations

from dataclasses import replace

from annex_actors.data import Dataset
from annex_actors.runtimes.slowed_layers import SlowedLayers
from annex_actors.stores import MemoryStore
from annex_actors.training.blocks import StepEnds, block, prepared_blocks
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner import Learner
from annex_actors.training.session import start

_WARM_UP, _STEPS = 2, 10


def measured_step(learner: Learner, dataset: Dataset, rows: int, slowed: SlowedLayers) -> tuple[float, str]:
    """Train a few steps; return the mean seconds of one, and the fingerprint of the weights.

    Args:
        learner: with the network, the schedule, the number of microbatches and the runtime.
        dataset: what to train on.
        rows: samples of a microbatch.
        slowed: how long layers wait.
    """
    training = prepared_blocks(learner.spec, dataset, rows)
    stages = training.saved_stages
    store, ends = MemoryStore(stages, depth=training.trainer.overlap + 1), StepEnds()
    job = start(learner.spec, replace(block(training, _WARM_UP + _STEPS, store, [ends]), slowed=slowed))
    try:
        job.wait()
    finally:
        job.close()
    return ends.seconds(_WARM_UP), Checkpoint.gather(store, stages, training.initial).weights_sha256
