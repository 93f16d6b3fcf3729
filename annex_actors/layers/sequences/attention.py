"""Self-attention: each position of a sequence takes from all others what it looks for.

The projections of all positions are one matrix product. From there on, queries, keys and values are views of its
result with axes (sample, head, position, feature), which NumPy multiplies for all samples and heads in one call, and
where they lie: no array is copied. The scores have the keys before the queries: the softmax then runs down the columns,
which takes two thirds of the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import UNWRITTEN, written
from annex_actors.base.errors import ShapeError
from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import Array, DType, Floats, Parameters, Shape, frozen
from annex_actors.layers.dropout import Dropout
from annex_actors.layers.initializers import Initializer
from annex_actors.layers.kernels import NUMPY, Kernels
from annex_actors.layers.kernels import kernels as kernels_of
from annex_actors.layers.layer import Factors, Saved
from annex_actors.layers.sequences.shapes import sequence_shape


def self_attention(num_heads: int, causal: bool = False, dropout: float = 0.0, bias: bool = True) -> SelfAttention:
    """Return the layer in which each position takes a weighted mean of all positions; its weights depend on both.

    For each head, with ``d = width / num_heads``: ``softmax(q @ k.T / sqrt(d)) @ v``, where ``q``, ``k`` and ``v`` are
    products of the inputs with weights of their own. The heads' results lie side by side and are multiplied by the
    weights of the output. From shape ``(sequence, width)`` to the same. Where the network has a mask (``mask``), no
    position takes anything from padding.

    Args:
        num_heads: how many heads, a divisor of the width, >= 1.
        causal: whether a position sees only itself and those before it.
        dropout: the fraction of weights of the mean that are 0 while training, 0 <= dropout < 1.
        bias: whether there are biases.

    Raises:
        ConfigError: a setting that is out of range.

    Source:
        Vaswani et al. (2017), Attention is all you need; as torch.nn.MultiheadAttention.
    """
    return SelfAttention(num_heads, causal, dropout, bias)


@dataclass(frozen=True)
class SelfAttention:
    """Multi-head attention of a sequence to itself; made by `self_attention`.

    Its parameters are ``in_proj_weight``, shape ``(width, 3 * width)``: the weights of queries, keys and values side by
    side; ``in_proj_bias``, shape ``(3 * width,)``; ``out_proj.weight``, shape ``(width, width)``; ``out_proj.bias``,
    shape ``(width,)``. Weights have a row for each input.
    """

    num_heads: int
    causal: bool = False
    dropout: float = 0.0
    bias: bool = True
    is_masked: bool = field(default=False, metadata=UNWRITTEN)
    """Whether there is a mask, set by `sequence`."""
    kernels: Kernels = field(default=NUMPY, repr=False, metadata=UNWRITTEN)
    """The library that computes the products with weights."""

    def __post_init__(self) -> None:
        checks.keep(
            self,
            num_heads=checks.whole_number("num_heads", self.num_heads, at_least=1),
            causal=checks.boolean("causal", self.causal),
            dropout=checks.real_number("dropout", self.dropout, at_least=0, below=1),
            bias=checks.boolean("bias", self.bias),
            kernels=kernels_of(self.kernels),
            is_masked=checks.boolean("is_masked", self.is_masked),
        )

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "self_attention"

    def spec(self) -> str:
        """Return ``self_attention:num_heads``, and other settings by name."""
        return written(self.name, self)

    def with_kernels(self, kernels: Kernels) -> SelfAttention:
        """Return the same layer with these kernels."""
        return replace(self, kernels=kernels)

    def with_mask(self, is_masked: bool) -> SelfAttention:
        """Return the same layer, with ``is_masked`` set."""
        return replace(self, is_masked=is_masked)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``.

        Raises:
            ShapeError: samples that are no sequences, or heads that do not divide the width.
        """
        _, width = sequence_shape(input_shape)
        if width % self.num_heads:
            raise ShapeError(f"expected `num_heads` to divide the width {width} of samples, got {self.num_heads}")
        return input_shape

    def work(self, input_shape: Shape) -> int:
        """Return one multiplication for each weight and bias at each position, and ``2 * width`` for two positions."""
        length, width = input_shape
        return length * (width + 1) * 4 * width + 2 * length * length * width

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return weights drawn for ``key`` as in Glorot and Bengio (2010), and biases of zero."""
        self.output_shape(input_shape)
        width, generator = input_shape[1], key.generator(Tag.INITIAL_WEIGHTS)
        parameters = {}
        for name, columns in (("in_proj_", 3 * width), ("out_proj.", width)):
            shape = (width, columns)
            parameters[f"{name}weight"] = Initializer.GLOROT.draw(shape, shape, generator, dtype)
            if self.bias:
                parameters[f"{name}bias"] = np.zeros(columns, dtype)
        return frozen(parameters)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the outputs, shape ``(microbatch, sequence, width)``; save what `backward` needs."""
        return self._attend(parameters, inputs, self._future(inputs.shape[1]), key)

    def forward_masked(
        self, parameters: Parameters, inputs: Floats, mask: Floats, key: RandomKey | None
    ) -> tuple[Floats, Saved]:
        """Return the outputs; no position takes anything from where ``mask`` is 0."""
        hidden, future = (mask == 0)[:, None, :, None], self._future(inputs.shape[1])
        return self._attend(parameters, inputs, hidden if future is None else hidden | future, key)

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return dC/dinputs, and four factors: what the two products with weights were given, and their gradients."""
        assert isinstance(saved, _Saved)
        shape, width = grad_output.shape, grad_output.shape[-1]
        grad_rows = grad_output.reshape(-1, width)
        grad_context = self.kernels.product(grad_rows, parameters["out_proj.weight"].T)
        grad_projected = self._pull_back(saved, grad_context.reshape(shape)).reshape(-1, 3 * width)
        factors = saved.inputs, grad_projected, saved.context.reshape(-1, width), grad_rows
        if not input_wanted:
            return None, factors
        return self.kernels.product(grad_projected, parameters["in_proj_weight"].T).reshape(shape), factors

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return one product for each of the two weights, and column sums for the biases."""
        inputs, grad_projected, context, grad_output = factors
        gradients = {}
        for name, given, gradient in (("in_proj_", inputs, grad_projected), ("out_proj.", context, grad_output)):
            gradients[f"{name}weight"] = self.kernels.product(given.T, gradient)
            if self.bias:
                gradients[f"{name}bias"] = gradient.sum(axis=0)
        return gradients

    def _attend(
        self, parameters: Parameters, inputs: Floats, hidden: Array | None, key: RandomKey | None
    ) -> tuple[Floats, Saved]:
        rows = inputs.reshape(-1, inputs.shape[-1])
        projected = self._project(rows, parameters, "in_proj_").reshape(*inputs.shape[:-1], -1)
        queries, keys, values = self._heads(projected, 3)
        queries *= 1 / math.sqrt(queries.shape[-1])
        weights = _softmax(keys @ queries.swapaxes(2, 3), hidden)
        kept, dropped = Dropout(self.dropout).forward({}, weights, key)
        context = np.empty(inputs.shape, inputs.dtype)
        np.matmul(kept.swapaxes(2, 3), values, out=self._heads(context, 1)[0])
        outputs = self._project(context.reshape(rows.shape), parameters, "out_proj.")
        return outputs.reshape(inputs.shape), _Saved(rows, projected, weights, kept, dropped, context)

    def _pull_back(self, saved: _Saved, grad_context: Floats) -> Floats:
        """Return the gradient of the projected inputs."""
        queries, keys, values = self._heads(saved.projected, 3)
        grad_projected = np.empty_like(saved.projected)
        grad_queries, grad_keys, grad_values = self._heads(grad_projected, 3)
        (grads,) = self._heads(grad_context, 1)
        np.matmul(saved.kept, grads, out=grad_values)
        grad_kept = values @ grads.swapaxes(2, 3)
        grad_scores, _ = Dropout(self.dropout).backward({}, saved.dropped, grad_kept, True)
        # The softmax pulls back g as w * (g - sum(w * g)). That sum over positions is also one over the fewer features.
        (context,) = self._heads(saved.context, 1)
        grad_scores -= np.einsum("nhtd,nhtd->nht", grads, context)[:, :, None, :]
        grad_scores *= saved.weights
        np.matmul(grad_scores.swapaxes(2, 3), keys, out=grad_queries)
        grad_queries *= 1 / math.sqrt(queries.shape[-1])
        np.matmul(grad_scores, queries, out=grad_keys)
        return grad_projected

    def _project(self, rows: Floats, parameters: Parameters, name: str) -> Floats:
        outputs = self.kernels.product(rows, parameters[f"{name}weight"])
        if self.bias:
            outputs += parameters[f"{name}bias"]
        return outputs

    def _heads(self, array: Floats, parts: int) -> tuple[Floats, ...]:
        """Return views of each part of the last axis, with the axes (sample, head, position, feature)."""
        samples, length, width = array.shape
        split = array.reshape(samples, length, parts, self.num_heads, width // parts // self.num_heads)
        return tuple(split.transpose(2, 0, 3, 1, 4))

    def _future(self, length: int) -> Array | None:
        """Return which positions (rows) each position (columns) must not see; None where it sees all."""
        return np.tri(length, k=-1, dtype=bool) if self.causal else None


class _Saved(NamedTuple):
    """What backward needs: the inputs as rows, their projections, the softmax before and after dropout, its result."""

    inputs: Floats
    projected: Floats
    weights: Floats
    kept: Floats
    dropped: Saved
    context: Floats


def _softmax(scores: Floats, hidden: Array | None) -> Floats:
    """Return the softmax over the last axis but one, 0 at what is hidden, in the memory of ``scores``."""
    if hidden is not None:  # a finite number: where all is hidden, infinities would make NaN
        np.copyto(scores, np.finfo(scores.dtype).min, where=hidden)
    scores -= scores.max(axis=-2, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-2, keepdims=True)
    return scores
