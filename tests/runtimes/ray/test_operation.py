"""What reaches the user of a run on several nodes: where layers live, what they write and how they fail."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from annex_actors import Crash, Learner, dense, load, sequence
from annex_actors.base.errors import LayerError
from annex_actors.placement.cluster import Cluster, read_cluster
from annex_actors.protocol.events import PeerExited, PeerStarted
from annex_actors.runtimes import RayRuntime
from annex_actors.runtimes.hosting.failures import PeerError, on_node, one_line
from annex_actors.runtimes.hosting.own_code import own_traceback
from annex_actors.runtimes.ray.node_names import NodeNames, names
from annex_actors.training.cluster_profiles import profile_cluster
from tests.trainings import Seen

pytest.importorskip("ray")

from annex_actors.runtimes.ray.written import Written, WrittenFile


def node(id: str, name: str, *, alive: bool = True) -> dict[str, Any]:
    return {
        "NodeID": id,
        "NodeName": name,
        "NodeManagerAddress": "10.0.0.1",
        "NodeManagerHostname": "m",
        "Alive": alive,
    }


def test_a_node_has_the_name_it_was_started_with_else_that_of_its_machine_and_no_two_have_one() -> None:
    nodes = [node("aaaaaaaaa", "left"), node("bbbbbbbbb", "10.0.0.1"), node("ccc", "gone", alive=False)]
    assert names(nodes) == {"aaaaaaaaa": "left", "bbbbbbbbb": "m"}
    assert names([*nodes, node("ddddddddd", "10.0.0.1")]) == {
        "aaaaaaaaa": "left",
        "bbbbbbbbb": "m-bbbbbb",
        "ddddddddd": "m-dddddd",
    }


def test_a_node_is_named_only_where_there_are_several_and_keeps_its_name() -> None:
    known = {"a": "left"}
    found = NodeNames(lambda: known)
    found.ask()
    assert (found.of("a"), found.shown("a")) == ("left", "")
    known = {"a": "other", "b": "right"}
    found.ask()
    assert (found.shown("a"), found.shown("b"), found.of("c")) == ("left", "right", "c")


def test_what_a_process_writes_is_read_in_whole_lines_without_those_of_ray(tmp_path: Path) -> None:
    path = tmp_path / "worker.out"
    path.write_bytes(b":job_id:01\none\ntw")
    written = Written((WrittenFile(str(path), 0), WrittenFile(str(tmp_path / "none"), 0)))
    assert written.new() == "one"
    assert written.new() == ""
    with path.open("ab") as file:
        file.write(b"o\nFatal")
    assert written.new() == "two"
    assert written.new(torn=True) == "Fatal"


def test_an_error_names_its_node_in_its_line_and_its_traceback() -> None:
    try:
        raise ZeroDivisionError("by zero")
    except ZeroDivisionError as error:
        cause = error
    place = "layer 1 (relu) failed in forward at step 3"
    failed = LayerError(place, address="stage-1", layer=1, step=3, microbatch=0, work="forward")
    failed.__cause__ = cause
    assert on_node(failed, "") is failed
    assert one_line(failed) == f"{place}: ZeroDivisionError: by zero"
    assert one_line(on_node(failed, "left")) == f"{place}: ZeroDivisionError: by zero, on node left"
    assert str(own_traceback(failed)).endswith(f"by zero\n{place}, on node left\n")
    assert one_line(on_node(PeerError("its process ended", None), "left")) == "its process ended, on node left"


LOUD = """
import os
print("said by a layer")
os.write(2, b"said by a library\\n")
"""


def test_a_cluster_says_where_layers_live_what_they_write_and_how_fast_its_nodes_are(
    address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loud = tmp_path / "loud.py"
    loud.write_text(LOUD)
    seen = Seen()
    data = load("iris")
    runtime = RayRuntime(ray_address=address, spares=0)
    learner = Learner(sequence(dense(4), dense(3)), runtime=runtime, stages="2,1", load=[str(loud)])
    with runtime.kept_up():
        with caplog.at_level(logging.INFO, "annex_actors"):
            learner.train(data, epochs=1, batch_size=50, observers=[seen], crashes=[Crash(layer=1, step=1)])
        found = profile_cluster(learner.spec, data, ray_address=address, seconds=0.2)
    started = [each for each in seen.events if isinstance(each, PeerStarted)]
    on = {each.label: each.node for each in started if each.incarnation == 1}
    nodes = [each.name for each in found.nodes]
    assert len(set(nodes)) == 2
    assert on.pop("trainer") == ""
    assert len(on) == 2
    assert set(on.values()) <= set(nodes)
    for label, name in on.items():
        for text in ("said by a layer", "said by a library"):
            assert re.search(rf"{re.escape(label)} on node {name} wrote:\n(.*\n)?{text}", caplog.text)
    (death,) = [each for each in seen.events if isinstance(each, PeerExited) and not each.orderly]
    (again,) = [each for each in started if each.incarnation == 2]
    assert death.address == again.address
    assert death.reason.endswith(f", on node {on[death.label]}")
    assert again.node in nodes
    assert all(0.01 < each.speed < 100 for each in found.nodes)
    (link,) = found.links
    assert link.between == tuple(sorted(nodes))
    assert 0 < link.latency < 1
    assert read_back(found, tmp_path) == found


def read_back(found: Cluster, folder: Path) -> Cluster:
    file = folder / "cluster.json"
    file.write_text(found.to_json())
    return read_cluster(file)
