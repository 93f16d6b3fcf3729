"""A stage: one layer (the default) or several neighbours, with their weights, optimizer and random key.

`Stage.handle` is a function of (weights at the stage's version, message, keyed randomness): repeated after a crash it
gives the same bits. It never blocks, sends or reads a clock.

Forward keeps what backward needs in a slot of its microbatch. Backward makes the input gradient and sends it first,
since others wait for it; the weight gradient is deferred to one message at the end of the step, where the inputs and
gradients of all microbatches lie side by side and one matrix product serves them all. The optimizer then makes version
t+1 next to version t: a crash at any instruction leaves version t whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from math import isfinite
from typing import TypeAlias

import numpy as np

from annex_actors.costs import Cost
from annex_actors.errors import DivergedError, LayerError
from annex_actors.keys import RandomKey
from annex_actors.layers import Layer, Saved
from annex_actors.optimizers import Optimizer
from annex_actors.protocol.discipline import Discipline
from annex_actors.protocol.effects import Commit, Wish
from annex_actors.protocol.mailbox import StageMailbox
from annex_actors.protocol.messages import (
    WHOLE_STEP,
    Address,
    Backward,
    Control,
    Forward,
    Message,
    Part,
    Post,
    Predict,
    Report,
    Target,
    WeightGradient,
    WithArray,
    freeze,
)
from annex_actors.protocol.node import Node
from annex_actors.protocol.routing import Routing, stage_address
from annex_actors.protocol.snapshot import LayerState, Snapshot, StageState
from annex_actors.types import Array, Floats


class Point(Enum):
    """A place in a stage's work where a probe looks in; a crash plan names them."""

    FORWARD = "forward"
    BACKWARD = "backward"
    WEIGHT_GRADIENT = "weight_gradient"
    UPDATE = "update"
    COMMIT = "commit"


Probe: TypeAlias = Callable[[Point, int, int, int], None]
"""Called with (point, layer, step, microbatch) after the work and before its effects; may raise, as any layer may."""


def no_probe(point: Point, layer: int, step: int, microbatch: int) -> None:
    """Look at nothing."""


