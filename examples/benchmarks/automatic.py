"""How fast `--stages auto` makes a step: against torch eager on two threads, the default placement, and processes.

The plan is chosen once for each network and schedule, before anything is measured. Then every program runs a block of
steps in each round, one after another; ratios are taken within a round. The last three networks are no others' here:
nothing was tuned for them.

    python -m examples.benchmarks.automatic [rounds] [task …]     # 5 rounds of all seven tasks by default
    python -m examples.benchmarks.automatic --smoke
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec

from annex_actors import Learner, Sgd
from annex_actors.training.automatic import Trial, tried
from examples.benchmarks import rivals
from examples.benchmarks.measuring import arguments, print_peak_memory, summary
from examples.benchmarks.networks import SMALLEST, TASKS, Task
from examples.benchmarks.step_time import TORCH, ours

FURTHER = (
    Task((300, 700, 500, 300, 10), 200),
    Task((1200, 900, 900, 20), 300),
    Task((64, 256, 256, 256, 256, 10), 100),
)

BASE = "plain NumPy, 2 BLAS threads"
SCHEDULES = "1f1b", "pipedream"


def chosen(task: Task, schedule: str, runtime: str) -> tuple[Trial, ...]:
    """Return the plans that were tried for a network, the chosen one first."""
    optimizer = Sgd(learning_rate=task.learning_rate)
    learner = Learner(task.network, optimizer=optimizer, schedule=schedule, stages="auto", runtime=runtime)
    return tried(learner.spec, task.dataset(20), task.batch)


def programs(task: Task, *, with_processes: bool) -> Iterator[tuple[str, rivals.Block]]:
    """Yield every program by its name."""
    yield BASE, rivals.plain_numpy(task, 2)
    if find_spec("torch"):
        yield TORCH, rivals.torch_eager(task, 2)
    hosts = [(schedule, "schedulers") for schedule in SCHEDULES] + [("1f1b", "processes")] * with_processes
    for schedule, runtime in hosts:
        best, *others = chosen(task, schedule, runtime)
        print(f"{task.name}, {schedule} on {runtime}: {best}; not {', '.join(map(str, others))}")
        block = ours(task, schedule, best.microbatches, runtime, stages=best.stages)
        yield f"auto, {schedule} on {runtime}: {best.stages}, m={best.microbatches}", block
    yield "layer, 1f1b, m=2, on schedulers", ours(task, "1f1b", 2, "schedulers")
    if with_processes:
        yield "layer, 1f1b, m=2, on processes", ours(task, "1f1b", 2, "processes")


def compare(task: Task, rounds: int) -> None:
    """Print milliseconds of a step, and how many times as fast that is as the first programs."""
    table = dict(programs(task, with_processes=task is not SMALLEST))
    steps = 8 if task is SMALLEST else max(8, min(300, int(400 / table[BASE](3))))
    times: dict[str, list[float]] = {name: [] for name in table}
    for round_ in range(rounds + 1):
        for name, block in table.items():
            milliseconds = block(steps)
            if round_:  # the first round warms up
                times[name].append(milliseconds)
    base = TORCH if TORCH in times else BASE
    print(f"{task.name}: {rounds} rounds of {steps} steps; ms a step, and times as fast as {base}")
    for name, values in times.items():
        quotients = [one / other for one, other in zip(times[base], values, strict=True)]
        print(f"  {name:54}{summary(values):>26}   {summary(quotients)}")


def main(rounds: int, tasks: Iterable[Task]) -> None:
    """Run the benchmark."""
    for task in tasks:
        compare(task, rounds)
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    if smoke:
        main(2, [SMALLEST])
    else:
        every = (*TASKS, *FURTHER)
        main(numbers[0] if numbers else 5, [every[index] for index in numbers[1:] or range(len(every))])
