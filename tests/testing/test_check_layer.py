"""A checker is worth what it refuses: each layer here breaks one promise, and the message says which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ShapeError
from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.layers import LAYERS, Factors, Layer, Saved
from annex_actors.testing import check_layer
from annex_actors.testing.promises import read_only


@dataclass(frozen=True)
class Scale:
    """The function ``y = scale * x`` with one weight a feature: right in everything, so that others can break it."""

    @property
    def name(self) -> str:
        return "scale"

    def spec(self) -> str:
        return "scale"

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise ShapeError("expected samples of one axis")
        return input_shape

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: np.dtype[Any]) -> Parameters:
        scale = key.generator(Tag.INITIAL_WEIGHTS).normal(size=input_shape).astype(dtype)
        scale.flags.writeable = False
        return {"scale": scale}

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        return inputs * parameters["scale"], inputs

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        return grad_output * parameters["scale"], (saved, grad_output)

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        inputs, grad_output = factors
        return {"scale": (inputs * grad_output).sum(axis=0)}


def check(layer: Layer) -> None:
    check_layer(layer, (4,), constructors={**LAYERS, "scale": type(layer)})


def test_a_layer_that_keeps_every_promise_passes() -> None:
    check(Scale())


def test_a_layer_with_state_that_keeps_every_promise_passes() -> None:
    check(Counting())


class CentresTheBatchAndSaysSo(Scale):
    """A layer that mixes rows while it trains, as a batch norm does."""

    mixes_rows = True

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        centred = inputs - inputs.mean(axis=0) if key else inputs
        return centred * parameters["scale"], centred

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        grad_centred = grad_output * parameters["scale"]
        return grad_centred - grad_centred.mean(axis=0), (saved, grad_output)


def test_a_layer_may_mix_rows_while_it_trains_where_it_says_so() -> None:
    check(CentresTheBatchAndSaysSo())


class MixesRowsWhenPredicting(CentresTheBatchAndSaysSo):
    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        return super().forward(parameters, inputs, RandomKey(0))


def test_no_layer_may_mix_rows_when_predicting() -> None:
    with pytest.raises(AssertionError, match=r"scale.forward \(without a key\) mixes rows"):
        check(MixesRowsWhenPredicting())


class WrongBackward(Scale):
    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        return grad_output * 1.0001, (saved, grad_output)


class WrongWeightGradient(Scale):
    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        inputs, grad_output = factors
        return {"scale": (inputs * grad_output).mean(axis=0)}


class WritesInputs(Scale):
    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        inputs *= parameters["scale"]
        return inputs, inputs


class ForcesInputs(Scale):
    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        inputs.flags.writeable = True
        inputs *= parameters["scale"]
        return inputs, inputs


class WritesGradient(Scale):
    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        return np.multiply(grad_output, parameters["scale"], out=grad_output), (saved, grad_output)


class WritesGradientLate(Scale):
    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        inputs, grad_output = factors
        grad_output *= inputs
        return {"scale": grad_output.sum(axis=0)}


class UsesUpWhatItSaved(Scale):
    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        return inputs * parameters["scale"], np.ones_like(inputs)

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        saved *= grad_output * parameters["scale"]
        return saved.copy(), (saved, grad_output)


class CentresTheBatch(Scale):
    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        return (inputs - inputs.mean(axis=0)) * parameters["scale"], inputs


class DividesByTheBatch(Scale):
    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        return inputs * parameters["scale"] / len(inputs), inputs

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        return grad_output * parameters["scale"] / len(saved), (saved, grad_output)


class Widens(Scale):
    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        return inputs * parameters["scale"] * np.float64(1), inputs


class InTheWrongOrder(Scale):
    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        return np.asfortranarray(grad_output * parameters["scale"]), (saved, grad_output)


class AnnouncesAnotherShape(Scale):
    def output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0] + 1,)


class ForgetsAParameter(Scale):
    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        return {}


class LendsTheGradient(Scale):
    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        return {"scale": factors[1][0]}


class WriteableParameters(Scale):
    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: np.dtype[Any]) -> Parameters:
        return {"scale": np.ones(input_shape, dtype)}


class UnkeyedParameters(Scale):
    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: np.dtype[Any]) -> Parameters:
        scale = np.random.default_rng().normal(size=input_shape).astype(dtype)
        scale.flags.writeable = False
        return {"scale": scale}


class LeavesTheInputGradientOut(Scale):
    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        return None, (saved, grad_output)


class KeepsOtherFactorsWhenUnasked(Scale):
    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        return grad_output * parameters["scale"], (saved, grad_output if input_wanted else grad_output * 2)


class DividesByTheRowsOfAllMicrobatches(Scale):
    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        return grad_output * parameters["scale"], (saved, grad_output * len(saved))

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        inputs, grad_output = factors
        return {"scale": (inputs * grad_output).sum(axis=0) / len(inputs)}


class Counting(Scale):
    """A layer with state: how many rows it has been trained on."""

    def initial_state(self, input_shape: Shape, dtype: np.dtype[Any]) -> Parameters:
        return {"rows": read_only(np.zeros(1, dtype))}

    def next_state(self, state: Parameters, factors: Sequence[Factors]) -> Parameters:
        return {"rows": read_only(state["rows"] + sum(len(inputs) for inputs, _ in factors))}


class WriteableState(Counting):
    def initial_state(self, input_shape: Shape, dtype: np.dtype[Any]) -> Parameters:
        return {"rows": np.zeros(1, dtype)}


class ChangesItsStateInPlace(Counting):
    def next_state(self, state: Parameters, factors: Sequence[Factors]) -> Parameters:
        state["rows"].flags.writeable = True
        state["rows"][:] += 1
        return state


class CountsInAnotherDtype(Counting):
    def next_state(self, state: Parameters, factors: Sequence[Factors]) -> Parameters:
        return {"rows": read_only(np.zeros(1, np.int64))}


class NamesStateLikeAParameter(Counting):
    def initial_state(self, input_shape: Shape, dtype: np.dtype[Any]) -> Parameters:
        return {"scale": read_only(np.zeros(1, dtype))}


@dataclass(frozen=True)
class CountsItsCalls(Scale):
    calls: list[int] = field(default_factory=list)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        self.calls.append(1)
        return inputs * parameters["scale"] * len(self.calls), inputs


class HasASpace(Scale):
    def spec(self) -> str:
        return "scale :2"


class HasAnotherName(Scale):
    def spec(self) -> str:
        return "scales"


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (WrongBackward, r"expected scale.backward \(without a key\) with respect to the inputs to be"),
        (WrongWeightGradient, r"expected scale.weight_gradient \(without a key\) with respect to scale to be"),
        (WritesInputs, r"scale.forward \(without a key\) writes to an array that it was given; make a new one"),
        (ForcesInputs, r"scale.forward \(without a key\) changes an array that it was given"),
        (WritesGradient, "scale.backward .* writes to an array that it was given"),
        (WritesGradientLate, "scale.weight_gradient .* writes to an array that it was given"),
        (UsesUpWhatItSaved, "scale.backward .* differs from call to call"),
        (CentresTheBatch, r"scale.forward \(without a key\) mixes rows"),
        (DividesByTheBatch, r"scale.forward \(without a key\) mixes rows"),
        (Widens, "expected scale.forward .* of dtype float32, got float64"),
        (InTheWrongOrder, "expected scale.backward .* to be C-contiguous"),
        (AnnouncesAnotherShape, r"expected scale.forward .* of shape \(4, 5\), got \(4, 4\)"),
        (ForgetsAParameter, r"expected scale.weight_gradient .* named \['scale'\], got \[\]"),
        (LendsTheGradient, "expected scale.weight_gradient .*, scale, to be writeable"),
        (WriteableParameters, "expected scale.initial_parameters, scale, to be read-only"),
        (UnkeyedParameters, "scale.initial_parameters differs for the same key"),
        (CountsItsCalls, "scale.forward .* differs from call to call"),
        (LeavesTheInputGradientOut, "scale.backward .* returns no input gradient, which is wanted"),
        (KeepsOtherFactorsWhenUnasked, "scale.backward .* has other factors where the input gradient is not wanted"),
        (DividesByTheRowsOfAllMicrobatches, "scale.weight_gradient .* of two microbatches is not the sum of theirs"),
        (WriteableState, "expected scale.initial_state, rows, to be read-only"),
        (ChangesItsStateInPlace, "scale.next_state .* changes an array that it was given"),
        (CountsInAnotherDtype, "expected scale.next_state .*, rows, of dtype float32, got int64"),
        (NamesStateLikeAParameter, "scale has parameters and state of the same name: scale"),
        (HasASpace, "expected a spec without spaces, got 'scale :2'"),
        (HasAnotherName, "expected a spec that begins with 'scale', got 'scales'"),
    ],
)
def test_a_broken_promise_is_named(broken: type[Scale], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check(broken())


def test_a_layer_that_parse_layers_does_not_know_is_told_what_to_give() -> None:
    with pytest.raises(AssertionError, match=r"scale is not read back by parse_layers: .*; register_layer it, or give"):
        check_layer(Scale(), (4,))


def test_a_layer_that_is_read_back_as_another_is_refused() -> None:
    with pytest.raises(AssertionError, match="scale is read back by parse_layers as WrongBackward"):
        check_layer(Scale(), (4,), constructors={**LAYERS, "scale": WrongBackward})


def test_what_lacks_a_member_is_refused() -> None:
    with pytest.raises(AssertionError, match="expected a Layer, got 'dense'"):
        check_layer("dense", (4,))  # type: ignore[arg-type]
