"""A message that ends every actor which works on it ends the run, though nothing says what an actor died of."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, replace

import pytest

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters
from annex_actors.layers import Activation, Saved
from annex_actors.layers.activations import Relu
from annex_actors.runtimes import RunFailedError, Supervision
from tests.rays import shared_ray
from tests.trainings import Training, carry_out


@dataclass(frozen=True)
class Segfaults(Activation):
    """A relu that ends its process."""

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        ctypes.string_at(0)  # in this very thread, which therefore does no more
        return super().forward(parameters, inputs, key)


def test_a_layer_that_ends_its_process_again_and_again_is_named() -> None:
    training = Training(epochs=1)
    stages = training.stage_specs()
    broken = replace(stages[1], layers=(Segfaults(Relu()),))
    program = replace(
        training.program(supervision=Supervision(max_attempts=1)), stages=(stages[0], broken, *stages[2:])
    )
    place = r"layer 1 relu: its process ended in forward at step 0 microbatch 0 \(failed 10 times"
    with pytest.raises(RunFailedError, match=place):
        carry_out(program, shared_ray(spares=2), training.initial)
