"""A layer of your own: two weight matrices, and running statistics that no gradient changes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annex_actors import Initializer, Learner, RandomKey, Tag, dense, frozen, load, register_layer, residual, sequence
from annex_actors.layers import DType, Factors, Floats, Parameters, Saved, Shape


@dataclass(frozen=True)
class LowRank:
    """``y = (x - mean) @ down @ up``: few weights for many inputs; ``mean`` is a running mean of the inputs."""

    rank: int
    out_features: int
    name = "low_rank"

    def spec(self) -> str:
        return f"low_rank:{self.rank}:{self.out_features}"

    def output_shape(self, input_shape: Shape) -> Shape:
        return (self.out_features,)

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        generator = key.generator(Tag.INITIAL_WEIGHTS)
        shapes = {"down": (input_shape[0], self.rank), "up": (self.rank, self.out_features)}
        return frozen({name: Initializer.GLOROT.draw(shape, shape, generator, dtype) for name, shape in shapes.items()})

    def initial_state(self, input_shape: Shape, dtype: DType) -> Parameters:
        return frozen({"mean": np.zeros(input_shape, dtype)})

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        centred = inputs - parameters["mean"]
        narrow = centred @ parameters["down"]
        return narrow @ parameters["up"], (inputs, centred, narrow)

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        grad_narrow = grad_output @ parameters["up"].T
        return grad_narrow @ parameters["down"].T if input_wanted else None, (*saved, grad_narrow, grad_output)

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        _, centred, narrow, grad_narrow, grad_output = factors
        return {"down": centred.T @ grad_narrow, "up": narrow.T @ grad_output}

    def next_state(self, state: Parameters, factors: Sequence[Factors]) -> Parameters:
        mean = state["mean"]
        for inputs, *_ in factors:  # of each microbatch, in order
            mean = 0.9 * mean + 0.1 * inputs.mean(axis=0)
        return frozen({"mean": mean})


register_layer("low_rank", LowRank)

if __name__ == "__main__":
    result = Learner(sequence(LowRank(8, 32), residual(dense(32)), dense(10))).train(load("digits"), epochs=3)
    print(f"test accuracy {result.test_accuracy:.2f}")
