"""What a layer is: settings and pure functions, which a stage of the pipeline runs.

Every layer is a `Layer`. A layer that learns is also `Weighted`; a layer with arrays that no gradient changes, such as
running statistics, is also `Stateful`. The other protocols here are optional.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import DType, Floats, Parameters, Shape

Saved: TypeAlias = Any
"""What `Layer.backward` needs from `Layer.forward` of the same microbatch; opaque to everything else."""

Factors: TypeAlias = tuple[Floats, ...]
"""What the weight gradient is computed from: arrays that can be stacked over the microbatches of a step, on axis 0."""


@runtime_checkable
class Layer(Protocol):
    """One step of the computation, as a value: it can be compared, printed and pickled, and holds no changing weights.

    The stage that runs a layer keeps its parameters and what `forward` saved, and passes them with every call. So a
    layer cannot tell on which host it runs, and the same call returns the same bits. The arrays that a layer is given
    are read-only and shared with its neighbours. It returns new C-contiguous arrays of the same dtype, or, where it
    changes no number, the given array itself or a view of it.

    Rows are samples. No row depends on another, unless the layer is a `MixesRows`: the pipeline may split a batch into
    microbatches of any size.

    To write your own layer, make a frozen dataclass with these five members, and those of `Weighted` if it learns;
    `annex_actors.testing.check_layer` tests it.
    """

    @property
    def name(self) -> str:
        """Name used in layer specs, such as ``dense``."""

    def spec(self) -> str:
        """Return the text that `parse_layers` reads back, such as ``dense:128``: name and arguments, without spaces."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample, given the shape of one input sample.

        Raises:
            ShapeError: samples of this shape do not fit the layer.
        """

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the outputs of one microbatch, and what `backward` needs.

        Args:
            parameters: from `Weighted.initial_parameters` or the optimizer, with the state of a `Stateful` layer among
                them; empty for all other layers.
            inputs: shape ``(microbatch, *input_shape)``; read-only.
            key: names the random numbers of (seed, layer, step, microbatch); None when predicting, which turns off
                dropout and other noise.
        """

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return dC/dinputs, and the factors of the weight gradient.

        The input gradient is on the critical path, since the layer below waits for it. The weight gradient is not; it
        is computed from the factors later.

        Args:
            parameters: as given to `forward`.
            saved: what `forward` saved for the same microbatch.
            grad_output: dC/doutputs, shape ``(microbatch, *output_shape)``; read-only.
            input_wanted: False if nothing needs dC/dinputs, which may then be None.

        Returns:
            dC/dinputs, shape ``(microbatch, *input_shape)``, and the factors; ``()`` if the layer has no weights.
        """


@runtime_checkable
class Weighted(Layer, Protocol):
    """A layer that learns."""

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return the parameters before training, read-only, of ``dtype``."""

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return dC/dparameters by name, summed over the rows: new arrays, which the caller may overwrite.

        Args:
            factors: what `backward` returned for all microbatches of a step, concatenated on axis 0 in their order. So
                the weight gradient of a dense layer for a whole step is one matrix product.
        """


@runtime_checkable
class Stateful(Layer, Protocol):
    """A layer with arrays that no gradient changes, such as running statistics.

    These arrays, its state, are committed with the weights. Their names differ from those of the parameters, among
    which `Layer.forward` finds them.
    """

    def initial_state(self, input_shape: Shape, dtype: DType) -> Parameters:
        """Return the state before training, read-only, of ``dtype``."""

    def next_state(self, state: Parameters, factors: Sequence[Factors]) -> Parameters:
        """Return the state after a step: new read-only arrays with the names and shapes of ``state``.

        Pure, so that a step repeated after a crash changes the state once.

        Args:
            state: the state before the step.
            factors: what `Layer.backward` returned for each microbatch of the step, in order.
        """


@runtime_checkable
class DividesRows(Weighted, Protocol):
    """A layer whose weight gradient has an array of which some rows can be computed alone.

    Replicas of a stage divide this work where the rows have the bits that they have in the whole array.
    """

    @property
    def divided(self) -> str:
        """The name of the array."""

    def weight_gradient(self, factors: Factors, rows: slice | None = None) -> dict[str, Floats]:
        """Return dC/dparameters by name; with ``rows``, of the array that can be divided only these."""


@runtime_checkable
class MixesRows(Protocol):
    """A layer whose rows depend on each other while training, such as batch norm."""

    @property
    def mixes_rows(self) -> bool:
        """Whether the outputs for a sample depend on the other samples of its microbatch."""


@runtime_checkable
class NeedsSamples(Protocol):
    """A layer that learns nothing from a microbatch with too few samples, such as batch norm."""

    def fewest_samples(self, input_shape: Shape) -> int:
        """Return how many samples a microbatch needs; a training is refused if all of its microbatches have fewer."""


@runtime_checkable
class Rectifies(Protocol):
    """An activation, on which the initial weights of the layer below depend."""

    @property
    def rectifies(self) -> bool:
        """Whether the weights below it are initialized as in He et al. (2015)."""


@runtime_checkable
class FollowedBy(Protocol):
    """A layer whose initial weights depend on the activation that follows; `sequence` calls `followed_by`."""

    def followed_by(self, activation: Rectifies | None) -> Self:
        """Return the same layer, followed by this activation; None if no activation comes before the next weights."""


@runtime_checkable
class EstimatesWork(Protocol):
    """A layer that estimates its own work; other layers are assumed to use each weight once per sample."""

    def work(self, input_shape: Shape) -> int:
        """Return the multiplications in a forward pass of one sample; placement balances stages by them."""


@runtime_checkable
class UsesLibrary(Protocol):
    """A layer that computes with a library of its own, on which its bits depend, such as torch."""

    @property
    def library(self) -> str:
        """Its name and version, and whatever else decides bits; a run records it."""
