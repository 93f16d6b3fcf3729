"""A cluster of two nodes on this machine: layers on both, the commits of each on the other one."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import RayRuntime
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.runtimes.hosting.workers.worker_child import WorkerRef
from tests.runtimes.processes.jobs import TRAINING, struck
from tests.trainings import fingerprints, undisturbed


def nodes_of(job: SupervisedJob) -> list[str]:
    refs: list[Any] = [job.registry.whereis(stage_address(stage)) for stage in range(len(TRAINING.placement))]
    return [ref.worker.node_id for ref in refs]


@pytest.mark.whole
def test_layers_live_on_both_nodes_and_survive_kills_to_the_same_bits(address: str) -> None:
    nodes: list[str] = []

    def strike(job: SupervisedJob) -> None:
        nodes.extend(nodes_of(job))
        ref = job.registry.whereis(stage_address(nodes.index(max(nodes, key=nodes.count))))
        assert isinstance(ref, WorkerRef)
        if ref.pid is None:
            ref.kill()
        else:
            os.kill(ref.pid, signal.SIGKILL)

    runtime = RayRuntime(ray_address=address, commit_copies=2, spares=0)
    checkpoint, _, job = struck(strike, runtime=runtime)
    assert fingerprints(checkpoint) == undisturbed(TRAINING).fingerprints
    assert len(set(nodes)) == 2
    assert job.restarts == 1


def test_an_address_where_no_cluster_answers_is_refused() -> None:
    ray = pytest.importorskip("ray")
    ray.shutdown()
    program = TRAINING.program()
    with pytest.raises(ConfigError, match=r"expected a Ray cluster at 127\.0\.0\.1:1, got .*; check the address"):
        RayRuntime(ray_address="127.0.0.1:1").start(program)
