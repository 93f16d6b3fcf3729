"""How many bytes each layer's arrays have: exact, from the arrays that its work makes of real samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from annex_actors.base.types import Floats, Parameters
from annex_actors.layers import Stack
from annex_actors.optimizers import is_elementwise
from annex_actors.peers.stage import StageSpec
from annex_actors.peers.stage_division import divided
from annex_actors.peers.stage_layers import StageLayers
from annex_actors.peers.stage_work import MicrobatchWork
from annex_actors.protocol.effects import Send
from annex_actors.protocol.instrument import NO_INSTRUMENT
from annex_actors.protocol.messages import Backward, Forward, Target
from annex_actors.runtimes import Program


@dataclass(frozen=True, slots=True)
class LayerBytes:
    """The bytes of a layer's arrays, for one microbatch.

    Args:
        output: of what F sends to the next layer.
        saved: of what F leaves for B; what two layers hold counts at the first.
        factors: of what B leaves for W, likewise.
        parameters: of the parameters, and of the state that no gradient changes.
        optimizer: of the optimizer's slots.
        divided_rows: how many rows has the array that replicas of a stage divide; 0: there is none.
        divided_slots: of the optimizer's slots of that array.
    """

    output: int
    saved: int
    factors: int
    parameters: int
    optimizer: int
    divided_rows: int = 0
    divided_slots: int = 0


def layer_bytes(program: Program) -> tuple[LayerBytes, ...]:
    """Return the bytes of each layer's arrays, the cost as the last layer.

    Args:
        program: of one stage; the first microbatch of its first step is worked on.
    """
    (stage,) = program.stages
    assert isinstance(stage, StageSpec)
    assert stage.cost is not None
    forward, target = _first_messages(program)
    layers = [_alone(stage, index) for index in range(len(stage.layers))]
    weights = [state.weights for state in stage.initial.layers]
    stack, works, outputs = forward.stack, [], []
    for index, layer in enumerate(layers):
        stack, work = layer.forward(replace(forward, array=stack[0], skips=tuple(stack[1:])), (weights[index],))
        works.append(work)
        outputs.append(_size(stack))
    saved = list(_own_bytes([each.saved for each in works], weights))
    cost = StageLayers((), stage.cost, first_layer=len(layers), seed=stage.seed, instrument=NO_INSTRUMENT)
    _, gradient = cost.evaluate(stage.cost, forward, stack[0], target)
    _run_backward(layers, works, weights, forward, gradient)
    factors = list(_own_bytes([each.factors for each in works], weights))
    states = stage.initial.layers
    parameters = [_size(state.weights.values()) for state in states]
    slots = [_size(state.optimizer.values()) for state in states]
    found_rows = [_divided(stage, index) for index in range(len(stage.layers))]
    rows, row_slots = [rows for rows, _ in found_rows], [size for _, size in found_rows]
    found = map(LayerBytes, outputs, saved, factors, parameters, slots, rows, row_slots)
    return (*found, LayerBytes(0, 0, 0, 0, 0))


def _first_messages(program: Program) -> tuple[Forward, Target]:
    """Return the first microbatch as the trainer sends it."""
    effects = program.driver.node(None, 1).start()
    sent = [effect.envelope.message for effect in effects if isinstance(effect, Send)]
    forward = next(each for each in sent if isinstance(each, Forward))
    target = next(each for each in sent if isinstance(each, Target))
    return forward, target


def _divided(stage: StageSpec, index: int) -> tuple[int, int]:
    """Return how many rows of a layer replicas divide, and the bytes of the slots of these rows; 0 where none."""
    state = stage.initial.layers[index]
    name = divided(stage.layers[index], state, stage.tuning[index] if stage.tuning else None)
    if name is None or not is_elementwise(stage.optimizer):
        return 0, 0
    slots = [array for slot, array in state.optimizer.items() if slot.partition(".")[2] == name]
    return len(state.parameters[name]), _size(slots)


def _alone(stage: StageSpec, index: int) -> StageLayers:
    """Return one layer of a stage as the layers of a stage of its own."""
    return StageLayers(
        stage.layers[index : index + 1],
        None,
        tuning=stage.tuning[index : index + 1],
        first_layer=stage.first_layer + index,
        first_learner=stage.first_learner,
        seed=stage.seed,
        instrument=NO_INSTRUMENT,
    )


def _run_backward(
    layers: list[StageLayers],
    works: list[MicrobatchWork],
    weights: list[Parameters],
    forward: Forward,
    gradient: Floats,
) -> None:
    """Leave in ``works`` what B leaves for W."""
    stack: Stack = (gradient,)
    for layer, work, own in reversed(list(zip(layers, works, weights, strict=True))):
        message = Backward(forward.run, forward.step, forward.microbatch, forward.edge, stack[0], tuple(stack[1:]))
        stack = layer.backward(message, work, (own,))


def _own_bytes(held: Iterable[object], weights: Iterable[Parameters]) -> Iterator[int]:
    """Yield for each layer the bytes of what it holds and no layer before it does, without its weights."""
    known = {id(_owner(array)) for each in weights for array in each.values()}
    for each in held:
        owners = {id(owner): owner for owner in map(_owner, _arrays(each)) if id(owner) not in known}
        known |= owners.keys()
        yield _size(owners.values())


def _arrays(value: object) -> Iterator[Any]:
    """Yield the arrays in what a layer saved, of NumPy or of another library."""
    if hasattr(value, "nbytes") and hasattr(value, "shape"):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _arrays(each)
    elif isinstance(value, list | tuple | set):
        for each in value:
            yield from _arrays(each)
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from _arrays(getattr(value, each.name))


def _owner(array: Any) -> Any:
    """Return the array that has the memory of ``array``, which may be a view."""
    while isinstance(array, np.ndarray) and isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _size(arrays: Iterable[Any]) -> int:
    return sum(int(array.nbytes) for array in arrays)
