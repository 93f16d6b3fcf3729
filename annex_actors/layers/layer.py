"""What a layer is: data and pure functions, from which an actor makes a stage of the pipeline.

Every layer is a `Layer`. One that learns is `Weighted` too; one with arrays that no gradient changes, such as running
statistics, is `Stateful`. The other protocols here are questions that a layer may answer and need not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import DType, Floats, Parameters, Shape

Saved: TypeAlias = Any
"""What `Layer.backward` needs from `Layer.forward` of the same microbatch; opaque to everything else."""

Factors: TypeAlias = tuple[Floats, ...]
"""What the weight gradient is made of: arrays that can be stacked over the microbatches of a step, on axis 0."""


@runtime_checkable
class Layer(Protocol):
    """One step of the computation, as a value: it can be compared, printed, pickled, and holds no weights that change.

    The stage that runs a layer keeps its parameters and what `forward` saved, and gives them back with every call. So a
    layer cannot tell on which host it runs, and asking twice gives the same bits twice. Arrays that a layer is given
    are read-only and shared with its neighbours: a result is a new C-contiguous array of the same dtype, or the given
    array itself (or a view of it) where the function leaves every number as it is.

    Rows are samples, and no row depends on another (unless the layer is one that `MixesRows`): the pipeline may split a
    batch into any microbatches.

    A layer of your own is a frozen dataclass with these five members, and those of `Weighted` where it learns;
    `annex_actors.testing.check_layer` tests it.
    """

    @property
    def name(self) -> str:
        """Name used in layer specs, such as ``dense``."""

    def spec(self) -> str:
        """Return the text that `parse_layers` reads back, such as ``dense:128``: name and arguments, no spaces."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample for one input sample of ``input_shape``.

        Raises:
            ShapeError: samples of this shape do not fit the layer.
        """

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the outputs of one microbatch, and what `backward` needs.

        Args:
            parameters: as `Weighted.initial_parameters` or the optimizer made them; for a `Stateful` layer its state is
                among them. Empty for any other layer.
            inputs: shape ``(microbatch, *input_shape)``.
            key: names the random numbers of (seed, layer, step, microbatch); None when predicting, where dropout and
                its like are off.
        """

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return dC/dinputs, and the factors of the weight gradient.

        The input gradient is on the critical path, since the layer below waits for it; the weight gradient is not, and
        is made from the factors later.

        Args:
            parameters: as given to `forward`.
            saved: what `forward` saved of the same microbatch.
            grad_output: dC/doutputs, shape ``(microbatch, *output_shape)``.
            input_wanted: false where nothing needs dC/dinputs, which may then be None.

        Returns:
            dC/dinputs, shape ``(microbatch, *input_shape)``, and the factors; ``()`` where the layer has no weights.
        """


@runtime_checkable
class Weighted(Layer, Protocol):
    """A layer that learns."""

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return the parameters before training, read-only, of ``dtype``."""

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return dC/dparameters by name, summed over the rows: new arrays, the caller's to overwrite.

        Args:
            factors: what `backward` returned, of all microbatches of a step one below the other on axis 0, in their
                order. So the gradient of a whole dense layer's step is one matrix product.
        """


@runtime_checkable
class Stateful(Layer, Protocol):
    """A layer with arrays that no gradient changes, such as running statistics.

    They are committed with the weights. Their names differ from those of the parameters, among which `Layer.forward`
    finds them.
    """

    def initial_state(self, input_shape: Shape, dtype: DType) -> Parameters:
        """Return the state before training, read-only, of ``dtype``."""

    def next_state(self, state: Parameters, factors: Sequence[Factors]) -> Parameters:
        """Return the state after a step: new read-only arrays, named and shaped as those of ``state``.

        Pure, so that a step that a crash repeats changes the state once.

        Args:
            state: before the step.
            factors: what `Layer.backward` returned for each microbatch of the step, in their order.
        """


@runtime_checkable
class MixesRows(Protocol):
    """A layer whose rows depend on each other while training, as those of a batch norm do."""

    @property
    def mixes_rows(self) -> bool:
        """Whether the outputs of a sample depend on the other samples of its microbatch."""


@runtime_checkable
class Rectifies(Protocol):
    """A nonlinear layer, on which the initial weights of the layer below depend."""

    @property
    def rectifies(self) -> bool:
        """Whether weights below it are drawn as He et al. (2015) draw them."""


@runtime_checkable
class FollowedBy(Protocol):
    """A layer that wants to know what follows, to choose its initial weights; `sequence` tells it."""

    def followed_by(self, activation: Rectifies | None) -> Self:
        """Return the same layer, told of the next activation; None where there is none before the next weights."""


@runtime_checkable
class EstimatesWork(Protocol):
    """A layer that says how much it computes; of any other it is assumed that a sample meets each weight once."""

    def work(self, input_shape: Shape) -> int:
        """Return the multiplications of a forward pass for one sample; placement divides layers by them."""
