"""The smallest layer of your own: an activation without weights, checked for all that a layer promises, and trained."""

from dataclasses import dataclass

import numpy as np

from annex_actors import Learner, RandomKey, dense, load, register_layer, sequence
from annex_actors.layers import Factors, Floats, Parameters, Saved, Shape
from annex_actors.testing import check_layer


@dataclass(frozen=True)
class Sine:
    """``y = sin(x)``, whose derivative is ``cos(x)``."""

    name = "sine"

    def spec(self) -> str:
        return "sine"

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        return np.sin(inputs), inputs

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats, Factors]:
        return grad_output * np.cos(saved), ()


register_layer("sine", Sine)  # its name for `parse_layers` and the command line

if __name__ == "__main__":
    check_layer(Sine(), input_shape=(3,))
    print("gradients, shapes and dtypes are right; it repeats its bits, and changes no array that it is given")
    learner = Learner(sequence(dense(32), Sine(), dense(10)), seed=1)
    result = learner.train(load("digits"), epochs=5)
    print(f"test accuracy {result.test_accuracy:.3f}")
