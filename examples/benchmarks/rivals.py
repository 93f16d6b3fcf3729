"""One training step as other programs do it: plain NumPy, torch eager, torch's own pipelining, scikit-learn."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from examples.benchmarks.networks import Task

Block = Callable[[int], float]
"""Trains so many steps and returns the milliseconds that one took."""


def timed(step: Callable[[], object]) -> Block:
    """Return a block of ``step``, timed as a whole."""

    def block(steps: int) -> float:
        began = time.perf_counter()
        for _ in range(steps):
            step()
        return 1e3 * (time.perf_counter() - began) / steps

    return block


def plain_numpy(task: Task, threads: int) -> Block:
    """The best simple program: the full batch, layer after layer, weights updated in place."""
    numbers, rate = np.random.default_rng(1), np.float32(task.learning_rate)
    weights = [
        numbers.standard_normal((rows, columns), dtype=np.float32) * np.float32(np.sqrt(2 / rows))
        for rows, columns in zip(task.sizes, task.sizes[1:], strict=False)
    ]
    biases = [np.zeros(size, np.float32) for size in task.sizes[1:]]
    inputs, labels = task.samples(1)

    def step() -> None:
        activations = [inputs]
        for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            outputs = activations[-1] @ weight
            outputs += bias
            activations.append(np.maximum(outputs, 0, out=outputs) if index < len(weights) - 1 else outputs)
        gradient = np.exp(activations[-1] - activations[-1].max(axis=1, keepdims=True))
        gradient /= gradient.sum(axis=1, keepdims=True)
        gradient[np.arange(task.batch), labels] -= 1
        gradient /= task.batch
        for index in reversed(range(len(weights))):
            weight_gradient, bias_gradient = activations[index].T @ gradient, gradient.sum(axis=0)
            if index:
                gradient = gradient @ weights[index].T
                gradient *= activations[index] > 0
            weights[index] -= np.multiply(weight_gradient, rate, out=weight_gradient)
            biases[index] -= rate * bias_gradient

    def block(steps: int) -> float:
        with threadpool_limits(threads, user_api="blas"):
            return timed(step)(steps)

    return block


def torch_layers(task: Task) -> list[Any]:
    """Return torch's layers of the task."""
    from torch import nn

    pairs = zip(task.sizes, task.sizes[1:], strict=False)
    return [layer for rows, columns in pairs for layer in (nn.Linear(rows, columns), nn.ReLU())][:-1]


def torch_eager(task: Task, threads: int) -> Block:
    """Torch as most people use it."""
    import torch

    model = torch.nn.Sequential(*torch_layers(task))
    optimizer = torch.optim.SGD(model.parameters(), lr=task.learning_rate)
    inputs, labels = (torch.from_numpy(each) for each in task.samples(1))

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()

    def block(steps: int) -> float:
        torch.set_num_threads(threads)
        return timed(step)(steps)

    return block


def scikit_learn(task: Task) -> Block:
    """scikit-learn's MLPClassifier, a batch at a time."""
    from sklearn.neural_network import MLPClassifier

    inputs, labels = task.samples(1)
    model = MLPClassifier(
        task.sizes[1:-1], solver="sgd", momentum=0, batch_size=task.batch, learning_rate_init=task.learning_rate
    )
    classes = np.arange(task.sizes[-1])
    return timed(lambda: model.partial_fit(inputs, labels, classes=classes))


@contextmanager
def torch_pipelining(task: Task) -> Iterator[Block]:
    """torch.distributed.pipelining: 1F1B with 4 microbatches over two gloo ranks, a process and a thread each."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(__file__).parents[2]
        ranks = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "examples.benchmarks.torch_pipeline",
                    task.text,
                    str(rank),
                    f"file://{folder}/r",
                ],
                cwd=root,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for rank in range(2)
        ]

        def block(steps: int) -> float:
            for rank in ranks:
                assert rank.stdin is not None
                print(steps, file=rank.stdin, flush=True)
            times = [rank.stdout.readline() for rank in ranks if rank.stdout is not None]
            return max(map(float, times))

        try:
            yield block
        finally:
            for rank in ranks:
                rank.communicate(timeout=60)
