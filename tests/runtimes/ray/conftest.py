"""A cluster on this machine, which stands in for several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Start two nodes; the Ray that other tests share is left for this one."""
    ray = pytest.importorskip("ray")
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    ray.shutdown()
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    node = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=node)
    cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def address(cluster: Any) -> str:
    """Return the address of a cluster of two nodes."""
    return str(cluster.address)
