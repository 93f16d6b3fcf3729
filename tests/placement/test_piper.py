"""Plans go to Piper's JSON and come back; a profile becomes a workload that Piper's program takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from annex_actors.base.errors import ConfigError
from annex_actors.placement import LayerProfile, Plan, PlannedStage, Profile, Timing
from annex_actors.placement.piper import plan_json, workload_json
from annex_actors.placement.plan_files import plan_text, read_plan
from tests.placement.test_plan import PLANS


def seconds(number: float) -> Timing:
    return Timing(number, number, number)


def layer(name: str, parameters: int) -> LayerProfile:
    return LayerProfile(
        name, seconds(1.0), seconds(2.0), seconds(4.0), seconds(6.0), 100, parameters, 30, 2 * parameters, 7
    )


PROFILE = Profile(32, (layer("dense:4", 50), layer("relu", 0), layer("mean_squared_error", 0)), {}, {})


def workload(**changes: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"workers": 3, "memory": "64MB", "bandwidth": 10**9, "microbatches": 2, **changes}
    found: dict[str, Any] = json.loads(workload_json(PROFILE, **settings))
    return found


def test_a_workload_has_the_work_and_bytes_of_a_microbatch_at_each_layer() -> None:
    found = workload()
    assert (found["maxDevices"], found["maxMemoryPerDevice"], found["bandwidth"]) == (3, 64e6, 1e9)
    assert found["mbsInBatch"] == found["maxBatchSize"] == 2
    assert [(node["id"], node["name"]) for node in found["nodes"]] == [
        (0, "dense:4"),
        (1, "relu"),
        (2, "mean_squared_error"),
    ]
    assert found["nodes"][0]["TMPCs"] == {
        "1": [
            {
                "id": "whole",
                "timePerSample": 10.0,  # 1 + 2 + 4, and half of an update of 6
                "parameterSize": 50.0,
                "memoryUsageA": 30.0,
                "memoryUsageB": 214.0,  # weights, gradients, slots of 2 x 50, and 7 for W of each microbatch
                "syncTimeFw": {},
                "syncTimeBw": {"1": 0.0},
            }
        ]
    }
    assert found["edges"] == [
        {"sourceId": 0, "destId": 1, "communicationCost": 100.0},
        {"sourceId": 1, "destId": 2, "communicationCost": 100.0},
    ]


def test_a_workload_names_both_ends_of_every_edge_as_pipers_program_demands() -> None:
    found = workload()
    edges = {(each["sourceId"], each["destId"]) for each in found["edges"]}
    for node in found["nodes"]:
        (only,) = node["TMPCs"]["1"]
        assert set(only["syncTimeFw"]) == {str(source) for source, end in edges if end == node["id"]}
        assert set(only["syncTimeBw"]) == {str(end) for source, end in edges if source == node["id"]}


@pytest.mark.parametrize(
    "changes", [{"workers": 0}, {"memory": "much"}, {"bandwidth": 0}, {"microbatches": 0}], ids=str
)
def test_a_limit_out_of_range_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"expected `{next(iter(changes))}` to be "):
        workload(**changes)


@given(plan=PLANS)
def test_layers_and_replicas_come_back(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> None:
    path, layers = tmp_path_factory.mktemp("piper") / "plan.json", ["relu"] * (plan.layers - 1)
    alone = Plan(tuple(PlannedStage(each.layers, each.replicas) for each in plan.stages))
    path.write_text(plan_text(path, alone, layers))
    assert read_plan(path, layers) == alone


@pytest.mark.parametrize("more", [{"blas_threads": 2}, {"worker": "thread"}, {"memory": 1000}, {"node": "a"}], ids=str)
def test_a_plan_that_says_more_is_not_written(more: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="expected stages of layers and replicas alone, as Piper's JSON has no words"):
        plan_json(Plan((PlannedStage(2), PlannedStage(1, **more))))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"stages": [{"nodes": [0]}, {"nodes": [2, 3]}]}, "got 2 in stage 1, which leaves out layer 1 (relu)"),
        ({"stages": [{"nodes": [0, 1]}, {"nodes": [1, 2, 3]}]}, "got layer 1 (relu) a second time, in stage 1"),
        ({"stages": [{"nodes": [0, 1, 2, 3], "tensorParallelDegree": 2}]}, "expected `tensorParallelDegree` to be 1"),
        ({"stages": [{"nodes": [0, 1, 2, 3], "dataParallelDegree": 0}]}, "expected `replicas` to be an integer >= 1"),
        ({"stages": [{"nodes": []}]}, "expected a plan of Piper"),
        ({"stages": [{"nodes": ["relu"]}]}, "expected a plan of Piper"),
        ([], "expected a plan of Piper"),
    ],
)
def test_what_is_no_plan_for_the_network_is_refused(content: object, error: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError) as caught:
        read_plan(path, ["relu"] * 3)
    assert str(caught.value).startswith(f"{path}: ")
    assert error in str(caught.value)
    assert "\n" not in str(caught.value)


def test_stages_and_nodes_may_be_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"stages": [{"nodes": [3, 2]}, {"nodes": [1, 0], "dataParallelDegree": 2}]}))
    assert str(read_plan(path, ["relu"] * 3)) == "2x2,1"
