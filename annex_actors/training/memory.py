"""Whether each stage of a training fits in the memory that its plan gives it, found out before any actor starts."""

from __future__ import annotations

from annex_actors.placement import Plan
from annex_actors.placement.memory import LayerMemory, check_fits
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.profiles import bytes_of_layers


def check_memory(training: PreparedTraining) -> None:
    """Refuse a training of which a stage may need more memory than its plan gives it.

    The bytes that layers keep are those of one microbatch, of which each layer does F and B in the calling thread.

    Raises:
        ConfigError: a stage does not fit; the message says what it needs.
    """
    stages = training.spec.stages
    if not isinstance(stages, Plan) or all(stage.memory is None for stage in stages.stages):
        return
    found = bytes_of_layers(training.spec, training.dataset, training.trainer.batches.batch_size)
    layers = [
        LayerMemory(each.parameters, each.optimizer, each.saved, each.factors, each.divided_rows, each.divided_slots)
        for each in found
    ]
    check_fits(stages, layers, training.spec.schedule, training.trainer.microbatches)
