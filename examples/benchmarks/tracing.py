"""What a trace costs: steps with none, with a sample of the steps, and with all.

The trainings are short and interleaved in one process, one with each scope in every round, in an order that turns.
Ratios are taken within a round: what else the machine does is then in both. Printed are medians and quartiles, of the
time and of the processors' time; what all steps cost is also printed as microseconds, with the step of which it is 5 %.

    python -m examples.benchmarks.tracing [rounds] [steps]     # 25 rounds of 400 steps by default: one sample
    python -m examples.benchmarks.tracing --smoke
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from statistics import median

from annex_actors import Dataset, Learner, Sgd, StepFinished, trace
from annex_actors.protocol.events import Event
from annex_actors.runs.config import resolve
from examples.benchmarks.measuring import arguments, print_peak_memory, summary
from examples.benchmarks.networks import SMALLEST, Task

SCOPES = {"no trace": None, "a sample": "sample", "all steps": "all"}

LARGE = Task((784, 512, 512, 10), 64)

Training = tuple[Callable[[], Learner], Dataset, int]
"""What makes the learner, its data, and the samples in a step."""


class Stopwatch:
    """An observer that notes the time, and the processors' time, when the first and the last step's cost were known."""

    def __init__(self) -> None:
        self.steps = 0
        self.first = self.last = (0.0, 0.0)

    def on_event(self, event: Event) -> None:
        """Take one event in."""
        if isinstance(event, StepFinished):
            self.last = time.perf_counter(), time.process_time()
            self.first = self.last if self.steps == 0 else self.first
            self.steps += 1


def block(training: Training, scope: str | None, steps: int) -> tuple[float, float]:
    """Return the milliseconds of a step, and the processors', in a training of at least so many."""
    make, dataset, batch = training
    stopwatch, in_an_epoch = Stopwatch(), len(dataset.train) // batch
    with trace(scope) if scope else nullcontext():
        make().train(dataset, epochs=-(-steps // in_an_epoch), batch_size=batch, observers=[stopwatch])
    times = zip(stopwatch.first, stopwatch.last, strict=True)
    took, worked = (1e3 * (last - first) / (stopwatch.steps - 1) for first, last in times)
    return took, worked


def compare(name: str, training: Training, rounds: int, steps: int) -> None:
    """Print what a step takes with each scope, and how much more that is than with none."""
    found: dict[str, list[tuple[float, float]]] = {scope: [] for scope in SCOPES}
    order = [*SCOPES.items()]
    for round_ in range(rounds + 1):
        for scope, text in order:
            times = block(training, text, steps)
            if round_:  # the first round warms up
                found[scope].append(times)
        order = [*order[1:], order[0]]
    print(f"\n{name}: {rounds} rounds of {steps} steps; milliseconds of a step, and % more than without a trace")
    bases = found["no trace"]
    for scope, values in found.items():
        line = f"{scope:12}"
        for which, column in enumerate(("", "processors")):
            more = [100 * (one[which] / base[which] - 1) for one, base in zip(values, bases, strict=True)]
            line += f"{column:>12}{summary([each[which] for each in values])}"
            line += f"{'' if scope == 'no trace' else summary(more) + ' %':>28}"
        print(line)
    cost = median(one[0] - base[0] for one, base in zip(found["all steps"], bases, strict=True))
    print(f"all steps cost {1e3 * cost:.0f} us of a step: under 5 % where a step takes more than {cost / 0.05:.1f} ms")


def of_task(task: Task, steps: int) -> Training:
    """Return the training of one of the benchmarks' networks, with the default runtime and schedule."""
    optimizer = Sgd(learning_rate=task.learning_rate)
    return lambda: Learner(task.network, optimizer=optimizer), task.dataset(steps), task.batch


def of_digits() -> Training:
    """Return the training that `annex-actors train` does by default."""
    config, _, dataset = resolve({"data": {"name": "digits"}})
    return lambda: resolve({"data": {"name": "digits"}})[1], dataset, config.training.batch_size


def main(rounds: int, steps: int, task: Task) -> None:
    """Run the benchmark."""
    compare("the digits, by default", of_digits(), rounds, steps)
    compare(task.name, of_task(task, steps), rounds, steps)
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    if smoke:
        main(2, 8, SMALLEST)
    else:
        rounds, steps = [*numbers, *(25, 400)[len(numbers) :]]
        main(rounds, steps, LARGE)
