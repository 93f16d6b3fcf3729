"""The checker of layers."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from annex_actors.base.errors import UserError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.layers import Constructor, Layer, Saved, parse_layers
from annex_actors.testing.promises import (
    DTYPES,
    check_gradient,
    check_layout,
    check_new,
    check_versions,
    differences,
    random,
    read_only,
    require,
    same_bits,
    unwritten,
)


def check_layer(
    layer: Layer,
    input_shape: Shape,
    *,
    samples: int = 4,
    seed: int = 0,
    constructors: Mapping[str, Constructor] | None = None,
) -> None:
    """Check that a layer keeps the promises of the protocol `Layer`.

    Its text is read back by `parse_layers`; it can be pickled; shapes are those it announces; arrays have the dtype of
    the inputs, are C-contiguous, and are new unless they are the inputs; nothing that is given is written to; the same
    call gives the same bits; a row depends on no other row; `backward` and `weight_gradient` are the gradients. All of
    it with a random key and, as for a prediction, without.

    Args:
        layer: the layer to check.
        input_shape: the shape of one input sample; one with few numbers makes the check quick.
        samples: rows of a micro-batch, >= 2.
        seed: of the random inputs, of the initial parameters and of the layer's own random numbers.
        constructors: what `parse_layers` needs to read a layer of your own.

    Raises:
        AssertionError: the first promise that is broken.
    """
    require(isinstance(layer, Layer), f"{layer!r} lacks a member of the protocol Layer")
    _check_text(layer, constructors)
    for dtype in DTYPES:
        for key in (None, RandomKey(seed, layer=1, step=2, microbatch=3)):
            trial = _LayerTrial.random(layer, input_shape, key, dtype, samples, seed)
            trial.check_arrays()
            trial.check_repeats()
            if dtype == np.float64:
                trial.check_rows()
                trial.check_gradients()


@dataclass(frozen=True)
class _LayerTrial:
    """A layer with all that it takes to call it; every array is read-only."""

    layer: Layer
    key: RandomKey | None
    parameters: Parameters
    inputs: Floats
    grad_output: Floats

    @classmethod
    def random(
        cls, layer: Layer, input_shape: Shape, key: RandomKey | None, dtype: np.dtype[Any], samples: int, seed: int
    ) -> _LayerTrial:
        label = f"{layer.spec()}.initial_parameters"
        parameters, again = (layer.initial_parameters(input_shape, RandomKey(seed, layer=1), dtype) for _ in range(2))
        check_versions(label, parameters, like=parameters, dtype=dtype)
        require(same_bits(parameters, again), f"{label} differs for the same key")
        inputs = random(seed, (samples, *input_shape), dtype)
        grad_output = random(seed + 1, (samples, *layer.output_shape(input_shape)), dtype)
        return cls(layer, key, parameters, inputs, grad_output)

    def check_arrays(self) -> None:
        """Check shapes, dtypes, layout, and whose memory they are."""
        outputs, saved = self.forward()
        self._check_array("forward", outputs, self.grad_output.shape, self.inputs)
        self._check_array("backward", self.backward(saved), self.inputs.shape, self.grad_output)
        gradients, label = self.weight_gradient(), self._label("weight_gradient")
        check_versions(label, gradients, like=self.parameters, dtype=self.inputs.dtype, writeable=True)
        check_new(label, gradients, self._given())

    def check_repeats(self) -> None:
        """Check that a second call gives the same bits: no counter, no clock, no generator but the key's."""
        (outputs, saved), (outputs_again, _) = self.forward(), self.forward()
        results = {
            "forward": ({"": outputs}, {"": outputs_again}),
            "backward": ({"": self.backward(saved)}, {"": self.backward(saved)}),
            "weight_gradient": (self.weight_gradient(), self.weight_gradient()),
        }
        for name, (first, second) in results.items():
            require(same_bits(first, second), f"{self._label(name)} differs from call to call")

    def check_rows(self) -> None:
        """Check that row 0 is the same beside other rows and, where no random number is drawn, alone."""
        inputs, grad_output = (
            read_only(np.concatenate([rows[:1], 2 * rows[1:] + 1])) for rows in (self.inputs, self.grad_output)
        )
        trials = [replace(self, inputs=inputs, grad_output=grad_output)]
        trials += [] if self.key else [replace(self, inputs=self.inputs[:1], grad_output=self.grad_output[:1])]
        for trial in trials:
            for name, here, there in zip(("forward", "backward"), self.run(), trial.run(), strict=True):
                # Not to the bit: BLAS may round a row of one and a row of many differently.
                require(np.allclose(here[0], there[0], rtol=1e-9, atol=1e-12), f"{self._label(name)} mixes rows")

    def check_gradients(self) -> None:
        """Check both gradients against central differences."""
        _, grad_input = self.run()
        numeric = differences(lambda inputs: replace(self, inputs=inputs).total(), self.inputs)
        check_gradient(f"{self._label('backward')} with respect to the inputs", grad_input, numeric)
        for name, gradient in self.weight_gradient().items():
            numeric = differences(partial(self._total_with, name), self.parameters[name])
            check_gradient(f"{self._label('weight_gradient')} with respect to {name}", gradient, numeric)

    def total(self) -> float:
        """Return the number of which `backward` and `weight_gradient` are the gradients."""
        return float(np.vdot(self.forward()[0], self.grad_output))

    def run(self) -> tuple[Floats, Floats]:
        """Return the outputs and the input gradient."""
        outputs, saved = self.forward()
        return outputs, self.backward(saved)

    def forward(self) -> tuple[Floats, Saved]:
        """Return what the layer returns; the outputs read-only, as a stage sends them."""
        with unwritten(self._label("forward"), *self._given()):
            outputs, saved = self.layer.forward(self.parameters, self.inputs, self.key)
        outputs.flags.writeable = False
        return outputs, saved

    def backward(self, saved: Saved) -> Floats:
        """Return the input gradient."""
        with unwritten(self._label("backward"), *self._given()):
            return self.layer.backward(self.parameters, saved, self.grad_output)

    def weight_gradient(self) -> dict[str, Floats]:
        """Return the gradients of the parameters."""
        with unwritten(self._label("weight_gradient"), *self._given()):
            return self.layer.weight_gradient(self.inputs, self.grad_output)

    def _total_with(self, name: str, parameter: Floats) -> float:
        return replace(self, parameters={**self.parameters, name: parameter}).total()

    def _check_array(self, name: str, result: Floats, shape: Shape, given: Floats) -> None:
        check_layout(self._label(name), result, shape, given.dtype)
        if result.tobytes() != given.tobytes():
            check_new(self._label(name), {"an array": result}, self._given())

    def _given(self) -> tuple[Floats, ...]:
        return (self.inputs, self.grad_output, *self.parameters.values())

    def _label(self, name: str) -> str:
        return f"{self.layer.spec()}.{name}" + ("" if self.key else " (without a key)")


def _check_text(layer: Layer, constructors: Mapping[str, Constructor] | None) -> None:
    text = layer.spec()
    require(text.split() == [text], f"expected a spec without spaces, got {text!r}")
    require(text.partition(":")[0] == layer.name, f"expected a spec that begins with {layer.name!r}, got {text!r}")
    try:
        parsed = parse_layers(text, constructors).layers[0]
    except UserError as error:
        raise AssertionError(f"{text} is not read back by parse_layers: {error}; give `constructors`") from error
    require(type(parsed) is type(layer) and parsed.spec() == text, f"{text} is read back by parse_layers as {parsed!r}")
    require(pickle.loads(pickle.dumps(layer)).spec() == text, f"{text} changes when it is pickled")
