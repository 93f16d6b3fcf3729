"""The four networks that every benchmark trains, a small one to try them with, and random samples for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from annex_actors import Dataset, Network, activation, dense, sequence
from annex_actors.base.types import Array, Floats
from annex_actors.data import Samples


class Trainable(Protocol):
    """What a benchmark needs to know of a task to train it with this project."""

    @property
    def network(self) -> Network:
        """The network."""

    @property
    def batch(self) -> int:
        """Samples in a step."""

    @property
    def learning_rate(self) -> float:
        """Of plain SGD."""

    def dataset(self, steps: int) -> Dataset:
        """Return samples for so many steps."""


@dataclass(frozen=True)
class Task:
    """A multilayer perceptron with ReLU between its dense layers, softmax cross-entropy and plain SGD.

    Args:
        sizes: features of the input and of every dense layer.
        batch: samples in a step.
    """

    sizes: tuple[int, ...]
    batch: int
    learning_rate: float = 0.05

    @property
    def name(self) -> str:
        """Sizes and batch, as in ``784-512-512-10, batch 128``."""
        layers = f"eight {self.sizes[0]}-{self.sizes[1]}" if len(self.sizes) > 6 else "-".join(map(str, self.sizes))
        return f"{layers}, batch {self.batch}"

    @property
    def text(self) -> str:
        """The task on one line, for `read`."""
        return f"{'-'.join(map(str, self.sizes))},{self.batch},{self.learning_rate}"

    @classmethod
    def read(cls, text: str) -> Task:
        """Return the task whose `text` this is."""
        sizes, batch, learning_rate = text.split(",")
        return cls(tuple(map(int, sizes.split("-"))), int(batch), float(learning_rate))

    @property
    def network(self) -> Network:
        """The network in this project's words: every dense layer and every ReLU is an actor."""
        layers = [layer for size in self.sizes[1:] for layer in (dense(size), activation("relu"))]
        return sequence(*layers[:-1])

    def samples(self, steps: int) -> tuple[Floats, Array]:
        """Return the samples and labels of so many steps: random, and the same for every program."""
        numbers = np.random.default_rng(0)
        inputs = numbers.standard_normal((steps * self.batch, self.sizes[0]), dtype=np.float32)
        return inputs, numbers.integers(0, self.sizes[-1], len(inputs))

    def dataset(self, steps: int) -> Dataset:
        """Return the samples as a data set whose test set is one batch."""
        inputs, labels = self.samples(steps)
        classes = tuple(map(str, range(self.sizes[-1])))
        test = Samples(inputs[: self.batch], labels[: self.batch])
        return Dataset(self.name, Samples(inputs, labels), test, classes, None, "random numbers")


TASKS = (
    Task((784, 512, 512, 10), 128),
    Task((784, 1024, 1024, 1024, 10), 256),
    Task((1024,) * 9, 512, learning_rate=0.01),
    Task((784, 128, 64, 10), 32),
)

SMALLEST = Task((8, 6, 4), 8)
"""Trained in no time: to find out whether a benchmark still runs."""
