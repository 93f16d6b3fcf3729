"""The records of a run, as values that are written and read as JSON: its network, its epochs, its outcome."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict

from annex_actors.base.types import Shape
from annex_actors.data import Dataset
from annex_actors.layers import Network
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.result import Result

Status: TypeAlias = Literal["finished", "interrupted", "failed"]
"""How a run ended."""

Number: TypeAlias = Annotated[
    float | None,
    BeforeValidator(lambda value: None if isinstance(value, float) and not math.isfinite(value) else value),
]
"""A finite number, or None for any other: JSON has neither NaN nor infinity."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LayerRecord(_Record):
    """A layer.

    Args:
        layer: its index.
        spec: its text, such as ``dense:128``.
        input_shape: of one sample.
        output_shape: of one sample.
        parameters: how many numbers it learns.
    """

    layer: int
    spec: str
    input_shape: Shape
    output_shape: Shape
    parameters: int


class NetworkRecord(_Record):
    """A network, and the data that it was trained on.

    Args:
        dataset: the name of the data set.
        source: where the data came from, and how they were scaled: samples to predict must be scaled the same way.
        input_shape: of one sample.
        classes: the names of the classes; None for regression.
        layers: the layers.
        parameters: how many numbers all layers learn.
    """

    dataset: str
    source: str
    input_shape: Shape
    classes: tuple[str, ...] | None
    layers: tuple[LayerRecord, ...]
    parameters: int

    @classmethod
    def of(cls, network: Network, initial: Checkpoint, dataset: Dataset) -> NetworkRecord:
        """Return the record of a network, given its state before the first step and its data."""
        shapes = network.shapes(dataset.input_shape)
        counts = [sum(array.size for array in state.parameters.values()) for state in initial.layers]
        layers = [
            LayerRecord(
                layer=index,
                spec=layer.spec(),
                input_shape=shapes[index],
                output_shape=shapes[index + 1],
                parameters=count,
            )
            for index, (layer, count) in enumerate(zip(network.layers, counts, strict=True))
        ]
        return cls(
            dataset=dataset.name,
            source=dataset.source,
            input_shape=dataset.input_shape,
            classes=dataset.classes,
            layers=tuple(layers),
            parameters=sum(counts),
        )


class EpochRecord(_Record):
    """An epoch: a line of the metrics.

    Args:
        epoch: its number, from 1.
        steps: how many steps the run has trained by its end.
        train_cost: mean over the epoch's samples.
        test_cost: mean over the test samples after the epoch; None if validation samples were evaluated instead.
        metrics: of the samples that were evaluated, by name.
        samples_per_second: its training samples over the time from the end of the epoch before, evaluated, to its own,
            evaluated; the first epoch of a run, started or resumed, begins where the trainer is up. Samples trained
            before a resume do not count; 0 where the epoch was only evaluated again.
        seconds: from the first actor of the run, started or resumed, to the end of the epoch.
        restarts: of any actor, since then.
        validation_cost: mean over the validation samples after the epoch; None without any.
    """

    epoch: int
    steps: int
    train_cost: Number
    test_cost: Number
    metrics: Mapping[str, Number]
    samples_per_second: float
    seconds: float
    restarts: int
    validation_cost: Number = None


class RunReport(_Record):
    """The outcome of a run; ``--json`` prints it.

    Args:
        run_dir: the run's folder.
        status: how it ended.
        error: one line, if it failed.
        dataset: the name of the data set.
        runtime: the runtime's name.
        schedule: the schedule's name.
        microbatches: into how many parts every batch was cut.
        stages: how many actors the layers and the cost had.
        epochs: how many were finished.
        steps: of the weights: the last step that every layer committed, or the end of the epoch that was restored.
        restored_epoch: the epoch whose weights were restored, from 1; None: the weights are those of the last step.
        train_cost: mean over the samples of the last finished epoch, or of the one that was restored; so below.
        validation_cost: mean over the validation samples after the last finished epoch; None without any.
        test_cost: mean over the test samples after the last finished epoch; with a validation set, at the end.
        test_accuracy: fraction of the test samples classified correctly after that epoch; None for regression.
        test_metrics: all metrics of the test samples after that epoch, by name.
        weights_sha256: fingerprint of the weights at ``steps``.
        state_sha256: fingerprint of the weights and the optimizer's slots.
        cost_log_sha256: fingerprint of the cost of every step.
        restarts: how many times any actor was restarted since the run was started or resumed.
        seconds: from the start of the first actor, then, until the run finished, failed or was interrupted.
        samples_per_second: training throughput since then, including start and evaluation.
    """

    run_dir: str
    status: Status
    error: str | None
    dataset: str
    runtime: str
    schedule: str
    microbatches: int
    stages: int
    epochs: int
    steps: int
    restored_epoch: int | None = None
    train_cost: Number
    validation_cost: Number = None
    test_cost: Number
    test_accuracy: Number
    test_metrics: Mapping[str, Number]
    weights_sha256: str
    state_sha256: str
    cost_log_sha256: str
    restarts: int
    seconds: float
    samples_per_second: float

    @classmethod
    def of(
        cls, spec: LearnerSpec, result: Result, *, dataset: str, run_dir: str, status: Status, error: str | None = None
    ) -> RunReport:
        """Return the report of a run that has ended; for the arguments see the class."""
        checkpoint = result.checkpoint
        return cls(
            run_dir=run_dir,
            status=status,
            error=error,
            dataset=dataset,
            runtime=spec.runtime.name,
            schedule=spec.schedule.name,
            microbatches=result.microbatches,
            stages=result.stages,
            epochs=len(result.history),
            steps=checkpoint.step,
            restored_epoch=result.epoch.epoch + 1 if result.last and result.epoch else None,
            train_cost=result.train_cost,
            validation_cost=result.validation_cost,
            test_cost=result.test_cost,
            test_accuracy=result.test_accuracy,
            test_metrics=result.test_metrics,
            restarts=result.restarts,
            seconds=result.seconds,
            samples_per_second=result.samples_per_second,
            **checkpoint.hashes,
        )
