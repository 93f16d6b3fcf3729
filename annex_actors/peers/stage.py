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
from dataclasses import dataclass, replace
from math import isfinite

from annex_actors.base.errors import DivergedError, LayerError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Array, Floats
from annex_actors.costs import Cost
from annex_actors.layers import AnyLayer, Stack, Stateful, Weighted, on_stack
from annex_actors.optimizers import Optimizer
from annex_actors.peers.stage_mailbox import StageMailbox
from annex_actors.peers.stage_state import LayerState, StageState, Weights
from annex_actors.peers.step_work import MicrobatchWork, StepWork, side_by_side
from annex_actors.protocol.effects import Commit, Wish
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
    layers: tuple[AnyLayer, ...]
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
                self.routing.stages,
                needs_targets=self.cost is not None,
                committed=snapshot.step,
            ),
            snapshot=snapshot,
            instrument=instrument,
            is_due=is_due,
        )


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
        self._versions: tuple[Weights, ...] = (*state.stash, state.weights)
        self._steps: dict[int, StepWork] = {}
        self._targets: dict[tuple[int, int], Array] = {}
        self._place = Point.FORWARD, 0
        self._width = len(spec.layers) + (spec.cost is not None)
        self._layers = tuple(map(on_stack, spec.layers))
        self._weighted = {
            offset: layer
            for offset, layer in enumerate(spec.layers)
            if isinstance(layer, Weighted) and state.layers[offset].parameters
        }
        self._stateful = {offset: layer for offset, layer in enumerate(spec.layers) if isinstance(layer, Stateful)}

    @property
    def versions(self) -> int:
        """How many versions of the weights are kept."""
        return len(self._versions)

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

    def _forward(self, message: Forward) -> list[Wish]:
        spec, microbatch = self._spec, MicrobatchWork(self._version(message.step))
        stack = message.stack
        for offset, layer in enumerate(self._layers):
            index = self._enter(Point.FORWARD, offset)
            key = RandomKey(spec.seed, index, message.step, message.microbatch)
            stack, saved = layer.forward(microbatch.weights[offset], stack, key)
            microbatch.saved.append(saved)
            self._leave(message)
        work = self._steps.get(message.step)
        if work is None:
            work = self._steps[message.step] = StepWork(message.part)
        work.microbatches[message.microbatch] = microbatch
        top, *skips = map(freeze, stack)
        if spec.cost is not None:
            return self._cost(spec.cost, message, work, top)
        onward = Forward(
            message.run, message.step, message.microbatch, self._edges.outputs, top, message.part, tuple(skips)
        )
        return [self._post(onward)]

    def _cost(self, cost: Cost, message: Forward, work: StepWork, outputs: Floats) -> list[Wish]:
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
        wishes: list[Wish] = [Post(self._spec.address, back)]
        if len(work.costs) == message.part.microbatches:
            report = Report(message.run, message.step, WHOLE_STEP, edge, sum(work.costs), message.part.samples)
            wishes.append(self._post(report))
        return wishes

    def _backward(self, message: Backward) -> list[Wish]:
        spec, work = self._spec, self._steps[message.step]
        microbatch = work.microbatches[message.microbatch]
        stack = self._backward_through_layers(message, microbatch)
        microbatch.end_backward()
        wishes: list[Wish] = []
        if spec.stage > 0:
            top, *skips = map(freeze, stack)
            back = Backward(message.run, message.step, message.microbatch, self._edges.inputs, top, tuple(skips))
            wishes.append(self._post(back))
        work.backwards += 1
        each = spec.discipline.weight_gradients is Grouping.MICROBATCH
        if each or work.backwards == work.part.microbatches:
            microbatch_or_step = message.microbatch if each else WHOLE_STEP
            deferred = WeightGradient(message.run, message.step, microbatch_or_step, self._edges.inputs)
            wishes.append(Post(spec.address, deferred))
        return wishes

    def _backward_through_layers(self, message: Backward, microbatch: MicrobatchWork) -> Stack:
        """Keep the factors of every layer that has any, and return the gradients for the stage below."""
        stack: Stack = message.stack
        weights = microbatch.weights if self._spec.discipline.stashes else self._versions[-1]
        for offset in reversed(range(self._width)):
            index = self._enter(Point.BACKWARD, offset)
            keeps = offset in self._weighted or offset in self._stateful
            is_cost = offset == len(self._layers)  # its gradient was made together with its value
            if not is_cost and (index > 0 or keeps):  # the gradient of the samples is not wanted
                layer, saved = self._layers[offset], microbatch.saved[offset]
                stack, factors = layer.backward(weights[offset], saved, stack, index > 0)
                if keeps:
                    microbatch.factors[offset] = factors
            self._leave(message)
        return stack

    def _weight_gradient(self, message: WeightGradient) -> list[Wish]:
        work = self._steps[message.step]
        whole = message.microbatch == WHOLE_STEP
        microbatches = work.take(sorted(work.microbatches) if whole else [message.microbatch])
        for offset in range(self._width):
            self._enter(Point.WEIGHT_GRADIENT, offset)
            if offset in self._weighted:
                factors = side_by_side([each.factors[offset] for each in microbatches])
                work.add_gradients(offset, self._weighted[offset].weight_gradient(factors))
            if offset in self._stateful:
                work.state_factors[offset] += [each.factors[offset] for each in microbatches]
            self._leave(message)
        if whole or message.microbatch == work.part.microbatches - 1:
            return self._finish_step(message, work)
        return []

    def _finish_step(self, message: WeightGradient, work: StepWork) -> list[Wish]:
        """Make the next version from finished gradients, and commit it."""
        layers = tuple(self._updated(offset, work, message) for offset in range(self._width))
        self._become(layers[: len(self._layers)], work)
        for offset in range(self._width):
            self._enter(Point.COMMIT, offset)
            self._leave(message)
        del self._steps[message.step]
        return [Commit(Snapshot(self._spec.address, self._step, self._state))]

    def _become(self, layers: tuple[LayerState, ...], work: StepWork) -> None:
        """Make these layers the newest version; keep the older ones that step t + 1, at t + 1 - lag, and later meet."""
        before = self._state
        log = before.cost_log if self._spec.cost is None else before.cost_log.append(sum(work.costs))
        stash = (*before.stash, before.weights)[-self._lag :] if self._lag else ()
        self._state = StageState(layers, log, stash)
        self._versions = (*stash, self._state.weights)
        self._step += 1

    def _updated(self, offset: int, work: StepWork, message: WeightGradient) -> LayerState:
        self._enter(Point.UPDATE, offset)
        layer = self._state_of(offset)
        if offset in self._weighted:
            update = self._spec.optimizer.update
            gradients = work.gradients.pop(offset)
            layer = LayerState(*update(self._step, layer.parameters, gradients, layer.optimizer), layer.state)
        if offset in self._stateful:
            state = self._stateful[offset].next_state(layer.state, work.state_factors.pop(offset))
            layer = replace(layer, state=state)
        self._leave(message)
        return layer

    def _state_of(self, offset: int) -> LayerState:
        return self._state.layers[offset] if offset < len(self._state.layers) else _NO_WEIGHTS

    def _predict(self, message: Predict) -> list[Wish]:
        stack = message.stack
        for offset, layer in enumerate(self._layers):
            self._enter(Point.FORWARD, offset)
            stack, _ = layer.forward(self._versions[-1][offset], stack, None)
        top, *skips = map(freeze, stack)
        onward = Predict(message.run, message.step, message.microbatch, self._edges.outputs, top, tuple(skips))
        return [self._post(onward)]

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
