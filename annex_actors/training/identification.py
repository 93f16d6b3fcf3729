"""Identify a training: list everything that decides its bits. What a new feature adds to it belongs in this list."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from annex_actors.base.described import Scalar, array_text, described, fingerprint
from annex_actors.base.words import counted
from annex_actors.data import Dataset, Samples
from annex_actors.data.sources.stored import stored
from annex_actors.schedules.discipline import Grouping
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.class_weights import text_of
from annex_actors.training.identity import INITIAL_WEIGHTS, PREPARED, Identity
from annex_actors.training.learner_spec import LearnerSpec


def identity_of(
    spec: LearnerSpec,
    dataset: Dataset,
    batch_size: int,
    initial: Checkpoint,
    *,
    metrics: Iterable[str] = (),
    evaluate_every: int | None = None,
) -> Identity:
    """Return the identity of a training whose initial weights are drawn.

    The test samples, the validation samples and the metrics belong to it, since the history shows them and a condition
    to halt may ask for them. The condition
    itself does not: it is asked again, and decides how many steps there are, but none of them.

    Args:
        spec: the learner's settings.
        dataset: what it trains on.
        batch_size: samples in a step.
        initial: the network before its first step.
        metrics: the names of those in the history.
        evaluate_every: steps between two evaluations within epochs; None: there are none.
    """
    layers: dict[str, Scalar] = {f"layer {index}": layer.spec() for index, layer in enumerate(spec.network.layers)}
    for name, layer in zip(list(layers), spec.network.layers, strict=True):
        layers.update(described(name, layer))
    layers.update(
        {
            f"layer {index} is tuned": " ".join(each.words)
            for index, each in enumerate(spec.network.tuning)
            if each.words
        }
    )
    return Identity(
        {
            "seed": spec.seed,
            "batch_size": batch_size,
            "microbatches": spec.parts(batch_size),
            "kernels": spec.kernels.name,
            "blas_threads": _threads(spec, initial),
            "dtype": None if spec.dtype == np.float32 else spec.dtype.name,
            "schedule": _formula(spec, initial, spec.parts(batch_size)),
            **described("cost", spec.cost),
            "class_weight": text_of(spec.class_weight),
            **described("optimizer", spec.optimizer),
            **({} if spec.ema_momentum is None else {"ema_momentum": spec.ema_momentum}),
            **(described("reduce_on_plateau", spec.reduce_on_plateau) if spec.reduce_on_plateau else {}),
            **(described("clipping", spec.clipping) if spec.clipping else {}),
            **layers,
            "input_shape": str(dataset.input_shape),
            "classes": len(dataset.classes) if dataset.classes else None,
            "training data": _fingerprint_of(dataset.train),
            "test data": _fingerprint_of(dataset.test),
            "validation data": None if dataset.validation is None else _fingerprint_of(dataset.validation),
            PREPARED: None if dataset.preparation is None else dataset.preparation.sha256,
            "evaluate_every": evaluate_every,
            "metrics": " ".join(metrics) if tuple(metrics) not in ((), ("accuracy",), ("r2",)) else None,
            INITIAL_WEIGHTS: None,
        }
    )


def _threads(spec: LearnerSpec, initial: Checkpoint) -> Scalar:
    """Return the number of BLAS threads if it is not 1; where it is not the same for all layers, that of each."""
    stages = zip(spec.blas_threads, spec.placement(initial), strict=True)
    of_layers = [number for number, indices in stages for _ in indices][: len(initial.layers)]
    if len(set(of_layers)) == 1:
        return None if of_layers[0] == 1 else of_layers[0]
    return " ".join(map(str, of_layers))


def _formula(spec: LearnerSpec, initial: Checkpoint, microbatches: int) -> Scalar:
    """Return the weights that each step meets, and how its gradients are summed: all that a schedule decides.

    So all synchronous schedules with the same grouping are one, however many stages there are, and an asynchronous one
    is the same with stages that give every layer with weights the same lag.
    """
    lags = [lag for lag, layer in zip(spec.lags(initial), initial.layers, strict=True) if layer.weights]
    words = ["synchronous"]
    if any(lags):
        stashes = "" if spec.schedule.stashes else ", without stash"
        words = [f"weights older by steps: {' '.join(map(str, lags))}{stashes}"]
    if spec.schedule.weight_gradients is Grouping.MICROBATCH and microbatches > 1:
        words.append("a weight gradient for each microbatch")
    return ", ".join(words)


def _fingerprint_of(samples: Samples) -> str:
    weights = () if samples.sample_weight is None else (samples.sample_weight,)
    found = stored(samples.inputs)
    inputs = array_text(samples.inputs) if found is None else found.text
    arrays = " ".join([inputs, *map(array_text, (samples.targets, *weights))])
    return f"{counted(len(samples), 'sample')} {fingerprint(arrays.encode())}"
