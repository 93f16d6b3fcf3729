"""How long a training step takes, here and elsewhere, and what the actors cost.

Everything is interleaved: a round runs a block of steps of every program, one program after another, so that whatever
else the machine does meets them all alike. Ratios are taken within a round; printed are their median and quartiles.

    python -m examples.benchmarks.step_time [rounds] [task …]     # 7 rounds of all four tasks by default
    python -m examples.benchmarks.step_time --smoke               # a small one, to find out whether it runs
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from annex_actors import Event, Learner, Sgd, StepFinished
from annex_actors.runtimes import Runtime
from annex_actors.schedules.table import discipline
from examples.benchmarks import rivals
from examples.benchmarks.bare import BareRuntime
from examples.benchmarks.measuring import arguments, print_peak_memory, summary
from examples.benchmarks.networks import SMALLEST, TASKS, Task, Trainable
from supervisors import Actor, Ref

BASE = "plain NumPy, 1 BLAS thread"
TORCH = "torch eager, 2 threads"
HOPS = 2000


class Stopwatch:
    """An observer that notes when each step's cost was known."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_event(self, event: Event) -> None:
        """Take one event in."""
        if isinstance(event, StepFinished):
            self.times.append(event.time)


def ours(task: Trainable, schedule: str, microbatches: int, runtime: str | Runtime, **settings: Any) -> rivals.Block:
    """This project: the steps of one epoch, from when the pipeline is full.

    Between two costs in steady state lies all the work of a step, of whichever steps the parts may be.
    """
    row = discipline(schedule)

    def block(steps: int) -> float:
        stopwatch = Stopwatch()
        learner = Learner(
            task.network,
            optimizer=Sgd(learning_rate=task.learning_rate),
            microbatches=microbatches,
            schedule=schedule,
            runtime=runtime,
            **settings,
        )
        overlap = row.overlap(len(task.network.layers) + 1)
        filling = overlap + 2
        steps = max(steps, 6 * overlap)  # or what may be put off past the last cost would weigh too much
        learner.train(task.dataset(steps + filling + 1), epochs=1, batch_size=task.batch, observers=[stopwatch])
        times = stopwatch.times[filling:]
        return 1e3 * (times[-1] - times[0]) / (len(times) - 1)

    return block


OURS: tuple[tuple[str, str, int, dict[str, Any]], ...] = (
    ("schedulers", "sequential", 1, {}),
    ("schedulers", "gpipe", 2, {}),
    ("schedulers", "1f1b", 2, {}),
    ("schedulers", "zb-h1", 2, {}),
    ("schedulers", "1f1b", 2, {"kernels": "torch"}),
    ("schedulers", "1f1b", 2, {"stages": 2}),
    ("schedulers", "pipedream", 1, {}),
    ("schedulers", "pipedream", 1, {"kernels": "torch"}),
    ("schedulers", "pipedream", 1, {"stages": 2}),
    ("schedulers", "2bw", 1, {}),
    ("schedulers", "2bw", 1, {"stages": 1}),
    ("threads", "gpipe", 2, {}),
    ("threads", "1f1b", 2, {}),
    ("threads", "pipedream", 1, {}),
    ("processes", "1f1b", 2, {}),
    ("processes", "pipedream", 1, {}),
    ("inline", "sequential", 1, {}),
)
"""Runtime, schedule, microbatches, and what is not as by default."""

FEW = tuple(each for each in OURS if each[1:] in [("gpipe", 2, {}), ("sequential", 1, {})] or "stages" in each[3])
"""Some of them, on every runtime but processes, which take a second to start."""


