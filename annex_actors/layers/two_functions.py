"""A layer without weights, made of two functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, ShapeError, message_of
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.shown import shown
from annex_actors.base.types import Array, Floats, Parameters, Shape
from annex_actors.base.words import counted
from annex_actors.layers.layer import Factors, Layer, Saved

Forward: TypeAlias = Callable[[Floats], Array]
"""From inputs to outputs, a row for each sample."""

Backward: TypeAlias = Callable[[Floats, Floats], Array]
"""From the same inputs, and the cost's gradient with respect to the outputs, to that with respect to the inputs."""


def layer(forward: Forward, backward: Backward, *, name: str | None = None) -> Layer:
    """Return a layer without weights, made of two functions.

    ```
    def cube(inputs):
        return inputs**3


    def cube_gradient(inputs, grad_output):
        return 3 * inputs**2 * grad_output


    network = sequence(dense(8), layer(cube, cube_gradient), dense(1))
    ```

    On ``processes`` the functions must have a name in a module, as all that is pickled; put them into a file of your
    own (``load``) if the program is an interactive one. ``register_layer("cube", lambda: layer(cube, cube_gradient))``
    gives the layer a name in a network's text.

    Args:
        forward: from inputs, shape ``(microbatch, *input_shape)``, to outputs with a row for each sample. It must be
            pure, leave its argument as it is, and work on each row alone; the shape of the outputs is found by a call
            with zeros.
        backward: from the same inputs and dC/doutputs to dC/dinputs, of the shape of the inputs.
        name: one word, in reports and errors; by default that of ``forward``.

    Raises:
        ConfigError: something that is no such function, or a name that is not a single word.
    """
    checks.function("forward", forward, 1, wanted="a function of the inputs")
    checks.function("backward", backward, 2, wanted="a function of the inputs and the gradient of the outputs")
    word = getattr(forward, "__name__", type(forward).__name__) if name is None else name
    if checks.text("name", word).split() != [word] or set(word) & set(":=()"):
        raise ConfigError(f"expected `name` to be one word without colons, got {shown(word)}")
    return TwoFunctions(forward, backward, word)


@dataclass(frozen=True)
class TwoFunctions:
    """A layer that applies a function, and another one on the way back; made by `layer`, which checks them."""

    function: Forward
    pull_back: Backward
    name: str

    def spec(self) -> str:
        """Return the layer's name."""
        return self.name

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape that the function makes of zeros.

        Raises:
            ShapeError: it refuses them, or returns something else than an array with a row for the sample.
        """
        zeros = np.zeros((1, *input_shape))
        zeros.flags.writeable = False
        try:
            with np.errstate(all="ignore"):
                shape = np.shape(self.function(zeros))
        except Exception as error:  # a user's function may raise anything
            got = f"{type(error).__name__}: {message_of(error)}"
            raise ShapeError(f"expected {self.name} to take samples of shape {input_shape}, got {got}") from error
        if shape[:1] != (1,):
            raise ShapeError(f"expected {self.name} to return a row for each sample, got shape {shape} for one sample")
        return shape[1:]

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return what the function makes of ``inputs``, which are saved."""
        outputs: Floats = np.asarray(self.function(inputs), inputs.dtype, order="C")
        if outputs.shape[:1] != inputs.shape[:1]:
            raise ShapeError(f"expected {self.name} to return {counted(len(inputs), 'row')}, got shape {outputs.shape}")
        return outputs, inputs

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return what the second function makes of the inputs and ``grad_output``."""
        grad_input: Floats = np.asarray(self.pull_back(saved, grad_output), grad_output.dtype, order="C")
        if grad_input.shape != saved.shape:
            wanted = f"the gradient of {self.name} to have the shape of its inputs, {saved.shape}"
            raise ShapeError(f"expected {wanted}, got {grad_input.shape}")
        return grad_input, ()
