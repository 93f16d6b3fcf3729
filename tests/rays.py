"""One Ray on this machine for all tests: to start one takes seconds. ``--ray-nodes 3`` gives it three nodes."""

from __future__ import annotations

import atexit
import logging
import os
from pathlib import Path

import pytest

from annex_actors.runtimes import RayRuntime
from tests.matrix import RAY_NODES

ROOT = Path(__file__).parents[1]


def shared_ray(**settings: object) -> RayRuntime:
    """Return a runtime on the Ray that all tests share, which is started by the first one, and ends with the session.

    Args:
        settings: of the runtime; by default every step is committed, and no actor waits in reserve.
    """
    ray = pytest.importorskip("ray")
    if not ray.is_initialized():
        os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        if RAY_NODES in os.environ:
            from annex_actors.runtimes.ray.local_cluster import LocalCluster

            cluster = LocalCluster(int(os.environ[RAY_NODES])).__enter__()
            atexit.register(cluster.__exit__, None, None, None)
            ray.init(cluster.address, **quiet)
        else:
            ray.init("local", num_cpus=2, object_store_memory=200 * 2**20, include_dashboard=False, **quiet)
    return RayRuntime(**({"spares": 0, "commit_every": 1} | settings))  # type: ignore[arg-type]
