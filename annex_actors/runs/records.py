"""What a run says about itself, as values that can be written and read: its network, its epochs, its end."""

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
"""A number, or None where there is none; JSON knows neither NaN nor infinity."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LayerRecord(_Record):
    """One layer.

    Args:
        layer: its index.
        spec: as text, such as ``dense:128``.
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
    """What was trained, and what its numbers mean.

    Args:
        dataset: the name of the data set.
        source: where the data came from, and how it was scaled: samples to predict for must be scaled alike.
        input_shape: of one sample.
        classes: the names of the classes; None for regression.
        layers: the layers.
        parameters: how many numbers they learn together.
    """

    dataset: str
    source: str
    input_shape: Shape
    classes: tuple[str, ...] | None
    layers: tuple[LayerRecord, ...]
    parameters: int

    @classmethod
    def of(cls, network: Network, initial: Checkpoint, dataset: Dataset) -> NetworkRecord:
        """Return the record of a network for this data, and in its state before the first step."""
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
    """One epoch: a line of the metrics.

    Args:
        epoch: from 1, as people count.
        steps: trained so far.
        train_cost: mean over the epoch's samples.
        test_cost: mean over the test samples after the epoch.
        metrics: of the test samples, by name.
        samples_per_second: training throughput of this epoch, its evaluation included.
        seconds: since the run began, or was resumed.
        restarts: of any actor since then.
    """

    epoch: int
    steps: int
    train_cost: Number
    test_cost: Number
    metrics: Mapping[str, Number]
    samples_per_second: float
    seconds: float
    restarts: int


class RunReport(_Record):
    """What a run came to; ``--json`` prints it.

    Args:
        run_dir: the folder that it is kept in.
        status: how it ended.
        error: one line, where it failed.
        dataset: the name of the data set.
        runtime: where the layers lived.
        schedule: in which order they worked.
        microbatches: into how many parts every batch was cut.
        stages: how many actors the layers made.
        epochs: finished ones.
        steps: the last step that every layer committed.
        train_cost: mean over the last finished epoch's samples.
        test_cost: mean over the test samples after the last finished epoch.
        test_accuracy: part of the test samples classified right then; None for regression.
        test_metrics: all metrics of the test samples then, by name.
        weights_sha256: fingerprint of the weights at ``steps``.
        state_sha256: fingerprint of the weights and the optimizer's slots.
        cost_log_sha256: fingerprint of the cost of every step.
        restarts: how often any actor was started anew, since the run began or was resumed.
        seconds: from the first actor's start then to the last one's end.
        samples_per_second: training throughput, evaluations included.
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
    train_cost: Number
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
        """Return the report of a run that has ended."""
        checkpoint = result.checkpoint
        return cls(
            run_dir=run_dir,
            status=status,
            error=error,
            dataset=dataset,
            runtime=spec.runtime.name,
            schedule=spec.schedule.name,
            microbatches=spec.microbatches,
            stages=result.stages,
            epochs=len(result.history),
            steps=checkpoint.step,
            train_cost=result.train_cost,
            test_cost=result.test_cost,
            test_accuracy=result.test_accuracy,
            test_metrics=result.history[-1].metrics if result.history else {},
            restarts=result.restarts,
            seconds=result.seconds,
            samples_per_second=result.samples_per_second,
            **checkpoint.hashes,
        )
