"""How long a training step of other networks than perceptrons takes, here and in torch.

Everything is interleaved: a round runs a block of steps of every program, one program after another, so that whatever
else the machine does meets them all alike. Ratios are taken within a round; printed are their median and quartiles.

    python -m examples.benchmarks.convolutions [rounds] [case …]     # 7 rounds of all cases by default
    python -m examples.benchmarks.convolutions --smoke               # a small one, to find out whether it runs
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np

from annex_actors import Dataset, Network, parse_layers
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.data import Samples
from examples.benchmarks import rivals
from examples.benchmarks.measuring import arguments, print_peak_memory, summary
from examples.benchmarks.step_time import ours, quotients
from examples.benchmarks.transformer import transformer_block

TORCH = "torch eager, 2 threads"
CLASSES = 10


@dataclass(frozen=True)
class Case:
    """A network to train with softmax cross-entropy and plain SGD, and the same network in torch.

    Args:
        name: what it is called.
        layers: the network as text.
        input_shape: of a sample, channels last.
        torch_model: makes torch's model, which takes samples with the channels before the pixels.
        batch: samples in a step.
    """

    name: str
    layers: str
    input_shape: Shape
    torch_model: Callable[[], Any]
    batch: int = 64
    learning_rate: float = 0.01

    @property
    def network(self) -> Network:
        """The network in this project's words: every layer is an actor."""
        return parse_layers(self.layers)

    def samples(self, steps: int) -> tuple[Floats, Array]:
        """Return the samples and labels of so many steps: random, and the same for every program."""
        numbers = np.random.default_rng(0)
        inputs = numbers.standard_normal((steps * self.batch, *self.input_shape), dtype=np.float32)
        return inputs, numbers.integers(0, CLASSES, len(inputs))

    def dataset(self, steps: int) -> Dataset:
        """Return the samples as a data set whose test set is one batch."""
        inputs, labels = self.samples(steps)
        test = Samples(inputs[: self.batch], labels[: self.batch])
        classes = tuple(map(str, range(CLASSES)))
        return Dataset(self.name, Samples(inputs, labels), test, classes, None, "random numbers")


def convolutional() -> Any:
    """Return torch's model with two convolutions."""
    from torch import nn

    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(800, 128), nn.ReLU(), nn.Linear(128, CLASSES)),
    )


def residual(blocks: int, side: int = 28, channels: int = 16) -> Any:
    """Return torch's model with residual blocks, each of half the side and twice the channels of the one before."""
    from torch import nn

    def convolution(before: int, after: int) -> Any:
        return nn.Conv2d(before, after, 3, padding="same")

    class Residual(nn.Module):  # type: ignore[misc]  # torch's types are not used here
        def __init__(self) -> None:
            super().__init__()
            widths = [1, *(channels * 2**block for block in range(blocks))]
            self.before = nn.ModuleList([convolution(*each) for each in pairwise(widths)])
            self.inside = nn.ModuleList([convolution(width, width) for width in widths[1:]])
            self.last = nn.Linear((side // 2**blocks) ** 2 * widths[-1], CLASSES)

        def forward(self, images: Any) -> Any:
            relu, pool = nn.functional.relu, nn.functional.max_pool2d
            for before, inside in zip(self.before, self.inside, strict=True):
                block = relu(before(images))
                images = pool(block + relu(inside(block)), 2)
            return self.last(images.flatten(1))

    return Residual()


def residual_layers(*channels: int) -> str:
    """Return the text of a network with a residual block for each number of channels."""
    block = "conv2d:{0}:3:padding=same relu residual( conv2d:{0}:3:padding=same relu ) max_pool2d:2"
    return " ".join([*(block.format(each) for each in channels), f"flatten dense:{CLASSES}"])


CASES = (
    Case(
        "a convolutional network",
        "conv2d:16:3 relu max_pool2d:2 conv2d:32:3 relu max_pool2d:2 flatten dense:128 relu dense:10",
        (28, 28, 1),
        convolutional,
    ),
    Case("a residual block", residual_layers(16), (28, 28, 1), lambda: residual(1)),
    Case("two residual blocks", residual_layers(16, 32), (28, 28, 1), lambda: residual(2)),
    Case("a transformer block", *transformer_block(), batch=32),
)

SMALLEST = Case(
    "a small residual network",
    residual_layers(2),
    (4, 4, 1),
    lambda: residual(1, 4, 2),
    batch=8,
)
"""Trained in no time: to find out whether the benchmark still runs."""


def torch_eager(case: Case, threads: int, *, channels_last: bool = False) -> rivals.Block:
    """Torch as most people use it; with ``channels_last``, as its tuning guide advises."""
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = case.torch_model().to(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=case.learning_rate)
    samples, targets = case.samples(1)
    inputs = torch.from_numpy(np.moveaxis(samples, -1, 1).copy()).to(memory_format=layout)
    labels = torch.from_numpy(targets)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()

    def block(steps: int) -> float:
        torch.set_num_threads(threads)
        return rivals.timed(step)(steps)

    return block


OURS: tuple[tuple[str, str, int, dict[str, Any]], ...] = (
    ("inline", "sequential", 1, {}),
    ("schedulers", "1f1b", 2, {}),
    ("schedulers", "1f1b", 2, {"stages": 2}),
    ("schedulers", "zb-h1", 2, {"stages": 2}),
    ("schedulers", "1f1b", 2, {"kernels": "torch", "stages": 2}),
    ("schedulers", "zb-h1", 2, {"kernels": "torch", "stages": 2}),
)
"""Runtime, schedule, microbatches, and what is not as by default."""


def programs(case: Case) -> dict[str, rivals.Block]:
    """Return every program that can train the network on this machine."""
    found: dict[str, rivals.Block] = {}
    if find_spec("torch"):
        found["torch eager, 1 thread"] = torch_eager(case, 1)
        found[TORCH] = torch_eager(case, 2)
        if len(case.input_shape) == 3:
            found["torch eager, 2 threads, channels last"] = torch_eager(case, 2, channels_last=True)
    for runtime, schedule, microbatches, settings in OURS:
        if settings.get("kernels") != "torch" or find_spec("torch"):
            notes = "".join(f", {name}={value}" for name, value in settings.items())
            found[f"{runtime}, {schedule}, m={microbatches}{notes}"] = ours(
                case, schedule, microbatches, runtime, **settings
            )
    return found


def compare(case: Case, rounds: int, steps: int) -> None:
    """Print milliseconds for every program, and speed against torch where there is torch."""
    table = programs(case)
    times: dict[str, list[float]] = {name: [] for name in table}
    for round_ in range(rounds + 1):
        for name, block in table.items():
            milliseconds = block(steps)
            if round_:  # the first round warms up
                times[name].append(milliseconds)
    print(f"\n{case.name}, batch {case.batch}: {case.layers}")
    print(f"{rounds} rounds of {steps} steps {'ms a step':>46}   times as fast as {TORCH}")
    for name, values in times.items():
        speed = summary(quotients(times[TORCH], values)) if TORCH in times else ""
        print(f"{name:44}{summary(values):>26}   {speed}", flush=True)


def main(rounds: int, cases: Iterable[Case], steps: int) -> None:
    """Run the benchmark."""
    for case in cases:
        compare(case, rounds, steps)
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    if smoke:
        main(2, [SMALLEST], 4)
    else:
        main(numbers[0] if numbers else 7, [CASES[index] for index in numbers[1:] or range(len(CASES))], 40)
