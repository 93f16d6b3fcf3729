"""Layers that fall ill while they work, on any runtime, until a file is deleted."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters
from annex_actors.layers import sequence
from annex_actors.layers.activations import Activation
from annex_actors.layers.layer import Saved
from annex_actors.protocol.routing import stage_address
from tests.trainings import Training

ILL = stage_address(1)
"""The stage whose layer is replaced by an ill one."""

STEP = 3
"""The step from which it is ill."""


@dataclass(frozen=True)
class Spinning(Activation):
    """An activation that loops for ever, in the interpreter, as long as a file exists."""

    while_exists: str = ""

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Work as usual before step 3."""
        while key is not None and key.step >= STEP and os.path.exists(self.while_exists):
            pass  # a livelock
        return super().forward(parameters, inputs, key)


@dataclass(frozen=True)
class Blocking(Activation):
    """An activation that sleeps for ever, as long as a file exists."""

    while_exists: str = ""

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Work as usual before step 3."""
        while key is not None and key.step >= STEP and os.path.exists(self.while_exists):
            time.sleep(0.01)
        return super().forward(parameters, inputs, key)


@dataclass(frozen=True)
class Slow(Activation):
    """An activation whose every forward takes a tenth of a second, as long as a file exists."""

    while_exists: str = ""

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Work as usual, but slowly."""
        if key is not None and os.path.exists(self.while_exists):
            time.sleep(0.1)
        return super().forward(parameters, inputs, key)


def with_layer(training: Training, kind: type[Spinning | Blocking | Slow], file: Path) -> Training:
    """Return a training whose first activation is of this kind, and ill while the file exists."""
    layers = list(training.network.layers)
    well = layers[1]
    assert isinstance(well, Activation)
    layers[1] = kind(well.function, while_exists=str(file))
    return replace(training, network=sequence(*layers))


@contextmanager
def illness(folder: Path) -> Iterator[Path]:
    """Yield the file that makes layers ill; deleted at the end of the block, so that a run always ends."""
    file = folder / "ill"
    file.touch()
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)
