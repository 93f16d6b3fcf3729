"""What a layer is: data and pure functions, from which an actor makes a stage of the pipeline."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters, Shape

Saved: TypeAlias = Any
"""What `Layer.backward` needs from `Layer.forward` of the same micro-batch; opaque to everybody else."""


@runtime_checkable
class Layer(Protocol):
    """One step of the computation, as a value: it can be compared, printed, pickled, and holds no weights that change.

    Whoever runs a layer keeps its parameters and what `forward` saved, and gives them back to every call. So a layer
    cannot tell on which host it runs, and asking twice gives the same bits twice. Arrays that a layer is given are
    read-only and shared with its neighbours: a result is a new C-contiguous array of the same dtype, or the given
    array itself (or a view of it) where the function leaves every number as it is.

    Rows are samples, and no row depends on another: the pipeline may split a batch into any micro-batches.

    A layer of your own is a frozen dataclass with these seven members; `annex_actors.testing.check_layer` tests it.
    """

    @property
    def name(self) -> str:
        """The word for this layer in a network's text, such as ``dense``."""

    def spec(self) -> str:
        """Return the text that `parse_layers` reads back, such as ``dense:128``: name and arguments, no spaces."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample for one input sample of ``input_shape``.

        Raises:
            ShapeError: samples of this shape do not fit the layer.
        """

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: np.dtype[Any]) -> Parameters:
        """Return the parameters before training, read-only, of ``dtype``; empty where there are none."""

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the outputs of one micro-batch, and what `backward` needs.

        Args:
            parameters: as `initial_parameters` or the optimizer made them.
            inputs: shape ``(microbatch, *input_shape)``.
            key: names the random numbers of (seed, layer, step, microbatch); None when predicting, where dropout and
                its like are off.
        """

    def backward(self, parameters: Parameters, saved: Saved, grad_output: Floats) -> Floats:
        """Return dC/dinputs for ``grad_output`` = dC/doutputs of the same micro-batch."""

    def weight_gradient(self, inputs: Floats, grad_output: Floats) -> dict[str, Floats]:
        """Return dC/dparameters by name, summed over the rows: new arrays, the caller's to overwrite; {} without any.

        Args:
            inputs: what `forward` was given, all micro-batches of a step one below the other on axis 0, so that the
                gradient of the whole step is one matrix product.
            grad_output: what `backward` was given, in the same order.
        """