def programs(task: Task, stack: ExitStack) -> dict[str, rivals.Block]:
    """Return every program that can train the task on this machine."""
    found = {BASE: rivals.plain_numpy(task, 1), "plain NumPy, 2 BLAS threads": rivals.plain_numpy(task, 2)}
    for runtime, schedule, microbatches, settings in OURS if task is not SMALLEST else FEW:
        if settings.get("kernels") != "torch" or find_spec("torch"):
            notes = "".join(f", {name}={value}" for name, value in settings.items())
            name = f"{runtime}, {schedule}, m={microbatches}{notes}"
            found[name] = ours(task, schedule, microbatches, runtime, **settings)
    found["  … gpipe, m=2, unsupervised"] = ours(task, "gpipe", 2, BareRuntime())
    if find_spec("torch"):
        found["torch eager, 1 thread"] = rivals.torch_eager(task, 1)
        found[TORCH] = rivals.torch_eager(task, 2)
        found["torch pipelining, 2 gloo ranks"] = stack.enter_context(rivals.torch_pipelining(task))
    found["scikit-learn MLPClassifier"] = rivals.scikit_learn(task)
    return found


def quotients(ones: list[float], others: list[float]) -> list[float]:
    """Return how many times as long the first took, round by round."""
    return [one / other for one, other in zip(ones, others, strict=True)]


def compare(task: Task, rounds: int) -> None:
    """Print milliseconds and speed against plain NumPy for every program."""
    with ExitStack() as stack:
        table = programs(task, stack)
        times: dict[str, list[float]] = {name: [] for name in table}
        steps = 8 if task is SMALLEST else max(8, min(200, int(400 / table[BASE](3))))
        for round_ in range(rounds + 1):
            for name, block in table.items():
                milliseconds = block(steps)
                if round_:  # the first round warms up
                    times[name].append(milliseconds)
    print(f"\n{task.name}: {rounds} rounds of {steps} steps")
    print(f"{'':44}{'ms a step':>26}   times as fast as plain NumPy on 1 thread, and as {TORCH}")
    for name, values in times.items():
        ratios = [summary(quotients(times[other], values)) for other in (BASE, TORCH) if other in times]
        print(f"{name:44}{summary(values):>26}   {'   '.join(ratios)}")
    overhead = [
        100 * (on / off - 1)
        for on, off in zip(times["threads, gpipe, m=2"], times["  … gpipe, m=2, unsupervised"], strict=True)
    ]
    print(f"supervision, commit and events: {summary(overhead)} % of the step")


def cores(rounds: int) -> None:
    """Print how much faster two threads multiply matrices than one: no pipeline on this machine can gain more."""
    arrays = [np.ones((128, 1024), np.float32), np.ones((1024, 1024), np.float32)]

    def multiply() -> None:
        for _ in range(40):
            arrays[0] @ arrays[1]

    def timed(threads: int) -> float:
        workers = [threading.Thread(target=multiply) for _ in range(threads)]
        began = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return time.perf_counter() - began

    with threadpool_limits(1, user_api="blas"):
        gains = [2 * timed(1) / timed(2) for _ in range(3 * rounds)]
    print(f"two threads multiply {summary(gains)} times as fast as one: the most that two can gain here")


class Echo(Actor):
    """Sends a number back, one less, until it is 0."""

    def __init__(self, done: threading.Event) -> None:
        super().__init__()
        self._done = done

    def on_receive(self, message: Any) -> None:
        """Take ``(number, the other)`` in."""
        number, other = message
        if number:
            other.tell((number - 1, self.actor_ref))
        else:
            self._done.set()


def hop(rounds: int) -> None:
    """Print what it takes to hand a message from one actor's thread to another's."""

    def once() -> float:
        done = threading.Event()
        actors: list[Ref[Echo]] = [Echo.start(done) for _ in range(2)]
        began = time.perf_counter()
        actors[0].tell((HOPS, actors[1]))
        done.wait()
        elapsed = time.perf_counter() - began
        for actor in actors:
            actor.stop()
        return 1e6 * elapsed / HOPS

    print(f"one hop between two actors: {summary([once() for _ in range(3 * rounds)])} µs")


def main(rounds: int, tasks: Iterable[Task]) -> None:
    """Run the benchmark."""
    measures: tuple[Callable[[int], None], ...] = (cores, hop)
    for measure in measures:
        measure(rounds)
    for task in tasks:
        compare(task, rounds)
    cores(rounds)
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    if smoke:
        main(2, [SMALLEST])
    else:
        main(numbers[0] if numbers else 7, [TASKS[index] for index in numbers[1:] or range(len(TASKS))])
