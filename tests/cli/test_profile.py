from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from annex_actors.cli import main
from annex_actors.cli.profile import cluster_lines
from annex_actors.placement.cluster import Cluster, MeasuredLink, MeasuredNode
from annex_actors.placement.profile import Profile

SHORT = ["--runtimes", "schedulers", "--seconds", "0.05"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, in a folder that is current."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_each_layer_and_each_runtime_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "iris", "--layers", "dense:4 dense:3", *SHORT]) == 0
    out = capsys.readouterr().out
    first = [line.split()[0] for line in out.splitlines() if line]
    assert first[:4] == ["layer", "dense:4", "dense:3", "softmax_cross_entropy"]
    assert {"inline", "schedulers"} <= {*first}
    assert max(map(len, out.splitlines()[:4])) <= 80


def test_the_file_is_the_profile_and_so_is_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "iris", "--microbatches", "4,2", *SHORT, "--out", "iris.json"]) == 0
    assert capsys.readouterr().out.endswith("wrote iris.json\n")
    kept = Profile.from_json(Path("iris.json").read_bytes())
    assert kept.measured.keys() == {2, 5}  # the suggested batches have 10 samples
    assert main(["profile", "iris", "--microbatches", "4,2", *SHORT, "--json"]) == 0
    assert Profile.from_json(json.dumps(json.loads(capsys.readouterr().out))) == kept


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--microbatches", "two"], "expected `microbatches` to be an integer >= 1, got 'two'"),
        (["--seconds", "0"], "expected `seconds` to be a number > 0"),
        (
            ["--cluster", "nodes.json"],
            "expected --ray-address with --cluster nodes.json, got none; add it",
        ),
        (["--out", "missing/iris.json"], "expected a file that can be written at missing/iris.json"),
    ],
)
def test_a_mistake_is_one_line(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "iris", *SHORT, *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}")
    assert error.count("\n") == 1


def test_nodes_and_links_of_a_cluster_are_tables() -> None:
    nodes = [MeasuredNode("left", 1.5, 16 * 10**9, 2), MeasuredNode("right", 0.25)]
    links = [MeasuredLink(0.0005, 100 * 10**6, ("left", "right")), MeasuredLink(2e-5, None, ("left", "left"))]
    rows = [line.split() for line in cluster_lines(Cluster(nodes, links), 80) if line]
    assert rows == [
        ["node", "speed", "workers", "memory"],
        ["left", "1.50", "2", "16", "GB"],
        ["right", "0.25", "1"],
        ["link", "latency", "µs", "bandwidth"],
        ["left", "–", "right", "500", "100", "MB/s"],
        ["left", "–", "left", "20"],
    ]


def test_a_cluster_is_refused_without_ray_before_this_machine_is_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "annex_actors.runtimes.ray.probes", None)
    monkeypatch.setattr("annex_actors.training.profiles.profile", None)
    assert main(["profile", "iris", "--ray-address", "auto", *SHORT]) == 2
    expected = "expected Ray to measure a cluster, got none; pip install 'annex-actors[ray]'"
    assert capsys.readouterr().err == f"error: {expected}\n"
