"""AnnexRule: a dense layer and its activation with the backward pass of Annex, which is not the gradient."""

from __future__ import annotations

from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from annex_actors.base import checks
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import DType, Floats, Parameters, Shape
from annex_actors.layers.activations import Activation
from annex_actors.layers.activations import activation as activation_of
from annex_actors.layers.dense import Dense, dense
from annex_actors.layers.initializers import Initializer
from annex_actors.layers.kernels import Kernels
from annex_actors.layers.layer import Factors, Saved


def annex_dense(
    out_features: int,
    activation: str = "linear",
    *,
    weights: ArrayLike | None = None,
    biases: ArrayLike | None = None,
    initializer: str | Initializer = "annex",
) -> AnnexDense:
    """Return ``y = f(x @ weights + biases)`` that learns by Annex's rule, which is not the gradient.

    It is for the comparison with Annex; `dense` and `activation` learn better. One layer holds both, since the rule of
    the weights needs the activation's slope, and the rule of the layers below must not have it.

    Args:
        out_features: how many outputs there are, >= 1.
        activation: the function's name; its arguments follow commas, as in "relu,0.5".
        weights: the initial weights, shape ``(in_features, out_features)``: a row for each input, as of `dense`.
        biases: the initial biases, shape ``(out_features,)``; zeros if not given. (Annex's are ones.)
        initializer: of the weights; Annex's draws them from -1 to 1.

    Raises:
        ConfigError: a setting that is out of range or has an unknown name, or weights that are not finite numbers.
        ShapeError: weights or biases of another shape.
    """
    text = checks.text("activation", activation, wanted="the name of an activation, such as sigmoid")
    linear = dense(out_features, weights=weights, biases=biases, initializer=initializer)
    return AnnexDense(linear, activation_of(text.replace(",", ":")))


@dataclass(frozen=True)
class AnnexDense:
    """A dense layer with its activation; made by `annex_dense`, which checks its settings.

    With the error e above it and the slope f' at its outputs, Annex subtracts ``learning_rate * x^T (e f')`` from the
    weights, and passes down ``e @ W^T``: the gradient would be ``(e f') @ W^T``. So only the last layer learns by the
    gradient. `annex_actors.testing.check_layer` needs ``gradients=False``; all its other promises hold.

    Source:
        Annex 0.2 (commit 6f472a3), ``Annex.Layer.Dense.backprop/3``.
    """

    dense: Dense
    activation: Activation

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "annex_dense"

    def spec(self) -> str:
        """Return ``annex_dense:out_features:activation``, and the initializer unless it is Annex's."""
        words = [self.name, str(self.dense.out_features), self.activation.spec().replace(":", ",")]
        own = self.dense.initializer.value
        return ":".join(words if own == "annex" else [*words, f"initializer={own}"])

    def with_kernels(self, kernels: Kernels) -> AnnexDense:
        """Return the same layer with these kernels."""
        return replace(self, dense=self.dense.with_kernels(kernels))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(..., out_features)``.

        Raises:
            ShapeError: samples that do not fit the weights.
        """
        return self.dense.output_shape(input_shape)

    def work(self, input_shape: Shape) -> int:
        """Return the multiplications of the dense layer."""
        return self.dense.work(input_shape)

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return the given weights and biases, or weights drawn for ``key`` and biases of zero."""
        return self.dense.initial_parameters(input_shape, key, dtype)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return ``f(inputs @ weight + bias)``; save what both parts need."""
        linear, rows = self.dense.forward(parameters, inputs, key)
        outputs, slopes = self.activation.forward({}, linear, key)
        return outputs, (rows, slopes)

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return ``grad_output @ weight.T``, without the activation's slope, and the factors with it."""
        rows, slopes = saved
        sloped, _ = self.activation.backward({}, slopes, grad_output, True)
        assert sloped is not None  # since it is wanted
        _, factors = self.dense.backward(parameters, rows, sloped, False)
        below = self.dense.backward(parameters, rows, grad_output, True)[0] if input_wanted else None
        return below, factors

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return what `Dense` returns for these factors."""
        return self.dense.weight_gradient(factors)
