"""Plans on a Ray cluster of three nodes: predicted steps beside measured ones, and the planner beside equal splits.

The nodes are of this machine, so layers wait instead of computing, and messages between stages are delayed: measured is
what the nodes, Ray and the protocol add. First ten random plans of random networks, each with links of another delay;
then a network on nodes of which one is half as fast as the first and one a quarter: the planner's plan, and as many
layers for each node.

    python -m examples.benchmarks.on_nodes [rounds]      # 3 rounds by default
    python -m examples.benchmarks.on_nodes --smoke
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random

from annex_actors.experiments.comparison import Comparison
from annex_actors.placement.plan import Plan, PlannedStage
from annex_actors.placement.planner import Chain, LayerCosts, Link, Problem, Worker
from annex_actors.placement.planner import plan as best_plan
from annex_actors.placement.profile import Hop
from annex_actors.profiling import measure_hop
from annex_actors.runtimes import RayRuntime
from annex_actors.runtimes.cost_model import LayerTimes
from annex_actors.runtimes.delayed_links import DelayedLinks
from annex_actors.runtimes.ray.local_cluster import LocalCluster
from examples.benchmarks.measuring import arguments, print_peak_memory
from examples.benchmarks.predicted import compare_waits, report, waiting

SPEEDS = {"head": 1.0, "node-1": 0.5, "node-2": 0.25}
"""How fast the nodes are, by name."""

LAYERS, MICROBATCHES, WORK_S, UPDATE_S = 9, 4, 0.006, 0.002
"""The network on unequal nodes: the seconds of F, B and W of a layer for a microbatch, and of its update."""

DELAY = DelayedLinks(latency=0.004)


def delayed(seed: int) -> DelayedLinks:
    """Return links that delay messages by 2 to 20 ms."""
    return DelayedLinks(latency=Random(seed).uniform(0.002, 0.02))


def unequal(rounds: int, hop: Hop, runtime: RayRuntime) -> Iterator[tuple[str, Comparison]]:
    """Yield what is predicted and measured of the planner's plan, and of an equal split."""
    layer = LayerCosts(WORK_S, WORK_S, WORK_S, UPDATE_S, output_bytes=8)
    problem = Problem(
        {MICROBATCHES: Chain((*[layer] * LAYERS, LayerCosts()))},
        [Worker(speed, None, name) for name, speed in SPEEDS.items()],
        link=Link(DELAY.latency + hop.latency),
        piece=hop.work,
        schedules=["1f1b"],
    )
    size = LAYERS // len(SPEEDS)
    equal = [PlannedStage(size + (name == "node-2"), node=name) for name in SPEEDS]  # the last one has the cost
    for what, plan in (("the planner's", best_plan(problem).plan), ("equal split", Plan(tuple(equal)))):
        yield (
            what,
            compare_waits(plan, _waits(plan), rounds, hop, runtime, DELAY, schedule="1f1b", microbatches=MICROBATCHES),
        )


def _waits(plan: Plan) -> dict[int, LayerTimes]:
    """Return how long each layer waits on the node where the plan has it."""
    speeds = [SPEEDS[str(stage.node[0] if isinstance(stage.node, tuple) else stage.node)] for stage in plan.stages]
    of_layers = [speed for speed, indices in zip(speeds, plan.ranges, strict=True) for _ in indices]
    work = [WORK_S / speed for speed in of_layers]
    return {n: LayerTimes(work[n], work[n], work[n], UPDATE_S / speed) for n, speed in enumerate(of_layers[:LAYERS])}


def main(rounds: int, seeds: Sequence[int], *, smoke: bool) -> None:
    """Run the benchmark; the smallest size has the planner's plan alone."""
    with LocalCluster(len(SPEEDS)) as cluster:
        runtime = RayRuntime(ray_address=cluster.address, spares=0)
        with runtime.kept_up():
            hop = Hop(0.001, 0.0, 0.0005) if smoke else measure_hop(runtime, seconds=min(rounds, 4.0))
            print(f"a hop between nodes: {1e3 * hop.latency:.2f} ms, a piece of work {1e3 * hop.work:.2f} ms")
            if not smoke:
                report("layers that wait", (waiting(seed, rounds, hop, runtime, delayed(seed)) for seed in seeds))
            found = list(islice(unequal(rounds, hop, runtime), 1 if smoke else None))
            report("nodes of speed 1, 1/2 and 1/4", found)
            planned, equal = found[0][1].plans[0], found[-1][1].plans[0]
            predicted = equal.predicted.seconds / planned.predicted.seconds
            measured = equal.seconds / planned.seconds
            print(f"the planner's plan is {predicted:.2f} times as fast as predicted, {measured:.2f} as measured")
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    main(1 if smoke else numbers[0] if numbers else 3, range(10), smoke=smoke)
