"""Activation functions that pull back from their outputs alone: sigmoid, tanh, softmax, log_softmax, linear, step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from annex_actors.base.types import Floats


@dataclass(frozen=True)
class Sigmoid:
    """``1 / (1 + exp(-x))``, the logistic function.

    Samples have any shape, and keep it.

    Source:
        Rumelhart, Hinton, Williams (1986), Learning representations by back-propagating errors.
    """

    rectifies: ClassVar[bool] = False

    def spec(self) -> str:
        """Return ``sigmoid``."""
        return "sigmoid"

    def __call__(self, inputs: Floats) -> Floats:
        """Return the logistic function of ``inputs``."""
        # Four times as fast as scipy.special.expit, and as exact: if exp(-x) overflows, 1 / infinity is the limit 0.
        with np.errstate(over="ignore"):
            outputs: Floats = np.negative(inputs)
            np.exp(outputs, out=outputs)
        outputs += 1
        return np.reciprocal(outputs, out=outputs)

    def pull_back(self, outputs: Floats, grad_output: Floats) -> Floats:
        """Return ``grad_output * outputs * (1 - outputs)``."""
        grad_input: Floats = 1 - outputs
        grad_input *= outputs
        grad_input *= grad_output
        return grad_input


@dataclass(frozen=True)
class Tanh:
    """``(exp(x) - exp(-x)) / (exp(x) + exp(-x))``, the hyperbolic tangent.

    Samples have any shape, and keep it.

    Source:
        LeCun, Bottou, Orr, Müller (1998), Efficient backprop.
    """

    rectifies: ClassVar[bool] = False

    def spec(self) -> str:
        """Return ``tanh``."""
        return "tanh"

    def __call__(self, inputs: Floats) -> Floats:
        """Return the hyperbolic tangent of ``inputs``."""
        return np.tanh(inputs)

    def pull_back(self, outputs: Floats, grad_output: Floats) -> Floats:
        """Return ``grad_output * (1 - outputs**2)``."""
        grad_input: Floats = outputs * outputs
        np.subtract(1, grad_input, out=grad_input)
        grad_input *= grad_output
        return grad_input


@dataclass(frozen=True)
class Softmax:
    """``exp(x) / sum(exp(x))`` over the features of a sample.

    Samples have shape ``(..., features)``, and keep it. As the last layer, leave it out and use the cost
    "softmax_cross_entropy" on the logits: it is more accurate.

    Source:
        Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.
    """

    rectifies: ClassVar[bool] = False

    def spec(self) -> str:
        """Return ``softmax``."""
        return "softmax"

    def __call__(self, inputs: Floats) -> Floats:
        """Return the softmax of every row, without overflow."""
        outputs: Floats = inputs - inputs.max(axis=-1, keepdims=True)
        np.exp(outputs, out=outputs)
        outputs /= outputs.sum(axis=-1, keepdims=True)
        return outputs

    def pull_back(self, outputs: Floats, grad_output: Floats) -> Floats:
        """Return the product with the Jacobian, ``y * (g - sum(y * g))`` for every row."""
        grad_input: Floats = outputs * grad_output
        grad_input -= outputs * grad_input.sum(axis=-1, keepdims=True)
        return grad_input


@dataclass(frozen=True)
class LogSoftmax:
    """``x - log(sum(exp(x)))`` over the features of a sample: the logarithm of softmax, but more accurate.

    Samples have shape ``(..., features)``, and keep it.

    Source:
        Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.
    """

    rectifies: ClassVar[bool] = False

    def spec(self) -> str:
        """Return ``log_softmax``."""
        return "log_softmax"

    def __call__(self, inputs: Floats) -> Floats:
        """Return the logarithm of the softmax of every row, without overflow."""
        outputs: Floats = inputs - inputs.max(axis=-1, keepdims=True)
        outputs -= np.log(np.exp(outputs).sum(axis=-1, keepdims=True))
        return outputs

    def pull_back(self, outputs: Floats, grad_output: Floats) -> Floats:
        """Return the product with the Jacobian, ``g - exp(y) * sum(g)`` for every row."""
        grad_input: Floats = np.exp(outputs)
        grad_input *= grad_output.sum(axis=-1, keepdims=True)
        return np.subtract(grad_output, grad_input, out=grad_input)


@dataclass(frozen=True)
class Linear:
    """``x``, the identity: its outputs are its inputs.

    Samples have any shape, and keep it.
    """

    rectifies: ClassVar[bool] = False

    def spec(self) -> str:
        """Return ``linear``."""
        return "linear"

    def __call__(self, inputs: Floats) -> Floats:
        """Return ``inputs`` itself."""
        return inputs

    def pull_back(self, outputs: Floats, grad_output: Floats) -> Floats:
        """Return ``grad_output`` itself."""
        return grad_output


@dataclass(frozen=True)
class Step:
    """1 above 0, else 0: the perceptron's threshold; backward it passes gradients on as `Linear` does.

    Samples have any shape, and keep it.

    Its slope is 0 wherever it has one, so no gradient could pass. With the gradient passed on (straight through),
    ``dense:1 step`` with the mean squared error and ``sgd`` learns by Rosenblatt's rule: the weights change by twice
    the learning rate times error times inputs. `annex_actors.testing.check_layer` needs ``gradients=False``.

    Source:
        Rosenblatt (1958), The perceptron: a probabilistic model for information storage and organization in the brain.
        Bengio, Léonard, Courville (2013), Estimating or propagating gradients through stochastic neurons.
    """

    rectifies: ClassVar[bool] = False

    def spec(self) -> str:
        """Return ``step``."""
        return "step"

    def __call__(self, inputs: Floats) -> Floats:
        """Return 1 where the input is above 0, else 0."""
        return (inputs > 0).astype(inputs.dtype)

    def pull_back(self, outputs: Floats, grad_output: Floats) -> Floats:
        """Return ``grad_output`` itself."""
        return grad_output
