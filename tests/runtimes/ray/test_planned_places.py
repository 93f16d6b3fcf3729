"""A plan says on which nodes of a cluster layers live; when one is gone, they move to one that has what they need."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from annex_actors.placement import Plan
from annex_actors.placement.places import Places
from annex_actors.protocol.events import PeerStarted
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import TRAINER
from annex_actors.runtimes import RayRuntime, RunFailedError
from annex_actors.runtimes.hosting.job import SupervisedJob
from tests.runtimes.processes.jobs import TRAINING, struck
from tests.trainings import Seen, carry_out, fingerprints, undisturbed

LAYERS = len(TRAINING.placement)


def places(text: str) -> Places:
    return Places.of(Plan.parse(text, LAYERS))


def homes(seen: Seen) -> dict[Address, list[str]]:
    found: dict[Address, list[str]] = {}
    for event in seen.of(PeerStarted):
        if event.address != TRAINER:
            found.setdefault(event.address, []).append(event.node)
    return found


@pytest.mark.whole
def test_layers_live_where_the_plan_says_and_move_when_their_node_is_gone(cluster: Any) -> None:
    right = cluster.add_node(node_name="right", num_cpus=1, object_store_memory=100 * 2**20, labels={"zone": "east"})
    cluster.add_node(node_name="other", num_cpus=1, object_store_memory=100 * 2**20, labels={"zone": "east"})
    cluster.wait_for_nodes()
    stages = ["1:labels=zone=east", *["1"] * (LAYERS - 1)]
    program = TRAINING.program()
    lost: list[str] = []

    def strike(job: SupervisedJob) -> None:
        ref: Any = job.registry.whereis(program.stages[0].address)
        lost.append(ref.worker.node)
        cluster.remove_node(right, allow_graceful=False)

    # With one copy the end of the run is lost where the node has the copy of a layer that commits no more.
    runtime = RayRuntime(ray_address=str(cluster.address), commit_copies=2, spares=0)
    checkpoint, seen, _ = struck(strike, runtime=runtime, places=places(",".join(stages) + ";wait_seconds=60"))
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert set(homes(seen)[program.stages[0].address]) <= {"right", "other"}
    assert homes(seen)[program.stages[0].address][-1] == "other"


def test_a_run_whose_plan_names_a_node_that_there_is_not_ends_with_what_each_node_lacks(cluster: Any) -> None:
    text = ",".join(["1:node=nowhere", *["1"] * (LAYERS - 1)]) + ";wait_seconds=0"
    program = replace(TRAINING.program(), places=places(text))
    with pytest.raises(RunFailedError, match=r"expected a node for stage 0, which needs node nowhere, got none of 2"):
        carry_out(program, RayRuntime(ray_address=str(cluster.address)), TRAINING.initial)
