"""Small trainings of a whole network in one stage, as profiling measures them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from annex_actors import Dataset, Learner, Network, parse_layers
from annex_actors.data import Samples
from annex_actors.peers.trainer_state import TrainerState
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import Program
from annex_actors.stores import MemoryStore
from annex_actors.training.preparation import PreparedTraining

SAMPLES, INPUTS, CLASSES = 24, 6, 3


def dataset() -> Dataset:
    """Return random samples of three classes."""
    numbers = np.random.default_rng(0)
    inputs = numbers.standard_normal((SAMPLES, INPUTS), dtype=np.float32)
    samples = Samples(inputs, np.arange(SAMPLES) % CLASSES)
    return Dataset("random", samples, samples, ("a", "b", "c"), None, "random numbers")


def program(
    steps: int = 4,
    instrument: Instrument = NO_INSTRUMENT,
    *,
    layers: str | Network = "dense:5 relu dense:3",
    microbatches: int = 2,
    **settings: Any,
) -> Program:
    """Return a training of so many steps; each has all samples, 24."""
    network = parse_layers(layers) if isinstance(layers, str) else layers
    learner = Learner(network, stages=1, microbatches=microbatches, **settings)
    prepared = PreparedTraining.of(learner.spec, dataset(), epochs=1000, batch_size=SAMPLES)
    trainer = replace(prepared.trainer, test=None, test_targets=None, resumed=TrainerState(halt_at=steps))
    program = replace(prepared, trainer=trainer).program(MemoryStore([stage_address(0)]), ())
    return replace(program, instruments=(instrument,))
