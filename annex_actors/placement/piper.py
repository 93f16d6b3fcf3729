"""Plans and profiles in the JSON of Piper, a planner for pipelines of graphs of layers.

Piper reads a *workload*: for each layer the seconds and bytes of a microbatch, which it calls a sample.
`workload_json` writes one from a profile, so that Piper can plan the same network. It writes a *plan*: for each stage
its nodes and its degree of data parallelism, our replicas. `plan_json` writes one, and `read_plan` reads it from a file
``.json``.

A degree of tensor parallelism above 1 is refused: no layer here is divided among actors. What a layer may choose from
in a workload, Piper's TMPCs, is one entry, since a layer is computed in one way.

Source:
    Tarnawski, Narayanan, Phanishayee (2021), Piper: Multidimensional planner for DNN parallelization. The format is
    that of its program, https://github.com/msr-fiddle/piper, whose ``mbsInBatch`` its README calls ``maxBatchSize``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from annex_actors.base import checks
from annex_actors.base.byte_counts import byte_count
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.placement.plan import Plan, PlannedStage
from annex_actors.placement.profile import LayerProfile, Profile

_ONLY = "whole"
"""The one way to compute a layer: on one device."""


def workload_json(profile: Profile, *, workers: int, memory: int | str, bandwidth: int | str, microbatches: int) -> str:
    """Return a profile as a workload for Piper.

    It takes each microbatch as one of its samples, and what B keeps for W as a part of every microbatch of a step.

    Args:
        profile: of the network, with microbatches of the size that is to be planned for; nodes are numbered as layers.
        workers: how many stages, or replicas of stages, there may be.
        memory: the most bytes that each may need, as a number or as text such as ``64MB``.
        bandwidth: bytes a second between two workers, likewise.
        microbatches: into how many a batch is cut.

    Raises:
        ConfigError: a number out of range.
    """
    checks.instance("profile", profile, Profile, "a profile, such as `annex-actors profile --out FILE` writes")
    last = len(profile.layers) - 1
    parts = checks.whole_number("microbatches", microbatches, at_least=1)
    workload = {
        "maxMemoryPerDevice": float(byte_count("memory", memory)),
        "maxDevices": checks.whole_number("workers", workers, at_least=1),
        "bandwidth": float(byte_count("bandwidth", bandwidth)),
        "mbsInBatch": parts,
        "maxBatchSize": parts,
        "nodes": [_node(index, last, each, parts) for index, each in enumerate(profile.layers)],
        "edges": [
            {"sourceId": index, "destId": index + 1, "communicationCost": float(each.output_bytes)}
            for index, each in enumerate(profile.layers[:last])
        ],
    }
    return json.dumps(workload, indent=1)


def _node(index: int, last: int, layer: LayerProfile, microbatches: int) -> Mapping[str, Any]:
    work = layer.forward.median + layer.backward.median + layer.weight_gradient.median
    kept = 2 * layer.parameter_bytes + layer.optimizer_bytes + microbatches * layer.factor_bytes
    only = {
        "id": _ONLY,
        "timePerSample": work + layer.update.median / microbatches,
        "parameterSize": float(layer.parameter_bytes),
        "memoryUsageA": float(layer.saved_bytes),
        "memoryUsageB": float(kept),
        "syncTimeFw": {str(index - 1): 0.0} if index else {},
        "syncTimeBw": {str(index + 1): 0.0} if index < last else {},
    }
    return {"id": index, "name": layer.name, "TMPCs": {"1": [only]}}


def plan_json(plan: Plan) -> str:
    """Return a plan as Piper writes its own.

    Raises:
        ConfigError: the plan says more than Piper's JSON has words for, such as BLAS threads, memory or nodes.
    """
    checks.instance("plan", plan, Plan, 'a plan such as Plan.parse("3,2,2", layers=7)')
    for stage in plan.stages:
        if stage != PlannedStage(stage.layers, stage.replicas) or plan != Plan(plan.stages):
            raise ConfigError(
                f"expected stages of layers and replicas alone, as Piper's JSON has no words for more, got {plan}; "
                "leave that out, or write TOML"
            )
    stages = [
        {
            "nodes": list(indices),
            "dataParallelDegree": stage.replicas,
            "tensorParallelDegree": 1,
            "TMPCids": [[index, _ONLY] for index in indices],
        }
        for stage, indices in zip(plan.stages, plan.ranges, strict=True)
    ]
    return json.dumps({"stages": stages}, indent=1)


def stages_of(content: Any) -> Sequence[Mapping[str, Any]]:
    """Return the stages of Piper's plan as a TOML file has them, in the order of their layers.

    Args:
        content: what is in the JSON.

    Raises:
        ConfigError: not a plan of Piper, or one that divides a layer among devices.
    """
    stages = content.get("stages") if isinstance(content, Mapping) else None
    if not isinstance(stages, list) or not all(map(_is_stage, stages)):
        wanted = '{"stages": [{"nodes": [0, 1], "dataParallelDegree": 1, ...}, ...]}'
        raise ConfigError(f"expected a plan of Piper, {wanted}, got {shown(content)}")
    for each in stages:
        if each.get("tensorParallelDegree", 1) != 1:
            got = shown(each["tensorParallelDegree"])
            raise ConfigError(f"expected `tensorParallelDegree` to be 1, since no layer is divided, got {got}")
    ordered = sorted(({**each, "nodes": sorted(each["nodes"])} for each in stages), key=lambda each: each["nodes"])
    return [{"layers": each["nodes"], "replicas": each.get("dataParallelDegree", 1)} for each in ordered]


def _is_stage(given: Any) -> bool:
    """Return whether a stage has nodes, which are numbers."""
    nodes = given.get("nodes") if isinstance(given, Mapping) else None
    return isinstance(nodes, list) and bool(nodes) and all(type(node) is int for node in nodes)
