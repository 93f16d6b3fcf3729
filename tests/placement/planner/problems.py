"""Random small problems: with replicas, memory, unlike workers, every schedule and every objective."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from annex_actors.placement.planner.problem import Chain, LayerCosts, Link, Problem, Worker
from annex_actors.schedules.table import ASYNCHRONOUS, SYNCHRONOUS

ROWS = (*SYNCHRONOUS, *ASYNCHRONOUS)


def random_layer(random: Random) -> LayerCosts:
    seconds = [random.choice([0.0, 1.0, random.uniform(0, 5)]) for _ in range(3)]
    sizes = [random.choice([0, random.randrange(100)]) for _ in range(5)]
    update = random.choice([0.0, random.uniform(0, 2)])
    rows = random.choice([0, 0, random.randrange(1, 300)])
    divided = min(rows, 1) * random.randrange(sizes[3] + 1)
    return replace(
        LayerCosts(seconds[0], seconds[1], seconds[2], update, *sizes), divided_rows=rows, divided_bytes=divided
    )


def random_links(random: Random, workers: int) -> list[list[Link]]:
    """Return a link for each two workers, of few different ones, so that some workers are alike."""
    several = [Link(random.random() * 3, random.uniform(0, 0.05)) for _ in range(random.randint(2, 4))]
    links = [[Link()] * workers for _ in range(workers)]
    for one in range(workers):
        for other in range(one):
            links[one][other] = links[other][one] = random.choice(several)
    return links


def random_linked_problem(seed: int) -> Problem:
    """Return a problem like `random_problem`, without replicas, with a link of its own between each two workers."""
    problem = replace(random_problem(seed), most_replicas=1)
    return replace(problem, links=random_links(Random(seed), len(problem.workers)))


def random_problem(seed: int) -> Problem:
    """Return a problem of at most six layers and four workers; most have a plan."""
    random = Random(seed)
    layers, kinds = random.randint(1, 6), random.choice([(1.0,), (1.0, 0.5), (1.0, 0.7, 1.6)])
    memory = random.choice([None, None, random.randrange(200, 3000)])
    workers = [
        Worker(random.choice(kinds), random.choice([memory, random.randrange(200, 3000)]) if memory else None)
        for _ in range(random.randint(1, 4))
    ]
    return Problem(
        {
            m: Chain([random_layer(random) for _ in range(layers)], random.randrange(100))  # type: ignore[arg-type]
            for m in random.sample(range(1, 9), random.randint(1, 2))
        },
        workers,
        random.choice([Link(), Link(random.random()), Link(random.random(), random.uniform(0, 0.05))]),
        piece=random.choice([0.0, random.uniform(0, 0.5)]),
        schedules=random.sample(ROWS, random.randint(1, 3)),
        objective=random.choice(["time", "memory", "throughput"]),
        most_replicas=random.choice([1, 2, 3]),
        cores=random.choice([None, None, 1, 2]),
    )
