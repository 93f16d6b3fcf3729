"""What an activation function is: a value that can be called, and that pulls gradients back through itself.

Most functions pull back from their outputs alone, so that an activation layer saves only the array that it sends on
anyway. A function that needs more is also `SavesMore`.
"""

from __future__ import annotations

from typing import Protocol

from annex_actors.base.types import Floats
from annex_actors.layers.layer import Saved


class Function(Protocol):
    """A differentiable function of each sample, from shape ``(..., features)`` to the same shape."""

    @property
    def rectifies(self) -> bool:
        """Whether it passes on about half of its inputs, so that the initial weights below it are larger."""

    def spec(self) -> str:
        """Return the function's text, such as ``relu`` or ``relu:0.5``."""

    def __call__(self, inputs: Floats) -> Floats:
        """Return the outputs: a new array, or ``inputs`` itself if the function changes no number."""

    def pull_back(self, outputs: Floats, grad_output: Floats) -> Floats:
        """Return dC/dinputs, given the function's outputs and dC/doutputs, all of the same shape.

        A function that `SavesMore` is given what it saved in place of its outputs.
        """


class SavesMore(Function, Protocol):
    """A function whose outputs do not tell its slope, such as gelu, which is not monotonic."""

    def forward(self, inputs: Floats) -> tuple[Floats, Saved]:
        """Return the outputs, as a call does, and what `pull_back` needs."""
