"""A run whose driver was killed goes on from its folder on another cluster, to the same bits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.runs.config import resolve
from annex_actors.runtimes import RayRuntime
from tests.rays import ROOT

RUN = "digits --epochs 8 --stages 3 --checkpoint-every 5"
HASHES = ("weights_sha256", "state_sha256", "cost_log_sha256")


@contextmanager
def two_nodes() -> Iterator[str]:
    """Start a cluster of two nodes, and yield its address."""
    pytest.importorskip("ray")
    from annex_actors.runtimes.ray.local_cluster import LocalCluster

    with LocalCluster(2) as cluster:
        yield cluster.address


def command(words: str, folder: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "annex_actors", *words.split()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(arguments, cwd=folder, text=True, env=environment, stdout=pipe, stderr=pipe)


def hashes(words: str, folder: Path) -> list[str]:
    """Return the fingerprints that a command prints at its end."""
    with command(f"{words} --json --quiet", folder) as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    result = json.loads(out)
    return [result[name] for name in HASHES]


@pytest.mark.whole
@pytest.mark.timeout(1200)
def test_a_run_goes_on_where_another_cluster_is_up(tmp_path: Path) -> None:
    with two_nodes() as address:
        words = f"train {RUN} --runtime ray --ray-address {address} --commit-copies 2 --run-dir run --progress-every 1"
        with command(words, tmp_path) as driver:
            assert driver.stderr is not None
            next(line for line in driver.stderr if line.startswith("epoch 2/"))
            driver.kill()
    with two_nodes() as address:
        assert hashes(f"resume run --ray-address {address}", tmp_path) == hashes(f"train {RUN}", tmp_path)


def test_another_cluster_keeps_the_other_settings_of_the_runtime() -> None:
    pytest.importorskip("ray")
    section = {"name": "ray", "ray_address": "gone:6379", "commit_copies": 2}
    training = {"epochs": 1, "batch_size": 4}
    config, _, _ = resolve({"data": {"name": "xor"}, "training": training, "runtime": section})
    found = config.on_cluster("here:6379").learner().spec.runtime
    assert found == RayRuntime(ray_address="here:6379", commit_copies=2)


def test_only_a_run_on_ray_goes_to_a_cluster() -> None:
    config, _, _ = resolve({"data": {"name": "xor"}})
    with pytest.raises(ConfigError, match=r"expected runtime ray, got schedulers; `--runtime ray` goes on there"):
        config.on_cluster("here:6379")
