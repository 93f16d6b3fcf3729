"""What was measured of a cluster is read from a file, and plans over it name the node of each stage."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.placement.cluster import Cluster, MeasuredLink, MeasuredNode, read_cluster
from annex_actors.placement.planner import Chain, LayerCosts, Link, Problem, plan

TOML = """
nodes = [
    {name = "a", speed = 2.0, memory = "16GB", workers = 2},
    {name = "b", speed = 0.5},
    {name = "c"},
]
links = [
    {between = ["b", "a"], latency = 0.5, bandwidth = "100MB/s"},
    {between = ["a", "a"], latency = 0.25},
]
link = {latency = 0.75, bandwidth = 4}
"""


def read(text: str, folder: Path, name: str = "cluster.toml") -> Cluster:
    path = folder / name
    path.write_text(text)
    return read_cluster(path)


def test_a_file_says_workers_and_the_link_between_each_two(tmp_path: Path) -> None:
    cluster = read(TOML, tmp_path)
    assert [(each.node, each.speed, each.memory) for each in cluster.workers] == [
        ("a", 2.0, 8 * 10**9),
        ("a", 2.0, 8 * 10**9),
        ("b", 0.5, None),
        ("c", 1.0, None),
    ]
    links = cluster.links_of_workers(Link(9))
    assert links[0][1] == Link(0.25)
    assert links[1][2] == links[2][0] == Link(0.5, 1e-8)
    assert links[0][3] == links[3][2] == Link(0.75, 0.25)
    assert links[2][2] == Link(9)


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    names = draw(st.lists(st.text("ab-./7", min_size=1, max_size=3), min_size=1, max_size=4, unique=True))
    amounts = st.none() | st.integers(1, 10**12)
    nodes = [MeasuredNode(name, draw(st.floats(0.01, 100)), draw(amounts), draw(st.integers(1, 4))) for name in names]
    pairs = [(one, other) for at, one in enumerate(names) for other in names[at + draw(st.integers(0, 1)) :]]
    links = [MeasuredLink(draw(st.floats(0, 1)), draw(amounts), pair) for pair in pairs]
    return Cluster(nodes, links, draw(st.none()) if len(names) == 1 else MeasuredLink(draw(st.floats(0, 1))))


@given(clusters())
def test_a_cluster_is_read_back(cluster: Cluster) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("annex_actors.placement.cluster.read_file", lambda path, limit: cluster.to_json().encode())
        assert read_cluster("cluster.json") == cluster


def test_a_plan_over_a_cluster_names_the_node_of_each_stage(tmp_path: Path) -> None:
    cluster = read(TOML, tmp_path)
    chains = {2: Chain((LayerCosts(1, 1, 1),) * 8)}
    problem = Problem(chains, cluster.workers, links=cluster.links_of_workers(Link()), schedules=["1f1b"])
    found = plan(problem)
    nodes = [stage.node for stage in found.plan.stages]
    assert nodes.count("a") == 2, "the two workers of the fastest node have a stage each"
    assert found.plan.names_nodes


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("nodes = []", 'expected `nodes` to be at least one, a node such as MeasuredNode("a", speed=0.5), got none'),
        ("nodes = 3", "expected `nodes` to be a list of tables, got 3"),
        ("nodes = [3]", "expected `nodes` to be a table such as {name = ...}, got 3"),
        ("nodes = [{speed = 1}]", "expected settings of node 0 with `name`, got none"),
        ('nodes = [{name = "a b"}]', "expected `node` to have names of letters, digits and . _ - / alone, got 'a b'"),
        ('nodes = [{name = "a", speed = 0}]', "expected `speed` to be a number > 0, got 0"),
        ('nodes = [{name = "a", workers = 0}]', "expected `workers` to be an integer >= 1, got 0"),
        ('nodes = [{name = "a"}, {name = "a"}]', "expected each node and each pair once, got 'a' twice"),
        (
            'nodes = [{name = "a"}, {name = "b"}]',
            "expected a link between a and b, got none; add it, or",
        ),
        ('links = [{latency = 1, between = ["a"]}]', "expected `between` to be two names, such as"),
        (
            'nodes = [{name = "a"}]\nlinks = [{latency = 1, between = ["a", "z"]}]',
            "two of the nodes, got ['a', 'z']",
        ),
        (
            'nodes = [{name = "a"}]\nlinks = [{between = ["a", "a"]}]',
            "expected settings of link 0 with `latency`",
        ),
        ('nodes = [{name = "a"}]\nlink = {latency = -1}', "expected `latency` to be a number >= 0, got -1"),
        (
            'nodes = [{name = "a"}]\nlink = {latency = 1, bandwidth = "fast"}',
            "expected `bandwidth` to be bytes, such",
        ),
        (
            'nodes = [{name = "a"}]\nspeed = 1',
            "settings of a cluster to be among nodes, links, link, got 'speed'",
        ),
        ("nodes", "expected TOML in "),
    ],
)
def test_a_file_that_describes_no_cluster_is_refused(text: str, error: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text, tmp_path)
    assert error in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a cluster at .*nowhere.toml, got "):
        read_cluster(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigError, match="expected JSON in "):
        read("nodes", tmp_path, "cluster.json")
    with pytest.raises(ConfigError, match="expected `the file` to be a table with `nodes` and `links`, got"):
        read("[3]", tmp_path, "cluster.json")
