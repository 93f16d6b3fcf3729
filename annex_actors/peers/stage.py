"""A stage: one layer (the default) or several neighbours, with their weights, optimizer and random key.

`Stage.handle` is a function of (weights at the stage's version, message, keyed randomness): repeated after a crash it
gives the same bits. It never blocks, sends or reads a clock.

Forward keeps what backward needs in a slot of its microbatch. Backward makes the input gradient and sends it first,
since others wait for it; the weight gradient is deferred. Usually it is one message at the end of the step, where the
inputs and gradients of all microbatches lie side by side and one matrix product serves them all; a discipline may ask
for one message a microbatch. The optimizer then makes version t+1 next to version t: a crash at any instruction leaves
version t whole, and microbatches that are to meet older versions still find them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite

import numpy as np

from annex_actors.base.errors import DivergedError, LayerError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Array, Floats
from annex_actors.costs import Cost
from annex_actors.layers import Layer, Saved
from annex_actors.optimizers import Optimizer
from annex_actors.peers.stage_mailbox import StageMailbox
from annex_actors.peers.stage_state import LayerState, StageState, Weights
from annex_actors.protocol.effects import Commit, Request
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, Point, active
from annex_actors.protocol.messages import (
    WHOLE_STEP,
    Address,
    Backward,
    Control,
    Forward,
    Message,
    Post,
    Predict,
    Report,
    Target,
    WeightGradient,
    WithArray,
    freeze,
)
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.routing import Routing, stage_address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.schedules.discipline import Discipline, Grouping


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

    def node(
        self,
        snapshot: Snapshot | None,
        incarnation: int,
        instrument: Instrument = NO_INSTRUMENT,
        is_due: Callable[[int], bool] = every_step,
    ) -> Node:
        """Return the stage as a peer, at its last commit."""
        snapshot = snapshot or Snapshot(self.address, self.step, self.initial)
        return Node(
            self.address,
            incarnation,
            run=self.run,
            routing=self.routing,
            behaviour=Stage(self, snapshot.state, snapshot.step, instrument),
            mailbox=StageMailbox(
                self.discipline,
                self.stage,
                self.routing,
                needs_targets=self.cost is not None,
                committed=snapshot.step,
            ),
            snapshot=snapshot,
            instrument=instrument,
            is_due=is_due,
        )


@dataclass(slots=True)
class _Slot:
    """What a microbatch leaves behind for its backward and weight gradient: one entry for each layer.

    ``weights`` and ``saved`` serve B and go with it; ``inputs`` and ``gradients`` serve W.
    """

    weights: Weights
    saved: list[Saved] = field(default_factory=list)
    inputs: list[Floats | None] = field(default_factory=list)
    gradients: dict[int, Floats] = field(default_factory=dict)


@dataclass(slots=True)
class _StepWork:
    """What is under way of one step."""

    share: range
    slots: dict[int, _Slot] = field(default_factory=dict)
    costs: list[float] = field(default_factory=list)
    backwards: int = 0
    sums: dict[int, dict[str, Floats]] = field(default_factory=dict)


class Stage:
    """The behaviour of one stage, between and within steps.

    Args:
        spec: what the stage is.
        state: its weights and optimizer at ``step``.
        step: the version of ``state``.
        instrument: sees the layers' work, at every `Point`.
    """

    def __init__(self, spec: StageSpec, state: StageState, step: int, instrument: Instrument = NO_INSTRUMENT) -> None:
        self._spec = spec
        self._edges = spec.routing.edges(spec.address)
        self._state = state
        self._step = step
        self._at = active(instrument.at)
        self._lag = spec.discipline.lag(spec.stage, spec.routing.stages)
        # The versions at hand, the newest last: that of `step`, and those before it that microbatches may still meet.
        self._versions: tuple[Weights, ...] = (*state.stash, _weights_of(state))
        self._steps: dict[int, _StepWork] = {}
        self._targets: dict[tuple[int, int], Array] = {}
        self._place = Point.FORWARD, 0
        self._width = len(spec.layers) + (spec.cost is not None)

    @property
    def versions(self) -> int:
        """How many versions of the weights are kept."""
        return len(self._versions)

    def start(self) -> tuple[Request, ...]:
        """Wait for the first message."""
        return ()

    def on_control(self, peer: Address, control: Control) -> tuple[Request, ...]:
        """Leave acknowledgements and resumptions to the node."""
        return ()

    def handle(self, message: Message) -> list[Request]:
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

    def _work(self, message: Message) -> list[Request]:
        match message:
            case Forward():
                return self._forward(message)
            case Backward():
                return self._backward(message)
            case WeightGradient():
                return self._weight_gradient(message)
            case Predict():
                return self._predict(message)
            case Target():
                self._targets[message.step, message.microbatch] = message.array
                return []
            case _:
                raise TypeError(f"expected a stage's message, got {message}")

    def _version(self, step: int) -> Weights:
        """Return the weights that F of ``step`` meets: those after ``step - lag`` updates, or the first there were."""
        updates_ago = self._step - (step - self._lag)
        return self._versions[max(0, len(self._versions) - 1 - updates_ago)]

    def _forward(self, message: Forward) -> list[Request]:
        spec = self._spec
        slot = _Slot(self._version(message.step))
        activation = message.array
        for offset, layer in enumerate(spec.layers):
            index = self._enter(Point.FORWARD, offset)
            key = RandomKey(spec.seed, index, message.step, message.microbatch)
            parameters = slot.weights[offset]
            slot.inputs.append(activation if parameters else None)
            activation, saved = layer.forward(parameters, activation, key)
            slot.saved.append(saved)
            self._leave(message)
        work = self._steps.get(message.step)
        if work is None:
            work = self._steps[message.step] = _StepWork(self._share(message))
        work.slots[message.microbatch] = slot
        activation = freeze(activation)
        if spec.cost is not None:
            return self._cost(spec.cost, message, work, activation)
        onward = Forward(message.run, message.step, message.microbatch, self._edges.outputs, activation, message.part)
        return [self._post(onward)]

    def _cost(self, cost: Cost, message: Forward, work: _StepWork, outputs: Floats) -> list[Request]:
        self._enter(Point.FORWARD, len(self._spec.layers))
        target = self._targets.pop((message.step, message.microbatch))
        value, gradient = cost.evaluate(outputs, target, message.part.samples)
        if not isfinite(value):
            raise DivergedError(
                f"expected a finite cost, got {value} at step {message.step} microbatch {message.microbatch}; "
                "lower the learning rate, or look at the data's scale"
            )
        self._leave(message)
        work.costs.append(value)
        edge = self._edges.outputs
        back = Backward(message.run, message.step, message.microbatch, edge, freeze(gradient))
        requests: list[Request] = [Post(self._spec.address, back)]
        if len(work.costs) == len(work.share):
            report = Report(message.run, message.step, WHOLE_STEP, edge, sum(work.costs), message.part.samples)
            requests.append(self._post(report))
        return requests

    def _backward(self, message: Backward) -> list[Request]:
        spec, work = self._spec, self._steps[message.step]
        slot = work.slots[message.microbatch]
        weights = slot.weights if spec.discipline.stashes else self._versions[-1]
        gradient = message.array
        for offset in reversed(range(self._width)):
            index = self._enter(Point.BACKWARD, offset)
            slot.gradients[offset] = gradient
            is_cost = offset == len(spec.layers)  # its gradient was made together with its value
            if index > 0 and not is_cost:  # nobody wants the gradient of the samples
                gradient = spec.layers[offset].backward(weights[offset], slot.saved[offset], gradient)
            self._leave(message)
        slot.weights, slot.saved = (), []
        requests: list[Request] = []
        if spec.stage > 0:
            back = Backward(message.run, message.step, message.microbatch, self._edges.inputs, freeze(gradient))
            requests.append(self._post(back))
        work.backwards += 1
        each = spec.discipline.weight_gradients is Grouping.MICROBATCH
        if each or work.backwards == len(work.share):
            microbatch = message.microbatch if each else WHOLE_STEP
            deferred = WeightGradient(message.run, message.step, microbatch, self._edges.inputs)
            requests.append(Post(spec.address, deferred))
        return requests

    def _weight_gradient(self, message: WeightGradient) -> list[Request]:
        work = self._steps[message.step]
        whole = message.microbatch == WHOLE_STEP
        slots = [work.slots.pop(each) for each in (sorted(work.slots) if whole else [message.microbatch])]
        for offset in range(self._width):
            self._enter(Point.WEIGHT_GRADIENT, offset)
            if self._state_of(offset).parameters:
                _add(work.sums, offset, self._gradients(offset, slots))
            self._leave(message)
        if whole or message.microbatch == work.share[-1]:
            return self._finish_step(message, work)
        return []

    def _gradients(self, offset: int, slots: list[_Slot]) -> dict[str, Floats]:
        inputs = _side_by_side([array for slot in slots if (array := slot.inputs[offset]) is not None])
        outputs = _side_by_side([slot.gradients[offset] for slot in slots])
        return self._spec.layers[offset].weight_gradient(inputs, outputs)

    def _finish_step(self, message: WeightGradient, work: _StepWork) -> list[Request]:
        spec, before = self._spec, self._state
        layers = tuple(self._updated(offset, work.sums.get(offset, {}), message) for offset in range(self._width))
        log = before.cost_log
        if spec.cost is not None:
            log = log.append(sum(work.costs))
        # Step t + 1 and later meet version t + 1 - lag and later.
        stash = (*before.stash, _weights_of(before))[-self._lag :] if self._lag else ()
        self._state = StageState(layers[: len(spec.layers)], log, stash)
        self._versions = (*stash, _weights_of(self._state))
        self._step += 1
        for offset in range(self._width):
            self._enter(Point.COMMIT, offset)
            self._leave(message)
        del self._steps[message.step]
        return [Commit(Snapshot(spec.address, self._step, self._state))]

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

    def _predict(self, message: Predict) -> list[Request]:
        activation = message.array
        for offset, layer in enumerate(self._spec.layers):
            self._enter(Point.FORWARD, offset)
            activation, _ = layer.forward(self._versions[-1][offset], activation, None)
        onward = Predict(message.run, message.step, message.microbatch, self._edges.outputs, freeze(activation))
        return [self._post(onward)]

    def _share(self, message: Forward) -> range:
        return self._spec.routing.share(self._spec.address, message.step, message.part.microbatches)

    def _post(self, message: Message) -> Post:
        return Post(self._spec.routing.receiver(message), message)

    def _enter(self, point: Point, offset: int) -> int:
        """Note where a failure would be, and return the layer's index in the whole network."""
        self._place = point, offset
        return self._spec.first_layer + offset

    def _leave(self, message: Message) -> None:
        if self._at is not None:
            point, offset = self._place
            self._at(point, self._spec.first_layer + offset, message.step, message.microbatch)

    def _failure(self, message: Message) -> LayerError:
        (point, offset), spec = self._place, self._spec
        index = spec.first_layer + offset
        given = f", given {message.array.shape} {message.array.dtype}" if isinstance(message, WithArray) else ""
        where = f"step {message.step}" + ("" if message.microbatch < 0 else f" microbatch {message.microbatch}")
        return LayerError(
            f"layer {index} ({spec.parts[offset]}) failed in {point.value} at {where}{given or self._shapes(offset)}",
            address=str(spec.address),
            layer=index,
            step=message.step,
            microbatch=message.microbatch,
            work=point.value,
        )

    def _shapes(self, offset: int) -> str:
        """Return what a whole step's work was about: the weights, where the layer has any."""
        shapes = [f"{name} {array.shape} {array.dtype}" for name, array in self._state_of(offset).parameters.items()]
        return f", given {', '.join(shapes)}" if shapes else ""


_NO_WEIGHTS = LayerState({}, {})


def _weights_of(state: StageState) -> Weights:
    return tuple(layer.parameters for layer in state.layers)


def _side_by_side(arrays: list[Floats]) -> Floats:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _add(sums: dict[int, dict[str, Floats]], offset: int, gradients: dict[str, Floats]) -> None:
    """Add a microbatch's gradients to those of the microbatches before it."""
    if offset not in sums:
        sums[offset] = gradients
        return
    for name, gradient in gradients.items():
        sums[offset][name] += gradient
