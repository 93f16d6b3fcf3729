"""The layers of a stage at work: the mathematics of its messages, layer by layer, and the place of a failure.

The cost, if the stage has one, counts as the layer after the last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite
from typing import NamedTuple

from annex_actors.base.errors import DivergedError, LayerError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters
from annex_actors.costs import Cost
from annex_actors.layers import AnyLayer, Factors, OnStack, Stack, Stateful, Tuning, Weighted, on_stack
from annex_actors.optimizers import squared_norm
from annex_actors.peers.stage_division import Division
from annex_actors.peers.stage_state import LayerState, Weights
from annex_actors.peers.stage_update import Update
from annex_actors.peers.stage_work import MicrobatchWork, StepWork, side_by_side
from annex_actors.protocol.instrument import Instrument, Point, active
from annex_actors.protocol.messages import (
    WHOLE_STEP,
    Backward,
    Forward,
    Message,
    Predict,
    Target,
    WeightGradient,
    WithArray,
)

_NO_WEIGHTS = LayerState({}, {})


class _Backward(NamedTuple):
    """B of one layer.

    Args:
        offset: of the layer in the stage.
        layer: None where there is nothing to do.
        input_wanted: whether something below needs the gradient of the layer's input.
        keeps: whether W, or the next state, needs factors of the layer.
    """

    offset: int
    layer: OnStack | None
    input_wanted: bool
    keeps: bool


class StageLayers:
    """The layers of a stage, and the cost. What each method returns is a function of its arguments.

    Args:
        layers: in order; empty where the stage is the cost alone.
        cost: the cost, if this is the last stage; else None.
        tuning: how each of the layers learns; empty: all alike.
        first_layer: index of the first layer in the whole network.
        first_learner: index of the first layer in the whole network that learns: no gradient is needed below it.
        seed: of the run.
        instrument: observes the work of each layer at every `Point`.
        division: of the weight gradients among replicas of the stage; None: there is none.
    """

    def __init__(
        self,
        layers: Sequence[AnyLayer],
        cost: Cost | None,
        *,
        tuning: Sequence[Tuning] = (),
        first_layer: int,
        first_learner: int = 0,
        seed: int,
        instrument: Instrument,
        division: Division | None = None,
    ) -> None:
        self._division = division
        frozen = {offset for offset, each in enumerate(tuning) if each.frozen}
        learners = [(offset, layer) for offset, layer in enumerate(layers) if offset not in frozen]
        self._layers = tuple(map(on_stack, layers))
        self._names = (*(layer.spec() for layer in layers), *([cost.name] if cost else []))
        self._weighted = {offset: layer for offset, layer in learners if isinstance(layer, Weighted)}
        self._stateful = {offset: layer for offset, layer in learners if isinstance(layer, Stateful)}
        self._penalties = {offset: tuning[offset] for offset in self._weighted if tuning and tuning[offset].penalizes}
        self._first = first_layer
        self._backwards = [self._backward_of(offset, first_learner) for offset in reversed(range(len(self._names)))]
        self._seed = seed
        self._at = active(instrument.at)
        # Which work of which layer was begun last, for `failure`.
        self._place = Point.FORWARD, 0
        self._paid: tuple[Weights, list[float]] | None = None

    def _backward_of(self, offset: int, first_learner: int) -> _Backward:
        input_wanted, keeps = self._first + offset > first_learner, offset in self._weighted or offset in self._stateful
        is_cost = offset == len(self._layers)  # `evaluate` computes its gradient together with its value
        has_work = not is_cost and (input_wanted or keeps)
        return _Backward(offset, self._layers[offset] if has_work else None, input_wanted, keeps)

    def forward(self, message: Forward, weights: Weights) -> tuple[Stack, MicrobatchWork]:
        """Return the outputs, and what B and W of the microbatch need."""
        stack, microbatch, point = message.stack, MicrobatchWork(weights), Point.FORWARD
        for offset, layer in enumerate(self._layers):
            self._place = point, offset
            key = RandomKey(self._seed, self._first + offset, message.step, message.microbatch)
            stack, saved = layer.forward(weights[offset], stack, key)
            microbatch.saved.append(saved)
            if self._at is not None:
                self._notify(self._at, message)
        return stack, microbatch

    def evaluate(self, cost: Cost, message: Forward, outputs: Floats, target: Target) -> tuple[float, Floats]:
        """Return the microbatch's share of the cost, and its gradient with respect to ``outputs``.

        Raises:
            DivergedError: the cost is not finite.
        """
        self._place = Point.FORWARD, len(self._layers)
        given = () if target.sample_weight is None else (target.sample_weight,)
        value, gradient = cost.evaluate(outputs, target.array, message.part.samples, *given)
        if not isfinite(value):
            error = DivergedError(
                f"expected a finite cost, got {value} at step {message.step} microbatch {message.microbatch}; "
                "lower the learning rate, or look at the data's scale"
            )
            error.step = message.step
            raise error
        if self._at is not None:
            self._notify(self._at, message)
        return value, gradient

    def predict(self, message: Predict, weights: Weights) -> Stack:
        """Return the outputs of a prediction: the layers get no random key, so that dropout is off."""
        stack = message.stack
        for offset, layer in enumerate(self._layers):
            self._place = Point.FORWARD, offset
            stack, _ = layer.forward(weights[offset], stack, None)
        return stack

    def backward(self, message: Backward, microbatch: MicrobatchWork, weights: Weights) -> Stack:
        """Return the gradients for the stage before; put the factors of the weight gradients into ``microbatch``.

        Where nothing below needs a gradient, there is none: an empty array tells the stage before that B is done here.
        """
        stack, point = message.stack, Point.BACKWARD
        for offset, layer, input_wanted, keeps in self._backwards:
            self._place = point, offset
            if layer is not None:
                stack, factors = layer.backward(weights[offset], microbatch.saved[offset], stack, input_wanted)
                if keeps:
                    microbatch.factors[offset] = factors
            if self._at is not None:
                self._notify(self._at, message)
        return stack or (message.array[:0].copy(),)

    def add_weight_gradients(self, message: WeightGradient, work: StepWork, microbatches: list[MicrobatchWork]) -> None:
        """Add the weight gradients of these microbatches to the step's: one product for each array of weights."""
        point = Point.WEIGHT_GRADIENT
        for offset in range(len(self._names)):
            self._place = point, offset
            if offset in self._weighted:
                factors = side_by_side([each.factors[offset] for each in microbatches])
                work.add_gradients(offset, self._gradients(offset, factors))
            if offset in self._stateful:
                work.state_factors[offset] += [each.factors[offset] for each in microbatches]
            if self._at is not None:
                self._notify(self._at, message)

    def _gradients(self, offset: int, factors: Factors) -> dict[str, Floats]:
        layer, division = self._weighted[offset], self._division
        return layer.weight_gradient(factors) if division is None else division.gradients(offset, layer, factors)

    def penalized(self, before: float, weights: Weights, states: tuple[LayerState, ...]) -> float:
        """Return ``before``, the penalties of the layers of earlier stages, plus those of these weights, in order."""
        if not self._penalties:
            return before
        if self._paid is None or self._paid[0] is not weights:  # all microbatches of a step meet the same
            own = [each.penalty(_parameters(weights[at], states[at])) for at, each in self._penalties.items()]
            self._paid = weights, own
        for penalty in self._paid[1]:
            before += penalty
        return before

    def add_penalty_gradients(self, work: StepWork, weights: Weights) -> None:
        """Add the gradients of the penalties to the step's, for the weights that its F met."""
        for offset, tuning in self._penalties.items():
            division, own = self._division, weights[offset]
            if division is not None and not division.needs_whole:
                own = division.own(offset, own)
            tuning.add_penalty_gradients(own, work.gradients[offset])

    def add_squared_norms(self, work: StepWork, before: float) -> float:
        """Return ``before``, the squares of the gradients of earlier stages, plus those of these layers, in order."""
        for offset in self._weighted:
            before += squared_norm(work.gradients[offset].values())
        return before

    def updated(
        self,
        message: Message,
        work: StepWork,
        states: tuple[LayerState, ...],
        update: Update,
        global_norm: float | None = None,
    ) -> tuple[LayerState, ...]:
        """Return the layers' states after a step, from its finished gradients; ``states`` stay as they are."""
        after, point = [], Point.UPDATE
        for offset, before in enumerate((*states, *[_NO_WEIGHTS] * (len(self._names) - len(states)))):
            self._place = point, offset
            layer = before
            if offset in self._weighted:
                layer = update.of(
                    offset,
                    before,
                    work.gradients.pop(offset),
                    message.step,
                    rate_factor=work.part.rate_factor,
                    global_norm=global_norm,
                )
            if offset in self._stateful:
                factors = work.state_factors.pop(offset)
                layer = replace(layer, state=self._stateful[offset].next_state(before.state, factors))
            after.append(layer)
            if self._at is not None:
                self._notify(self._at, message)
        return tuple(after[: len(states)])

    def commit(self, message: Message) -> None:
        """Tell the instrument that each layer is about to be committed."""
        if self._at is not None:
            for offset in range(len(self._names)):
                self._place = Point.COMMIT, offset
                self._notify(self._at, message)

    def failure(self, message: Message, states: tuple[LayerState, ...], address: str) -> LayerError:
        """Return the error that names the layer at work, what it did, and what it was given."""
        point, offset = self._place
        index, place = self._first + offset, f"step {message.step}"
        if message.microbatch != WHOLE_STEP:
            place += f" microbatch {message.microbatch}"
        if isinstance(message, WithArray):
            given = [f"{message.array.shape} {message.array.dtype}"]
        else:  # work on a whole step is given the weights
            parameters = states[offset].parameters if offset < len(states) else {}
            given = [f"{name} {array.shape} {array.dtype}" for name, array in parameters.items()]
        what = f"layer {index} ({self._names[offset]}) failed in {point.value} at {place}"
        return LayerError(
            f"{what}, given {', '.join(given)}" if given else what,
            address=address,
            layer=index,
            step=message.step,
            microbatch=message.microbatch,
            work=point.value,
        )

    def _notify(self, at: Callable[[Point, int, int, int], None], message: Message) -> None:
        """Tell the instrument that the work at the present place is done."""
        point, offset = self._place
        at(point, self._first + offset, message.step, message.microbatch)


def _parameters(weights: Parameters, state: LayerState) -> Parameters:
    """Return those of a layer's weights that gradients change."""
    return {name: weights[name] for name in state.parameters} if state.state else weights
