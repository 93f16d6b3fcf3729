"""What breaks first where 1,000 stages live on 200 nodes in ten regions: the numbers of a design, on a virtual clock.

A stage has 50 million parameters, and takes 50 ms each for F, B and W of a microbatch whose activation is 4 MB: about a
transformer block of width 2,048 on an eight-core node. Nodes of a region are 0.5 ms and 1 GB/s apart, regions 10 to
150 ms and 100 MB/s. A node that fails takes its five stages with it; they are up elsewhere after 5 s.

Rates: Llama 3 had 419 unexpected interruptions in 54 days on 2,048 nodes (Llama team, 2024, The Llama 3 herd of models,
table 5), 1.6e-4 for each node and hour; spot instances are taken away at 0.1 to 0.33 (Thorpe et al., 2023, Bamboo).

    python -m examples.benchmarks.thousand_stages [microbatches]     # 32 by default
    python -m examples.benchmarks.thousand_stages --smoke
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from annex_actors.experiments.simulation import Simulation, simulate
from annex_actors.placement.planner import Link
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.runtimes.program import Supervision
from examples.benchmarks.measuring import arguments, print_peak_memory

TIMES = LayerTimes(0.05, 0.05, 0.05, 0.1)
ACTIVATION, PARAMETERS, OPTIMIZER = 4_000_000, 200_000_000, 400_000_000
"""Bytes of a message, and of the weights and of Adam's slots of a stage, in float32."""

RESTART = 5.0
RATES = {"data centre": 419 / (54 * 24 * 2048), "spot, 10 % an hour": 0.1, "spot, 33 % an hour": 0.33}
"""Failures of a node in an hour."""

BETWEEN_REGIONS = 100e6
"""Bytes a second."""


