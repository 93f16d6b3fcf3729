"""A stage by itself, with a step of two microbatches, and the parts of what it answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Array, Floats
from annex_actors.costs import cost
from annex_actors.layers import Layer, Weighted, dense
from annex_actors.optimizers import Sgd
from annex_actors.peers.stage import Stage, StageSpec
from annex_actors.peers.stage_state import LayerState, StageState
from annex_actors.protocol.effects import Commit, Request
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, Point
from annex_actors.protocol.messages import Backward, Forward, Message, Post, Predict, Target
from annex_actors.protocol.routing import Routing
from annex_actors.schedules.table import discipline
from tests.protocol import messages
from tests.protocol.messages import RUN

RATE = 0.1
NUMBERS = np.random.default_rng(5)
WEIGHT = NUMBERS.standard_normal((3, 2)).astype(np.float32)
BIAS = NUMBERS.standard_normal(2).astype(np.float32)
INPUTS = NUMBERS.standard_normal((5, 3)).astype(np.float32)
GRADIENTS = NUMBERS.standard_normal((5, 2)).astype(np.float32)
ROWS = (slice(0, 3), slice(3, 5))
"""Two microbatches; the second is the shorter one."""


def stage_spec(
    *layers: Layer, stage: int = 1, stages: int = 3, schedule: str = "gpipe", seed: int = 4, last: bool = False
) -> StageSpec:
    """Return the stage of these layers; the ``last`` one has a cost too."""
    keys = (RandomKey(seed, stage + at) for at in range(len(layers)))
    parameters = [
        layer.initial_parameters((3,), key, np.dtype(np.float32)) if isinstance(layer, Weighted) else {}
        for layer, key in zip(layers, keys, strict=True)
    ]
    return StageSpec(
        stage=stage,
        first_layer=stage,
        layers=layers,
        cost=cost("mean_squared_error") if last else None,
        optimizer=Sgd(learning_rate=RATE),
        discipline=discipline(schedule),
        initial=StageState(tuple(LayerState(each, {}) for each in parameters)),
        step=0,
        seed=seed,
        run=RUN,
        routing=Routing(stages),
    )


def dense_spec(**kwargs: int | bool) -> StageSpec:
    """Return the stage of one dense layer with the weights above."""
    return stage_spec(dense(2, weights=WEIGHT, biases=BIAS), **kwargs)  # type: ignore[arg-type]


class AtPoints(Instrument):
    """Calls a function at every point."""

    def __init__(self, call: Callable[[Point, int, int, int], object]) -> None:
        self._call = call

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        self._call(point, layer, step, microbatch)


def stage_of(specification: StageSpec, instrument: Instrument = NO_INSTRUMENT) -> Stage:
    return Stage(specification, specification.initial, 0, instrument)


def forward(microbatch: int, step: int = 0) -> Forward:
    return messages.forward(step, microbatch, samples=5, array=INPUTS[ROWS[microbatch]])


def backward(microbatch: int, gradients: Floats = GRADIENTS) -> Backward:
    return messages.backward(0, microbatch, array=gradients[ROWS[microbatch]])


def target(microbatch: int) -> Target:
    return messages.target(0, microbatch, array=GRADIENTS[ROWS[microbatch]])


DEFERRED = messages.weight_gradient()


def posts(requests: list[Request]) -> list[Message]:
    return [request.message for request in requests if isinstance(request, Post)]


def array(requests: list[Request]) -> Array:
    """Return the array of the one message with an array."""
    (message,) = (each for each in posts(requests) if isinstance(each, Forward | Backward | Predict))
    return message.array


def state(requests: list[Request]) -> StageState:
    """Return what was committed."""
    (commit,) = (each for each in requests if isinstance(each, Commit))
    committed: StageState = commit.snapshot.state
    return committed


def finished(specification: StageSpec, order: tuple[int, ...] = (0, 1)) -> list[Request]:
    """Return the requests of the end of a step whose gradients came in ``order``."""
    stage = stage_of(specification)
    for microbatch in (0, 1):
        stage.handle(forward(microbatch))
    for microbatch in order:
        stage.handle(backward(microbatch))
    return stage.handle(DEFERRED)


def cost_stage() -> Stage:
    return stage_of(stage_spec(stage=2, last=True))


def cost_forward(microbatch: int) -> Forward:
    return messages.forward(0, microbatch, samples=5, edge=2, array=GRADIENTS[ROWS[microbatch]] + 1)
