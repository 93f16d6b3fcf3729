"""The checker of layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from annex_actors.base import checks
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.layers import LAYERS, Constructor, Factors, Layer, MixesRows, Saved, Stateful, TakesIndices, Weighted
from annex_actors.testing.promises import (
    DTYPES,
    check_gradient,
    check_layout,
    check_new,
    check_text,
    check_versions,
    differences,
    random,
    read_only,
    require,
    require_kind,
    same_bits,
    unwritten,
)


def check_layer(
    layer: Layer,
    input_shape: Shape,
    *,
    samples: int = 4,
    seed: int = 0,
    constructors: Mapping[str, Constructor] = LAYERS,
    gradients: bool = True,
) -> None:
    """Check that a layer keeps the promises of the protocols `Layer`, `Weighted` and `Stateful`.

    `parse_layers` reads its spec back; it can be pickled; shapes are as announced; arrays have the dtype of the inputs,
    are C-contiguous, and are new unless they are the inputs; no argument is written to; the same call gives the same
    bits; a row depends on no other row, unless the layer is in training and declares it (`MixesRows`); `backward` and
    `weight_gradient` return the right gradients, also for the factors of several microbatches put together. All this is
    checked with a random key and, as in predictions, without one. A layer that `TakesIndices` is given random indices,
    and its input gradient is zero.

    Args:
        layer: the layer to check.
        input_shape: the shape of one input sample; with few numbers the check is quick.
        samples: rows of a microbatch, >= 2.
        seed: of the random inputs, the initial parameters and the layer's own random numbers.
        constructors: with which `parse_layers` reads the layer's spec; by default all that are registered.
        gradients: whether `backward` and `weight_gradient` are gradients; False for a layer with a rule of its own,
            such as the perceptron's step.

    Raises:
        AssertionError: the first promise that is broken.
        ConfigError: another argument out of range.
    """
    require_kind(layer, Layer)
    checks.boolean("gradients", gradients)
    checks.sizes("input_shape", input_shape, "a shape such as (4,)")
    checks.whole_number("samples", samples, at_least=2)
    checks.whole_number("seed", seed, at_least=0)
    check_text(layer, constructors)
    for dtype in DTYPES:
        for key in (None, RandomKey(seed, layer=1, step=2, microbatch=3)):
            trial = _LayerTrial.random(layer, input_shape, key, dtype, samples, seed)
            trial.check_arrays()
            trial.check_repeats()
            trial.check_state()
            if dtype == np.float64:
                trial.check_rows()
                if gradients:
                    trial.check_gradients()
                trial.check_factors()


@dataclass(frozen=True)
class _LayerTrial:
    """A layer with the arguments to call it; every array is read-only."""

    layer: Layer
    key: RandomKey | None
    parameters: Parameters
    inputs: Floats
    grad_output: Floats
    state: Parameters = field(default_factory=dict)

    @classmethod
    def random(
        cls, layer: Layer, input_shape: Shape, key: RandomKey | None, dtype: np.dtype[Any], samples: int, seed: int
    ) -> _LayerTrial:
        parameters, state = (
            _initial_parameters(layer, input_shape, dtype, seed),
            _initial_state(layer, input_shape, dtype),
        )
        both = parameters.keys() & state.keys()
        require(not both, f"{layer.spec()} has parameters and state of the same name: {', '.join(both)}")
        inputs = _random_inputs(layer, seed, (samples, *input_shape), dtype)
        grad_output = random(seed + 1, (samples, *layer.output_shape(input_shape)), dtype)
        return cls(layer, key, parameters, inputs, grad_output, state)

    def check_arrays(self) -> None:
        """Check shapes, dtypes and layout, and that arrays share no memory with arguments."""
        outputs, saved = self.forward()
        self._check_array("forward", outputs, self.grad_output.shape, self.inputs)
        grad_input, _ = self.backward(saved)
        self._check_array("backward", grad_input, self.inputs.shape, self.grad_output)
        gradients, label = self.weight_gradient(), self._label("weight_gradient")
        check_versions(label, gradients, like=self.parameters, dtype=self.inputs.dtype, writeable=True)
        check_new(label, gradients, self._given())

    def check_repeats(self) -> None:
        """Check that a second call gives the same bits: no counter, no clock, no random numbers but from the key."""
        (outputs, saved), (outputs_again, _) = self.forward(), self.forward()
        (grad_input, factors), (grad_again, factors_again) = self.backward(saved), self.backward(saved)
        unasked = self.backward(saved, input_wanted=False)[1]
        results = {
            "forward": ({"": outputs}, {"": outputs_again}),
            "backward": ({"": grad_input, **_named(factors)}, {"": grad_again, **_named(factors_again)}),
            "weight_gradient": (self.weight_gradient(), self.weight_gradient()),
        }
        for name, (first, second) in results.items():
            require(same_bits(first, second), f"{self._label(name)} differs from call to call")
        same = same_bits(_named(factors), _named(unasked))
        require(same, f"{self._label('backward')} has other factors where the input gradient is not wanted")

    def check_state(self) -> None:
        """Check that the next state is new, like the old one in names and shapes, and a function of the factors."""
        if not isinstance(self.layer, Stateful):
            return
        label, factors = self._label("next_state"), [self.factors(), self.factors()]
        with unwritten(label, *self._given(), *factors[0]):
            first, second = (self.layer.next_state(self.state, factors) for _ in range(2))
        check_versions(label, first, like=self.state, dtype=self.inputs.dtype)
        check_new(label, first, self._given())
        require(same_bits(first, second), f"{label} differs from call to call")

    def check_rows(self) -> None:
        """Check that row 0 is the same with other rows beside it and, where no random number is drawn, alone."""
        if self._mixes_rows:
            return
        inputs, grad_output = (
            read_only(np.concatenate([rows[:1], others[1:]]))
            for rows, others in ((self.inputs, self._others(self.inputs)), (self.grad_output, 2 * self.grad_output + 1))
        )
        names = (
            ("forward",) if isinstance(self.layer, MixesRows) else ("forward", "backward")
        )  # a layer that mixes rows is asked for `backward` only in training
        trials = [replace(self, inputs=inputs, grad_output=grad_output)]
        trials += [] if self.key else [replace(self, inputs=self.inputs[:1], grad_output=self.grad_output[:1])]
        for trial in trials:
            for name, here, there in zip(names, self.run(), trial.run(), strict=False):
                # Not to the bit: BLAS may round a single row and a row of many differently.
                require(np.allclose(here[0], there[0], rtol=1e-9, atol=1e-12), f"{self._label(name)} mixes rows")

    def check_gradients(self) -> None:
        """Check both gradients against central differences."""
        if self.key is None and isinstance(self.layer, MixesRows):
            return  # it predicts with its state, which has no gradient
        _, grad_input = self.run()
        if isinstance(self.layer, TakesIndices):
            require(not grad_input.any(), f"{self._label('backward')} gives indices a slope; return zeros")
        else:
            numeric = differences(lambda inputs: replace(self, inputs=inputs).total(), self.inputs)
            check_gradient(f"{self._label('backward')} with respect to the inputs", grad_input, numeric)
        for name, gradient in self.weight_gradient().items():
            numeric = differences(partial(self._total_with, name), self.parameters[name])
            check_gradient(f"{self._label('weight_gradient')} with respect to {name}", gradient, numeric)

    def check_factors(self) -> None:
        """Check that the gradient of two microbatches is the sum of theirs, from factors one below the other."""
        if not isinstance(self.layer, Weighted):
            return
        other = replace(
            self, inputs=read_only(self._others(self.inputs)[::-1]), grad_output=read_only(2 * self.grad_output)
        )
        both = tuple(np.concatenate(pair) for pair in zip(self.factors(), other.factors(), strict=True))
        together, one, two = self.layer.weight_gradient(both), self.weight_gradient(), other.weight_gradient()
        for name, gradient in together.items():
            fits = np.allclose(gradient, one[name] + two[name], rtol=1e-9, atol=1e-9)
            require(fits, f"{self._label('weight_gradient')} of two microbatches is not the sum of theirs, for {name}")

    def total(self) -> float:
        """Return the scalar of which `backward` and `weight_gradient` return the gradients."""
        return float(np.vdot(self.forward()[0], self.grad_output))

    def run(self) -> tuple[Floats, Floats]:
        """Return the outputs and the input gradient."""
        outputs, saved = self.forward()
        return outputs, self.backward(saved)[0]

    def forward(self) -> tuple[Floats, Saved]:
        """Return the layer's outputs, read-only as a stage sends them, and what it saved."""
        with unwritten(self._label("forward"), *self._given()):
            outputs, saved = self.layer.forward({**self.parameters, **self.state}, self.inputs, self.key)
        outputs.flags.writeable = False
        return outputs, saved

    def backward(self, saved: Saved, *, input_wanted: bool = True) -> tuple[Floats, Factors]:
        """Return the input gradient, empty where it is not wanted, and the factors."""
        weights = {**self.parameters, **self.state}
        with unwritten(self._label("backward"), *self._given()):
            grad_input, factors = self.layer.backward(weights, saved, self.grad_output, input_wanted)
        if grad_input is None:
            require(not input_wanted, f"{self._label('backward')} returns no input gradient, which is wanted")
            return np.empty(0), factors
        return grad_input, factors

    def factors(self) -> Factors:
        """Return the factors of the weight gradient."""
        return self.backward(self.forward()[1])[1]

    def weight_gradient(self) -> dict[str, Floats]:
        """Return the gradients of the parameters; empty where the layer has no weights."""
        if not isinstance(self.layer, Weighted):
            return {}
        factors = self.factors()
        with unwritten(self._label("weight_gradient"), *self._given(), *factors):
            return self.layer.weight_gradient(factors)

    def _others(self, inputs: Floats) -> Floats:
        """Return other inputs for each row."""
        return (inputs + 1) % self.layer.num_indices if isinstance(self.layer, TakesIndices) else 2 * inputs + 1

    @property
    def _mixes_rows(self) -> bool:
        return self.key is not None and isinstance(self.layer, MixesRows) and self.layer.mixes_rows

    def _total_with(self, name: str, parameter: Floats) -> float:
        return replace(self, parameters={**self.parameters, name: parameter}).total()

    def _check_array(self, name: str, result: Floats, shape: Shape, given: Floats) -> None:
        check_layout(self._label(name), result, shape, given.dtype)
        if result.tobytes() != given.tobytes():
            check_new(self._label(name), {"an array": result}, self._given())

    def _given(self) -> tuple[Floats, ...]:
        return (self.inputs, self.grad_output, *self.parameters.values(), *self.state.values())

    def _label(self, name: str) -> str:
        return f"{self.layer.spec()}.{name}" + ("" if self.key else " (without a key)")


def _random_inputs(layer: Layer, seed: int, shape: Shape, dtype: np.dtype[Any]) -> Floats:
    if isinstance(layer, TakesIndices):
        return read_only(np.random.default_rng(seed).integers(0, layer.num_indices, shape).astype(dtype))
    return random(seed, shape, dtype)


def _initial_parameters(layer: Layer, input_shape: Shape, dtype: np.dtype[Any], seed: int) -> Parameters:
    if not isinstance(layer, Weighted):
        return {}
    label = f"{layer.spec()}.initial_parameters"
    parameters, again = (layer.initial_parameters(input_shape, RandomKey(seed, layer=1), dtype) for _ in range(2))
    check_versions(label, parameters, like=parameters, dtype=dtype)
    require(same_bits(parameters, again), f"{label} differs for the same key")
    return parameters


def _initial_state(layer: Layer, input_shape: Shape, dtype: np.dtype[Any]) -> Parameters:
    if not isinstance(layer, Stateful):
        return {}
    state = layer.initial_state(input_shape, dtype)
    check_versions(f"{layer.spec()}.initial_state", state, like=state, dtype=dtype)
    return state


def _named(factors: Factors) -> Parameters:
    return {str(index): array for index, array in enumerate(factors)}
