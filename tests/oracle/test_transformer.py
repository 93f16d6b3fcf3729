"""A transformer gives the bits of the plain program: deep with an actor for each layer, in stages, and cut anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from annex_actors.base.types import Shape
from annex_actors.layers import parse_layers
from annex_actors.layers.stack import shapes_after
from annex_actors.runtimes import Crash
from tests.faults.plans import disturbed
from tests.matrix import matrix
from tests.oracle.plain import plain
from tests.trainings import CLASSES, Training, fingerprints, host_named

BLOCK = "residual( layer_norm self_attention:2 ) residual( layer_norm dense:8 gelu dense:4 )"
SHALLOW = Training(
    network=parse_layers(f"mask embedding:6:4 {BLOCK} masked_avg_pool dense:{CLASSES}"), input_shape=(4,), tokens=6
)
DEEP = replace(
    SHALLOW,
    network=parse_layers(
        f"mask embedding:6:4 positions repeat:12( {BLOCK} ) layer_norm masked_avg_pool dense:{CLASSES}"
    ),
    size=6,
    batch_size=3,
    epochs=1,
)


def arrays_after_each_layer(training: Training) -> list[int]:
    """Return how many arrays each layer passes on."""
    shapes: tuple[Shape, ...] = (training.input_shape,)
    counts = []
    for layer in training.network.layers:
        shapes = shapes_after(layer, shapes)
        counts.append(len(shapes))
    return counts


CUTS = [index for index, count in enumerate(arrays_after_each_layer(SHALLOW), start=1) if count == 3]
"""Where a cut meets an activation, what a residual block skips, and a mask."""


def test_a_transformer_of_twelve_blocks_with_an_actor_for_each_layer_equals_the_plain_program() -> None:
    assert len(DEEP.network.layers) >= 72
    outcome = disturbed(DEEP, host_named("schedulers"), crashes=(Crash(layer=60, step=1),))
    assert outcome.restarts == 1
    assert outcome.fingerprints == fingerprints(plain(DEEP))


@pytest.mark.parametrize("runtime", ["schedulers", "processes"])
def test_the_same_transformer_in_four_stages_has_the_same_bits(runtime: str) -> None:
    result = DEEP.learner(host_named(runtime), stages=4).train(
        DEEP.dataset, epochs=DEEP.epochs, batch_size=DEEP.batch_size
    )
    assert result.stages == 4
    assert fingerprints(result.checkpoint) == fingerprints(plain(DEEP))


@pytest.mark.parametrize("cut", matrix(CUTS, sample=2, id=str))
def test_a_residual_block_may_be_cut_between_two_processes(cut: int) -> None:
    training = replace(SHALLOW, stages=(range(cut), range(cut, len(SHALLOW.network.layers) + 1)))
    outcome = disturbed(training, host_named("processes"), crashes=(Crash(layer=cut, step=1), Crash(layer=0, step=2)))
    assert outcome.restarts == 2
    assert outcome.fingerprints == fingerprints(plain(SHALLOW))
