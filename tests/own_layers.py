"""Layers that the package does not have, with all that a layer may have: what runs them must be exact for these too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import DType, Floats, Parameters, Shape, frozen
from annex_actors.layers import Factors, Initializer, Saved

EPSILON = 1e-5
MOMENTUM = 0.9


@dataclass(frozen=True)
class Norm:
    """Standardises by the statistics of a microbatch while training, and by running ones when predicting."""

    name = "norm"
    mixes_rows = True

    def spec(self) -> str:
        return self.name

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        return frozen({"gain": np.ones(input_shape, dtype), "bias": np.zeros(input_shape, dtype)})

    def initial_state(self, input_shape: Shape, dtype: DType) -> Parameters:
        return frozen({"mean": np.zeros(input_shape, dtype), "variance": np.ones(input_shape, dtype)})

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        mean, variance = parameters["mean"], parameters["variance"]
        if key is not None:
            mean, variance = inputs.mean(axis=0), inputs.var(axis=0)
        standard = (inputs - mean) / np.sqrt(variance + EPSILON)
        return standard * parameters["gain"] + parameters["bias"], (standard, mean, variance)

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        standard, mean, variance = saved
        factors = standard, grad_output, mean[np.newaxis], variance[np.newaxis]
        grad = grad_output * parameters["gain"]
        grad = grad - grad.mean(axis=0) - standard * (grad * standard).mean(axis=0)
        return grad / np.sqrt(variance + EPSILON), factors

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        standard, grad_output, *_ = factors
        return {"gain": (standard * grad_output).sum(axis=0), "bias": grad_output.sum(axis=0)}

    def next_state(self, state: Parameters, factors: Sequence[Factors]) -> Parameters:
        running = dict(state)
        for *_, mean, variance in factors:
            for name, value in (("mean", mean[0]), ("variance", variance[0])):
                running[name] = MOMENTUM * running[name] + (1 - MOMENTUM) * value
        return frozen(running)


@dataclass(frozen=True)
class LowRank:
    """``y = x @ down @ up``: the weight gradients need what lies between the two products."""

    rank: int
    out_features: int
    name = "low_rank"

    def spec(self) -> str:
        return f"{self.name}:{self.rank}:{self.out_features}"

    def output_shape(self, input_shape: Shape) -> Shape:
        return (self.out_features,)

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        generator = key.generator(Tag.INITIAL_WEIGHTS)
        shapes = {"down": (input_shape[0], self.rank), "up": (self.rank, self.out_features)}
        return frozen({name: Initializer.GLOROT.draw(shape, shape, generator, dtype) for name, shape in shapes.items()})

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        narrow = inputs @ parameters["down"]
        return narrow @ parameters["up"], (inputs, narrow)

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        grad_narrow = grad_output @ parameters["up"].T
        return grad_narrow @ parameters["down"].T if input_wanted else None, (*saved, grad_narrow, grad_output)

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        inputs, narrow, grad_narrow, grad_output = factors
        return {"down": inputs.T @ grad_narrow, "up": narrow.T @ grad_output}