@dataclass(frozen=True, slots=True)
class StageSpec:
    """All that makes a stage, as plain data that can be sent to another process.

    Args:
        stage: s, from 0.
        first_layer: index in the whole network of its first layer; the cost counts as the layer after the last.
        layers: the stage's layers, in order; may be empty where the stage is the cost alone.
        cost: the last stage's cost; None elsewhere.
        optimizer: what updates the weights.
        discipline: the schedule.
        initial: the layers' states where the stage has not committed anything.
        step: the version of ``initial``: 0, or where an earlier run ended.
        seed: of the run.
        run: the run's name.
        routing: the chain that the stage is part of.
    """

    stage: int
    first_layer: int
    layers: tuple[Layer, ...]
    cost: Cost | None
    optimizer: Optimizer
    discipline: Discipline
    initial: StageState
    step: int
    seed: int
    run: str
    routing: Routing

    @property
    def address(self) -> Address:
        """The stage's name among the peers."""
        return stage_address(self.stage)

    @property
    def label(self) -> str:
        """One line for people: ``layer 0 dense:512``."""
        return f"layer {self.first_layer} " + " + ".join(self.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """What the stage is made of: its layers, and the cost as the last one."""
        return (*(layer.spec() for layer in self.layers), *([self.cost.name] if self.cost else []))

    def node(self, snapshot: Snapshot | None, incarnation: int, probe: Probe = no_probe) -> Node:
        """Return the stage as a peer, at its last commit."""
        snapshot = snapshot or Snapshot(self.address, self.step, self.initial)
        return Node(
            self.address,
            incarnation,
            run=self.run,
            routing=self.routing,
            behaviour=Stage(self, snapshot.state, snapshot.step, probe),
            mailbox=StageMailbox(
                self.discipline,
                self.stage,
                self.routing.stages,
                needs_targets=self.cost is not None,
                committed=snapshot.step,
            ),
            snapshot=snapshot,
        )


@dataclass(slots=True)
class _Slot:
    """What a microbatch leaves behind for its backward and weight gradient: one entry for each layer."""

    saved: list[Saved] = field(default_factory=list)
    inputs: list[Floats] = field(default_factory=list)
    gradients: dict[int, Floats] = field(default_factory=dict)
    cost: float = 0.0


class Stage:
    """The behaviour of one stage, between and within steps.

    Args:
        spec: what the stage is.
        state: its weights and optimizer at ``step``.
        step: the version of ``state``.
        probe: looks in at every `Point`.
    """

    def __init__(self, spec: StageSpec, state: StageState, step: int, probe: Probe = no_probe) -> None:
        self._spec = spec
        self._state = state
        self._step = step
        self._probe = probe
        self._slots: dict[int, _Slot] = {}
        self._targets: dict[tuple[int, int], Array] = {}
        self._part = Part(0, 0)
        self._backwards = 0
        self._place = Point.FORWARD, 0
        self._width = len(spec.layers) + (spec.cost is not None)

    def start(self) -> tuple[Wish, ...]:
        """Wait for the first message."""
        return ()

    def hear(self, peer: Address, control: Control) -> tuple[Wish, ...]:
        """Leave acknowledgements and resumptions to the node."""
        return ()

    def handle(self, message: Message) -> list[Wish]:
        """Do one piece of work.

        Raises:
            LayerError: a layer, the cost or the optimizer failed; the cause is chained.
            DivergedError: the cost of the microbatch is no number.
        """
        try:
            return self._work(message)
        except DivergedError:
            raise
        except Exception as error:  # whatever a layer raises is given its place and raised on
            raise self._failure(message) from error

    def _work(self, message: Message) -> list[Wish]:
        match message:
            case Forward():
                return self._forward(message)
            case Backward():
                return self._backward(message)
            case WeightGradient():
                return self._finish_step(message)
            case Predict():
                return self._predict(message)
            case Target():
                self._targets[message.step, message.microbatch] = message.array
                return []
            case _:
                raise TypeError(f"expected a stage's message, got {message}")

    def _forward(self, message: Forward) -> list[Wish]:
        spec, slot = self._spec, _Slot()
        activation = message.array
        for offset, layer in enumerate(spec.layers):
            index = self._enter(Point.FORWARD, offset)
            key = RandomKey(spec.seed, index, message.step, message.microbatch)
            slot.inputs.append(activation)
            activation, saved = layer.forward(self._state.layers[offset].parameters, activation, key)
            slot.saved.append(saved)
            self._leave(message)
        self._part = message.part
        self._slots[message.microbatch] = slot
        activation = freeze(activation)
        if spec.cost is not None:
            return self._cost(spec.cost, message, slot, activation)
        onward = Forward(message.run, message.step, message.microbatch, message.edge + 1, activation, message.part)
        return [self._post(onward)]

    def _cost(self, cost: Cost, message: Forward, slot: _Slot, outputs: Floats) -> list[Wish]:
        self._enter(Point.FORWARD, len(self._spec.layers))
        target = self._targets.pop((message.step, message.microbatch))
        slot.cost, gradient = cost.evaluate(outputs, target, message.part.samples)
        if not isfinite(slot.cost):
            raise DivergedError(
                f"expected a finite cost, got {slot.cost} at step {message.step} microbatch {message.microbatch}; "
                "lower the learning rate, or look at the data's scale"
            )
        self._leave(message)
        edge = message.edge + 1
        back = Backward(message.run, message.step, message.microbatch, edge, freeze(gradient))
        wishes: list[Wish] = [Post(self._spec.address, back)]
        if len(self._slots) == message.part.microbatches:
            report = Report(message.run, message.step, WHOLE_STEP, edge, self._step_cost(), message.part.samples)
            wishes.append(self._post(report))
        return wishes

    def _step_cost(self) -> float:
        return sum(self._slots[microbatch].cost for microbatch in range(self._part.microbatches))

    def _backward(self, message: Backward) -> list[Wish]:
        spec, slot = self._spec, self._slots[message.microbatch]
        gradient = message.array
        for offset in reversed(range(self._width)):
            index = self._enter(Point.BACKWARD, offset)
            slot.gradients[offset] = gradient
            is_cost = offset == len(spec.layers)  # its gradient was made together with its value
            if index > 0 and not is_cost:  # nobody wants the gradient of the samples
                parameters = self._state.layers[offset].parameters
                gradient = spec.layers[offset].backward(parameters, slot.saved[offset], gradient)
            self._leave(message)
        wishes: list[Wish] = []
        if spec.stage > 0:
            back = Backward(message.run, message.step, message.microbatch, spec.stage, freeze(gradient))
            wishes.append(self._post(back))
        self._backwards += 1
        if self._backwards == self._part.microbatches:
            deferred = WeightGradient(message.run, message.step, WHOLE_STEP, spec.stage)
            wishes.append(Post(spec.address, deferred))
        return wishes

    def _finish_step(self, message: WeightGradient) -> list[Wish]:
        spec = self._spec
        gradients = [self._weight_gradient(offset, message) for offset in range(self._width)]
        layers = tuple(self._updated(offset, gradients[offset], message) for offset in range(self._width))
        log = self._state.cost_log
        if spec.cost is not None:
            log = log.append(self._step_cost())
        self._state = StageState(layers[: len(spec.layers)], log)
        self._step += 1
        for offset in range(self._width):
            self._enter(Point.COMMIT, offset)
            self._leave(message)
        self._slots, self._backwards = {}, 0
        return [Commit(Snapshot(spec.address, self._step, self._state))]

    def _weight_gradient(self, offset: int, message: WeightGradient) -> dict[str, Floats]:
        self._enter(Point.WEIGHT_GRADIENT, offset)
        gradients = {}
        if self._state_of(offset).parameters:
            slots = [self._slots[microbatch] for microbatch in range(self._part.microbatches)]
            inputs = _side_by_side([slot.inputs[offset] for slot in slots])
            outputs = _side_by_side([slot.gradients[offset] for slot in slots])
            gradients = self._spec.layers[offset].weight_gradient(inputs, outputs)
        self._leave(message)
        return gradients

    def _updated(self, offset: int, gradients: dict[str, Floats], message: WeightGradient) -> LayerState:
        self._enter(Point.UPDATE, offset)
        state = self._state_of(offset)
        if state.parameters:
            update = self._spec.optimizer.update
            state = LayerState(*update(self._step, state.parameters, gradients, state.optimizer))
        self._leave(message)
        return state

    def _state_of(self, offset: int) -> LayerState:
        return self._state.layers[offset] if offset < len(self._state.layers) else _NO_WEIGHTS

    def _predict(self, message: Predict) -> list[Wish]:
        activation = message.array
        for offset, layer in enumerate(self._spec.layers):
            self._enter(Point.FORWARD, offset)
            activation, _ = layer.forward(self._state.layers[offset].parameters, activation, None)
        onward = Predict(message.run, message.step, message.microbatch, self._spec.stage + 1, freeze(activation))
        return [self._post(onward)]

    def _post(self, message: Message) -> Post:
        return Post(self._spec.routing.receiver(message), message)

    def _enter(self, point: Point, offset: int) -> int:
        """Note where a failure would be, and return the layer's index in the whole network."""
        self._place = point, offset
        return self._spec.first_layer + offset

    def _leave(self, message: Message) -> None:
        point, offset = self._place
        self._probe(point, self._spec.first_layer + offset, message.step, message.microbatch)

    def _failure(self, message: Message) -> LayerError:
        (point, offset), spec = self._place, self._spec
        index = spec.first_layer + offset
        # A whole step's work was given the gradients of all microbatches; the first one's stands for them.
        array = message.array if isinstance(message, WithArray) else self._slots[0].gradients[offset]
        where = f"step {message.step}" + ("" if message.microbatch < 0 else f" microbatch {message.microbatch}")
        return LayerError(
            f"layer {index} ({spec.parts[offset]}) failed in {point.value} at {where}, "
            f"given {array.shape} {array.dtype}",
            address=spec.address,
            layer=index,
            step=message.step,
            microbatch=message.microbatch,
            work=point.value,
        )


_NO_WEIGHTS = LayerState({}, {})


def _side_by_side(arrays: list[Floats]) -> Floats:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
