"""How much memory a training takes whose inputs stay in a file, and how long, for files of several sizes.

Each line is an epoch of 784-64-10 with batches of 256, and its evaluation, in a process of its own, and shows the peak
memory of that. The file is written block by block, and removed at the end. Where it is small enough, the same training
with the inputs in memory is measured too: it must have the same weights.

    python -m examples.benchmarks.larger_than_memory [megabytes ...]     # 64, 512 and 2048 by default
    python -m examples.benchmarks.larger_than_memory --smoke
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from annex_actors import Dataset, Learner, activation, dense, open_array, sequence
from annex_actors.base.types import Floats
from examples.benchmarks.measuring import arguments, print_peak_memory

FEATURES, CLASSES, BLOCK_ROWS = 784, 10, 4096
LARGEST_IN_MEMORY = 600
"""Megabytes: with the inputs in memory a training takes several times as many."""


def write(folder: Path, megabytes: int) -> None:
    """Write so many megabytes of inputs to ``x.npy``, and their labels to ``y.npy``."""
    rows = megabytes * 2**20 // (4 * FEATURES)
    draw = np.random.default_rng(0)
    directions = draw.standard_normal((FEATURES, CLASSES)).astype(np.float32)
    labels = []
    with (folder / "x.npy").open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (rows, FEATURES)})
        for start in range(0, rows, BLOCK_ROWS):
            block: Floats = draw.standard_normal((min(BLOCK_ROWS, rows - start), FEATURES), np.float32)
            labels.append((block @ directions).argmax(axis=1))
            file.write(block.data)
    np.save(folder / "y.npy", np.concatenate(labels))


def train(folder: Path, where: str) -> None:
    """Train an epoch, and print what it took."""
    path, labels = folder / "x.npy", np.load(folder / "y.npy")
    began = time.perf_counter()
    inputs = open_array(path) if where == "in a file" else np.load(path)
    data = Dataset.from_arrays(inputs, labels)
    del inputs
    learner = Learner(sequence(dense(64), activation("relu"), dense(CLASSES)))
    checked = time.perf_counter() - began
    result = learner.train(data, epochs=1, batch_size=256)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{path.stat().st_size / 2**20:8,.0f} MB {where:>9}: {peak:8,.0f} MB at its peak, {took:6.1f} s, "
        f"of which checks {checked:.1f} s; {result.samples / result.seconds:10,.0f} samples/s; "
        f"weights {result.checkpoint.weights_sha256[:12]}",
        flush=True,
    )


def main() -> None:
    """Measure each size in a process of its own."""
    if sys.argv[1:2] == ["--train"]:
        train(Path(sys.argv[2]), sys.argv[3])
        return
    smoke, given = arguments()
    command = [sys.executable, "-m", "examples.benchmarks.larger_than_memory", "--train"]
    for megabytes in [4] if smoke else given or [64, 512, 2048]:
        with tempfile.TemporaryDirectory(prefix="annex-actors-") as folder:
            write(Path(folder), megabytes)
            for where in ("in a file", "in memory"):
                if where == "in a file" or megabytes <= LARGEST_IN_MEMORY:
                    subprocess.run([*command, folder, where], check=True)
    print_peak_memory()


if __name__ == "__main__":
    main()
