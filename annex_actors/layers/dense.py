"""The fully connected layer: ``y = x @ W + b``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.shown import shown
from annex_actors.base.types import DType, Floats, Parameters, Shape
from annex_actors.layers.initializers import Initializer
from annex_actors.layers.kernels import NUMPY, Kernels
from annex_actors.layers.layer import Factors, Rectifies, Saved

Rows = tuple[tuple[float, ...], ...]

_FEATURES = 2**30
"""A BLAS library counts rows and columns in 32 bits, and the bytes of a matrix must fit in 64."""


def dense(
    out_features: int,
    in_features: int | None = None,
    *,
    weights: ArrayLike | None = None,
    biases: ArrayLike | None = None,
    initializer: str | Initializer = Initializer.AUTO,
) -> Dense:
    """Return a fully connected layer, ``y = x @ weights + biases``.

    Args:
        out_features: the length of the last axis of its outputs, >= 1.
        in_features: the length of a sample's last axis; inferred from the layer before if not given.
        weights: the initial weights, shape ``(in_features, out_features)``: a row for each input. (Annex's matrices
            have a row for each output: transpose them.) Drawn by ``initializer`` if not given.
        biases: the initial biases, shape ``(out_features,)``; zeros if not given.
        initializer: the name of an `Initializer`, such as "he", "lecun_normal" or "constant,0.1"; "auto": He if the
            next activation is a relu, else Glorot.

    Raises:
        ConfigError: a setting that is out of range or has an unknown name, or weights that are not finite numbers.
        ShapeError: weights or biases of another shape.
    """
    out_features = checks.whole_number("out_features", out_features, at_least=1, limit=_FEATURES)
    matrix = None if weights is None else _finite("weights", weights)
    vector = None if biases is None else _finite("biases", biases)
    if in_features is not None:
        in_features = checks.whole_number("in_features", in_features, at_least=1, limit=_FEATURES)
    elif matrix is not None and matrix.ndim:
        in_features = len(matrix)
    if matrix is not None and matrix.shape != (in_features, out_features):
        cure = "; transpose them: a row is an input" if matrix.shape[:1] == (out_features,) else ""
        raise ShapeError(
            f"expected `weights` of shape (in_features, out_features) = ({in_features}, {out_features}), "
            f"got {matrix.shape}{cure if matrix.ndim == 2 else ''}"
        )
    if vector is not None and vector.shape != (out_features,):
        raise ShapeError(f"expected `biases` of shape (out_features,) = ({out_features},), got {vector.shape}")
    return Dense(
        out_features,
        in_features,
        initializer=Initializer.of(initializer),
        weights=None if matrix is None else tuple(map(tuple, matrix.tolist())),
        biases=None if vector is None else tuple(vector.tolist()),
    )


@dataclass(frozen=True)
class Dense:
    """A fully connected layer; made by `dense`, which checks its settings.

    Its parameters are ``weight``, shape ``(in_features, out_features)``, and ``bias``, shape ``(out_features,)``.

    Source:
        Goodfellow, Bengio, Courville (2016), Deep Learning, section 6.5.
    """

    out_features: int
    in_features: int | None = None
    initializer: Initializer = Initializer.AUTO
    # Tuples, not arrays, so that layers with given weights can be compared and hashed too.
    weights: Rows | None = field(default=None, repr=False)
    biases: tuple[float, ...] | None = field(default=None, repr=False)
    before_relu: bool = False
    """Whether the next activation is a relu, set by `sequence`; ``Initializer.AUTO`` depends on it."""
    kernels: Kernels = field(default=NUMPY, repr=False)
    """The library that computes the three products; like given weights, not part of the text."""

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "dense"

    def spec(self) -> str:
        """Return ``dense:out_features[:in_features][:initializer]``, without given weights."""
        words = [self.name, str(self.out_features)]
        words += [str(self.in_features)] if self.in_features is not None else []
        words += [self.initializer.value] if self.initializer is not Initializer.AUTO else []
        return ":".join(words)

    def followed_by(self, activation: Rectifies | None) -> Dense:
        """Return the same layer, with ``before_relu`` set."""
        return replace(self, before_relu=activation is not None and activation.rectifies)

    def with_kernels(self, kernels: Kernels) -> Dense:
        """Return the same layer with these kernels."""
        return replace(self, kernels=kernels)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(..., out_features)``: the last axis holds the features, the others stay.

        Raises:
            ShapeError: samples without an axis, or with another number of features than ``in_features``.
        """
        if not input_shape:
            raise ShapeError(f"expected samples of shape (..., features), got {input_shape}; put reshape(1) before")
        if self.in_features not in (None, input_shape[-1]):
            cures = f"give in_features={input_shape[-1]} or leave it out"
            if self.in_features == math.prod(input_shape):
                cures = f"put flatten() before {self.spec()}"
            raise ShapeError(f"expected samples of shape (..., {self.in_features}), got {input_shape}; {cures}")
        return (*input_shape[:-1], self.out_features)

    def work(self, input_shape: Shape) -> int:
        """Return one multiplication for each weight and bias, at each position of the other axes."""
        return math.prod(input_shape[:-1]) * (input_shape[-1] + 1) * self.out_features

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return the given weights and biases, or weights drawn for ``key`` and biases of zero."""
        self.output_shape(input_shape)
        if self.weights is None:
            shape = fan = (input_shape[-1], self.out_features)
            weight = self._initializer().draw(shape, fan, key.generator(Tag.INITIAL_WEIGHTS), dtype)
        else:
            weight = np.array(self.weights, dtype=dtype)
        bias = np.zeros(self.out_features, dtype) if self.biases is None else np.array(self.biases, dtype=dtype)
        weight.flags.writeable = bias.flags.writeable = False
        return {"weight": weight, "bias": bias}

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return ``inputs @ weight + bias``, shape ``(microbatch, ..., out_features)``; save the rows of ``inputs``."""
        rows = _rows(inputs)
        outputs = self.kernels.product(rows, parameters["weight"])
        outputs += parameters["bias"]
        return _shaped_like(inputs, _read_only(outputs)), rows

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return ``grad_output @ weight.T``, shape ``(microbatch, ..., in_features)``, and two factors.

        The factors are the rows of ``inputs`` and of ``grad_output``.
        """
        rows = _rows(grad_output)
        if not input_wanted:
            return None, (saved, rows)
        grad_input = _read_only(self.kernels.product(rows, parameters["weight"].T))
        return _shaped_like(grad_output, grad_input), (saved, rows)

    @property
    def divided(self) -> str:
        """``weight``: each row of its gradient depends on one column of the inputs."""
        return "weight"

    def weight_gradient(self, factors: Factors, rows: slice | None = None) -> dict[str, Floats]:
        """Return ``inputs.T @ grad_output`` for ``weight``, and the column sums of ``grad_output`` for ``bias``.

        Args:
            factors: the rows of ``inputs`` and of ``grad_output``.
            rows: which input features, and so which rows of ``weight``; None: all.
        """
        inputs, grad_output = factors
        if rows is not None:
            inputs = inputs[:, rows]
        return {"weight": self.kernels.product(inputs.T, grad_output), "bias": np.add.reduce(grad_output, axis=0)}

    def _initializer(self) -> Initializer:
        return Initializer.HE if self.initializer is Initializer.AUTO and self.before_relu else self.initializer


def _rows(array: Floats) -> Floats:
    return array if array.ndim == 2 else array.reshape(-1, array.shape[-1])


def _shaped_like(array: Floats, rows: Floats) -> Floats:
    """Return ``rows`` with the axes of ``array`` but for the last one."""
    return rows if array.ndim == 2 else rows.reshape(*array.shape[:-1], rows.shape[-1])


def _read_only(array: Floats) -> Floats:
    # Kernels may return a view of memory that they own; a message would copy it unless it is read-only.
    array.setflags(write=False)
    return array


def _finite(setting: str, values: ArrayLike) -> Floats:
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "iuf":
        raise ConfigError(f"expected `{setting}` to be numbers in rows of equal length, got {shown(values)}")
    if not (np.abs(array) <= np.finfo(np.float32).max).all():  # False for NaN too
        raise ConfigError(f"expected `{setting}` to be finite float32 numbers, got NaN, infinity or a larger one")
    return array.astype(np.float64)
