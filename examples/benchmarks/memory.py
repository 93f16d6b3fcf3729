"""How much memory a training takes beside torch eager's, each in a process of its own.

What counts is the peak of resident memory above what the process had after its imports: samples, weights, gradients,
what forward leaves for backward, and what libraries allocate. Ours finds its plan by `--stages auto`, which is a part
of the training; the schedule is exact.

    python -m examples.benchmarks.memory [rounds] [task …]     # 3 rounds of all seven tasks by default
    python -m examples.benchmarks.memory --smoke
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from examples.benchmarks.automatic import FURTHER
from examples.benchmarks.measuring import arguments, print_peak_memory
from examples.benchmarks.networks import SMALLEST, TASKS, Task

STEPS = 40


def ours(task: Task) -> Callable[[], object]:
    """Return a training with the plan that is found for it, in a process set up as the command line does it."""
    from annex_actors import Learner, Sgd
    from annex_actors.base import heap

    heap.use_one_arena()
    learner = Learner(task.network, optimizer=Sgd(learning_rate=task.learning_rate), stages="auto")
    return lambda: learner.train(task.dataset(STEPS), epochs=1, batch_size=task.batch)


def torch(task: Task) -> Callable[[], object]:
    """Return the same training as most people write it."""
    from torch import from_numpy, nn, optim

    from examples.benchmarks.rivals import torch_layers

    def train() -> None:
        model, cost = nn.Sequential(*torch_layers(task)), nn.CrossEntropyLoss()
        optimizer = optim.SGD(model.parameters(), lr=task.learning_rate)
        inputs, labels = map(from_numpy, task.samples(STEPS))
        for start in range(0, len(inputs), task.batch):
            optimizer.zero_grad()
            cost(model(inputs[start : start + task.batch]), labels[start : start + task.batch]).backward()
            optimizer.step()

    return train


PROGRAMS = {"ours": ours, "torch": torch}


def mebibytes(name: str) -> float:
    """Return a number of this process from the kernel, such as ``VmRSS``, its resident memory."""
    line = next(each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith(name))
    return int(line.split()[1]) / 1024


def taken(program: str, task: Task) -> float:
    """Return how many MiB a program takes in a new process."""
    command = [sys.executable, "-m", "examples.benchmarks.memory", program, task.text]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(rounds: int, tasks: list[Task]) -> None:
    """Run the benchmark."""
    programs = [name for name in PROGRAMS if name == "ours" or find_spec("torch")]
    for task in tasks:
        found: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(rounds):
            for name in programs:
                found[name].append(taken(name, task))
        middle = {name: median(values) for name, values in found.items()}
        parts = [
            f"{name} {middle[name]:7.1f} ({min(values):.1f} to {max(values):.1f})" for name, values in found.items()
        ]
        times = f"   {middle['ours'] / middle['torch']:.2f} times" if "torch" in middle else ""
        print(f"{task.name:40} MiB: {', '.join(parts)}{times}", flush=True)
    print_peak_memory()


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in PROGRAMS:
        train = PROGRAMS[sys.argv[1]](Task.read(sys.argv[2]))
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins again, at what is resident now
        before = mebibytes("VmRSS")
        train()
        print(mebibytes("VmHWM") - before)
    else:
        smoke, numbers = arguments()
        every = [*TASKS, *FURTHER]
        chosen = [SMALLEST] if smoke else [every[index] for index in numbers[1:] or range(len(every))]
        main(1 if smoke else numbers[0] if numbers else 3, chosen)
