"""Smooth rectifiers: gelu, silu, softplus. Their outputs do not tell their slopes, so they save their inputs too."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.types import Floats
from annex_actors.layers.activations import normal
from annex_actors.layers.activations.functions import Sigmoid
from annex_actors.layers.layer import Saved


class Approximation(Enum):
    """How gelu computes the normal distribution function."""

    NONE = "none"
    """To the precision of the dtype."""
    TANH = "tanh"
    """By a tanh, up to 5e-4 away, as in the first GPT and BERT models."""


@dataclass(frozen=True)
class Gelu:
    """``x P(X <= x)`` for a standard normal X: the Gaussian error linear unit.

    Samples have any shape, and keep it.

    Args:
        approximate: "none", or "tanh" for ``x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2``.

    Raises:
        ConfigError: an unknown approximation.

    Source:
        Hendrycks, Gimpel (2016), Gaussian error linear units.
    """

    approximate: str | Approximation = Approximation.NONE

    rectifies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.keep(self, approximate=checks.member("approximate", self.approximate, Approximation))

    def spec(self) -> str:
        """Return ``gelu``, and the approximation if there is one."""
        return written("gelu", self)

    def __call__(self, inputs: Floats) -> Floats:
        """Return each input times the probability that a normal variable is below it."""
        return self.forward(inputs)[0]

    def forward(self, inputs: Floats) -> tuple[Floats, Saved]:
        """Return the outputs; save the inputs and their probabilities."""
        exact = self.approximate is Approximation.NONE
        probabilities = normal.distribution(inputs) if exact else normal.tanh_distribution(inputs)
        return inputs * probabilities, (inputs, probabilities)

    def pull_back(self, saved: Saved, grad_output: Floats) -> Floats:
        """Return ``grad_output`` times the slope, the probability plus ``x`` times the density."""
        inputs, probabilities = saved
        density = normal.density if self.approximate is Approximation.NONE else normal.tanh_density
        slopes = density(inputs, probabilities)
        slopes *= inputs
        slopes += probabilities
        slopes *= grad_output
        return slopes


@dataclass(frozen=True)
class Silu:
    """``x / (1 + exp(-x))``, each input times its sigmoid; also called swish.

    Samples have any shape, and keep it.

    Source:
        Elfwing, Uchibe, Doya (2018), Sigmoid-weighted linear units for neural network function approximation in
        reinforcement learning; Ramachandran, Zoph, Le (2017), Searching for activation functions.
    """

    rectifies: ClassVar[bool] = True

    def spec(self) -> str:
        """Return ``silu``."""
        return "silu"

    def __call__(self, inputs: Floats) -> Floats:
        """Return each input times its sigmoid."""
        return self.forward(inputs)[0]

    def forward(self, inputs: Floats) -> tuple[Floats, Saved]:
        """Return the outputs; save them and the sigmoids."""
        sigmoids = Sigmoid()(inputs)
        outputs = inputs * sigmoids
        return outputs, (outputs, sigmoids)

    def pull_back(self, saved: Saved, grad_output: Floats) -> Floats:
        """Return ``grad_output * (s + y * (1 - s))``, with sigmoids s and outputs y."""
        outputs, sigmoids = saved
        slopes: Floats = 1 - sigmoids
        slopes *= outputs
        slopes += sigmoids
        slopes *= grad_output
        return slopes


@dataclass(frozen=True)
class Softplus:
    """``log(1 + exp(beta x)) / beta``: a relu with a round corner.

    Samples have any shape, and keep it.

    Args:
        beta: how sharp the corner is; > 0.
        threshold: where ``beta x`` exceeds it, the output is ``x``; >= 0.

    Raises:
        ConfigError: a setting out of range.

    Source:
        Dugas, Bengio, Bélisle, Nadeau, Garcia (2001), Incorporating second-order functional knowledge for better option
        pricing.
    """

    beta: float = 1.0
    threshold: float = 20.0

    # Its slope is that of a relu but for the corner: about half of a signal passes.
    rectifies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.keep(
            self,
            beta=checks.real_number("beta", self.beta, above=0),
            threshold=checks.real_number("threshold", self.threshold, at_least=0),
        )

    def spec(self) -> str:
        """Return ``softplus``, and the settings that are not the default."""
        return written("softplus", self)

    def __call__(self, inputs: Floats) -> Floats:
        """Return ``max(x, 0) + log(1 + exp(-|beta x|)) / beta``, which equals the formula and does not overflow."""
        return self.forward(inputs)[0]

    def forward(self, inputs: Floats) -> tuple[Floats, Saved]:
        """Return the outputs; save the inputs and ``exp(-|beta x|)``, 0 beyond the threshold."""
        with np.errstate(over="ignore"):  # of beta x; exp(-infinity) is the limit 0
            exponentials: Floats = inputs * self.beta
        within = exponentials <= self.threshold
        np.abs(exponentials, out=exponentials)
        np.negative(exponentials, out=exponentials)
        np.exp(exponentials, out=exponentials)
        exponentials *= within
        outputs = np.log1p(exponentials)
        outputs /= self.beta
        outputs += inputs.clip(0, np.inf)
        return outputs, (inputs, exponentials)

    def pull_back(self, saved: Saved, grad_output: Floats) -> Floats:
        """Return ``grad_output * sigmoid(beta x)``, and ``grad_output`` beyond the threshold."""
        inputs, exponentials = saved
        slopes: Floats = (inputs > 0).astype(grad_output.dtype)
        np.maximum(slopes, exponentials, out=slopes)
        slopes /= 1 + exponentials
        slopes *= grad_output
        return slopes