@dataclass(frozen=True)
class World:
    """Stages on nodes in regions; stage s lives on the node ``node_of[s]``."""

    nodes: int
    regions: int
    node_of: Sequence[int]

    def links(self) -> Mapping[tuple[int, int], Link]:
        """Return the link between each two neighbouring stages that are on different nodes."""
        random, found = Random(0), {}
        far = {(a, b): random.uniform(0.01, 0.15) for a in range(self.regions) for b in range(a)}
        for s, (one, other) in enumerate(zip(self.node_of, self.node_of[1:], strict=False)):
            pair = sorted((one * self.regions // self.nodes, other * self.regions // self.nodes), reverse=True)
            if one == other:
                found[s, s + 1] = Link(1e-4, 1e-10)
            elif pair[0] == pair[1]:
                found[s, s + 1] = Link(5e-4, 1e-9)
            else:
                found[s, s + 1] = Link(far[pair[0], pair[1]], 1 / BETWEEN_REGIONS)
        return found

    def run(self, schedule: str, microbatches: int, steps: int, kills: Sequence[tuple[float, int]] = ()) -> Simulation:
        """Simulate some steps, in which nodes fail at some times."""
        killed: list[tuple[float, Address]] = [
            (when, stage_address(s)) for when, node in kills for s, home in enumerate(self.node_of) if home == node
        ]
        costs = CostModel(links=self.links(), message_bytes=ACTIVATION, kills=killed, restart=RESTART)
        return simulate(
            schedule,
            stages=len(self.node_of),
            microbatches=microbatches,
            steps=steps,
            times=TIMES,
            costs=costs,
            pieces=False,
        )


def show(name: str, value: str) -> None:
    """Print a line of the table."""
    print(f"{name:64}{value:>22}", flush=True)


def chain(near: World, far: World, microbatches: int) -> Simulation:
    """Print what a step takes; return the step of the better placed."""
    work = microbatches * (TIMES.forward + TIMES.backward + TIMES.weight_gradient) + TIMES.update
    show("a step's work of a stage", f"{work:.1f} s")
    one, other = near.run("1f1b", microbatches, 1), far.run("1f1b", microbatches, 1)
    deep = near.run("1f1b", 2 * microbatches, 1)
    show("a step of 1f1b, neighbours near each other", f"{one.makespan:.0f} s, busy {one.busy:.0%}")
    show("the same, nodes in random order", f"{other.makespan:.0f} s, busy {other.busy:.0%}")
    show(f"near each other, {2 * microbatches} microbatches", f"{deep.makespan:.0f} s, busy {deep.busy:.0%}")
    return one


def trainer(one: Simulation, two: Simulation, microbatches: int) -> None:
    """Print what goes through the trainer in a step, of runs of one and two steps."""
    seconds = one.makespan
    messages = two.trainer_messages - one.trainer_messages
    show("messages through the trainer in a step, of all", f"{messages:,} of {two.messages - one.messages:,}")
    show("through the trainer", f"{messages / seconds:.1f}/s, {microbatches * ACTIVATION / seconds / 1e6:.1f} MB/s")


def store(stages: int, nodes: int, microbatches: int, seconds: float) -> None:
    """Print what commits and checkpoints write, on paper."""
    commit = PARAMETERS + OPTIMIZER
    show("a commit of a stage, without its outbox", f"{commit / 1e6:,.0f} MB")
    show("its outbox, all messages of a step", f"{2 * microbatches * ACTIVATION / 1e6:,.0f} MB")
    for every in (1, 4):
        bytes_of_node = stages / nodes * (commit + 2 * every * microbatches * ACTIVATION)
        rate = bytes_of_node / (every * seconds)
        show(f"commits of a node every {every} steps, to another region", f"{rate / BETWEEN_REGIONS:.0%} of the link")
    show("a checkpoint of all stages", f"{stages * commit / 1e9:,.0f} GB")
    at_once = stages * commit / BETWEEN_REGIONS
    show("that through the one writer, at 100 MB/s, in steps", f"{at_once / seconds:.0f}")
    show("each node its own part to a shared folder, at 100 MB/s", f"{at_once / nodes:.0f} s")


def supervisor(near: World, microbatches: int, calm: float) -> None:
    """Print how often and how long it restarts stages; failures come at random in two steps, always the same."""
    steps, stages = 2, len(near.node_of)
    for name, rate in RATES.items():
        random, an_hour = Random(1), near.nodes * rate
        count = round(an_hour * calm / 3600)
        kills = sorted((random.uniform(0, calm), random.randrange(near.nodes)) for _ in range(count))
        lost = near.run("1f1b", microbatches, steps, kills).makespan / calm - 1 if kills else 0.0
        nodes = f"{an_hour:.2f} nodes" if an_hour < 1 else f"{an_hour:.0f} nodes"
        found = f"{lost:+.1%} time" if kills else f"one in {1 / an_hour:.0f} h"
        show(f"{name}: {nodes} and {an_hour * stages / near.nodes:.1f} restarts an hour", found)
    region = [(calm / 2, node) for node in range(near.nodes // near.regions)]
    hit = near.run("1f1b", microbatches, steps, region)
    show(f"a region fails: {hit.restarts} restarts at once, allowed", f"{Supervision().max_restarts}")
    show("the run takes longer by", f"{hit.makespan - calm:.0f} s")
    everything = near.run("1f1b", microbatches, steps, [(calm / 2, node) for node in range(near.nodes)])
    show(f"all nodes fail: {everything.restarts} restarts at once; longer by", f"{everything.makespan - calm:.0f} s")


def main(stages: int, nodes: int, regions: int, microbatches: int) -> None:
    """Run the benchmark."""
    order = list(range(nodes))
    near = World(nodes, regions, [s * nodes // stages for s in range(stages)])
    Random(0).shuffle(order)
    far = World(nodes, regions, [order[node] for node in near.node_of])
    print(f"{stages:,} stages on {nodes} nodes in {regions} regions, {microbatches} microbatches")
    one = chain(near, far, microbatches)
    two = near.run("1f1b", microbatches, 2)
    trainer(one, two, microbatches)
    store(stages, nodes, microbatches, one.makespan)
    supervisor(near, microbatches, two.makespan)
    print_peak_memory()


if __name__ == "__main__":
    smoke, numbers = arguments()
    if smoke:
        main(12, 6, 3, 2)
    else:
        main(1_000, 200, 10, numbers[0] if numbers else 32)
