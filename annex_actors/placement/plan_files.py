"""Plans in files: in TOML for people, in Piper's JSON for that planner.

```toml
[[stages]]
layers = ["dense:128", "relu"]  # their texts, or their indices, or how many

[[stages]]
layers = 2                      # the next two layers; the cost joins the last stage, or is counted
blas_threads = 1
# replicas, worker = "thread", memory = "64MB", and for clusters node, labels, cpus, gpus, resources: see `PlannedStage`
```

Before the stages, a file may say for clusters ``strategy = "pack"`` and ``wait_seconds = 30``: see `Plan`.

A list of layers is checked against the network: a layer that is left out or placed twice is named. A run's config holds
the plan itself, as text, so that it needs no file.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from annex_actors.base import checks
from annex_actors.base.byte_counts import bytes_text
from annex_actors.base.errors import ConfigError, message_of
from annex_actors.base.files import SMALL, read_file, reason
from annex_actors.base.settings import build
from annex_actors.base.shown import shown
from annex_actors.placement.needs import NodeStrategy, number, toml_value
from annex_actors.placement.piper import plan_json, stages_of
from annex_actors.placement.plan import Plan, PlannedStage

COST = "cost"
"""What a file calls the layer after the last."""

_PIPER = ".json"
_OF_THE_PLAN = ("strategy", "wait_seconds")


def read_plan(path: str | Path, layers: Sequence[str]) -> Plan:
    """Return the plan in a file.

    Args:
        path: the file, in TOML; with the ending ``.json`` in Piper's JSON (`annex_actors.placement.piper`).
        layers: the text of each layer of the network.

    Raises:
        ConfigError: the file cannot be read, or its plan does not place each layer once; the message names the file.
    """
    file = checks.path("path", path)
    try:
        text = read_file(file, limit=SMALL).decode()
        content = json.loads(text) if file.suffix == _PIPER else tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"expected a plan at {file}, got {reason(error)}; check the path") from None
    except (ValueError, RecursionError) as error:
        kind = "JSON" if file.suffix == _PIPER else "TOML"
        raise ConfigError(f"expected {kind} in {file}, got: {message_of(error)}; correct the file") from None
    try:
        tables = stages_of(content) if file.suffix == _PIPER else _tables(content)
        plan = _plan(tables, checks.elements("layers", layers, str, "the text of a layer"))
        own = {} if file.suffix == _PIPER else {name: content[name] for name in _OF_THE_PLAN if name in content}
        return replace(plan, **own)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None


def plan_text(path: str | Path, plan: Plan, layers: Sequence[str]) -> str:
    """Return what `read_plan` reads from a file of this name: TOML, or Piper's JSON where it ends with ``.json``.

    Raises:
        ConfigError: the plan does not fit the network, or says more than Piper's JSON has words for.
    """
    is_piper = checks.path("path", path).suffix == _PIPER
    return plan_json(plan) + "\n" if is_piper else plan_toml(plan, layers)


def plan_toml(plan: Plan, layers: Sequence[str]) -> str:
    """Return a plan as TOML, each layer by its text; the inverse of `read_plan`.

    Args:
        plan: for this network.
        layers: the text of each layer of the network.

    Raises:
        ConfigError: the plan does not fit the network.
    """
    checks.instance("plan", plan, Plan, 'a plan such as Plan.parse("3,2,2", layers=7)').check(layers)
    names = [*layers, COST]
    pairs, usual = zip(plan.stages, plan.ranges, strict=True), Plan(plan.stages)
    head = [] if plan.strategy is usual.strategy else [f'strategy = "{NodeStrategy(plan.strategy).value}"\n']
    head += [] if plan.wait_seconds == usual.wait_seconds else [f"wait_seconds = {number(plan.wait_seconds)}\n"]
    return "\n".join([*head, *(_table(stage, [names[index] for index in indices]) for stage, indices in pairs)])


def _table(stage: PlannedStage, names: Sequence[str]) -> str:
    lines = ["[[stages]]", f"layers = [{', '.join(json.dumps(name, ensure_ascii=False) for name in names)}]"]
    lines += [] if stage.replicas == 1 else [f"replicas = {stage.replicas}"]
    lines += [] if stage.blas_threads == 1 else [f"blas_threads = {stage.blas_threads}"]
    lines += [] if stage.worker is None else [f'worker = "{stage.worker}"']
    lines += [] if stage.memory is None else [f'memory = "{bytes_text(stage.memory)}"']
    own = {name: getattr(stage, name) for name in ("node", "labels", "cpus", "gpus", "resources")}
    lines += [f"{name} = {toml_value(value)}" for name, value in own.items() if value]
    return "\n".join(lines) + "\n"


def _tables(content: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    tables = content.get("stages")
    wanted = "expected [[stages]] with `layers`, and beside them `strategy` and `wait_seconds` alone"
    if not isinstance(tables, list) or not set(content) <= {"stages", *_OF_THE_PLAN}:
        raise ConfigError(f"{wanted}, got {shown(list(content))}")
    for table in tables:
        if not isinstance(table, Mapping):
            raise ConfigError(f"{wanted}, got {shown(table)}")
    return tables


def _plan(tables: Sequence[Mapping[str, Any]], layers: Sequence[str]) -> Plan:
    stages: list[PlannedStage] = []
    placed = 0
    for index, table in enumerate(tables):
        given = table.get("layers")
        count = len(_checked(index, given, placed, layers)) if isinstance(given, list) else given
        try:
            stages.append(build("a stage", PlannedStage, {**table, **({} if count is None else {"layers": count})}))
        except ConfigError as error:
            raise ConfigError(f"stage {index}: {error}") from None
        placed += stages[-1].layers
    # Its text has the rule for the cost, which a file may leave out as well.
    return Plan.parse(",".join(map(str, stages)), layers) if stages else Plan(())


def _checked(stage: int, given: Sequence[Any], placed: int, layers: Sequence[str]) -> Sequence[Any]:
    """Return the layers of a stage, given how many those before have, if they are the next ones of the network."""
    names = [*layers, COST]
    for expected, each in enumerate(given, placed):
        index = _index(stage, each, expected, names)
        if index > expected:
            raise ConfigError(
                f"expected each layer in a stage, got {shown(each)} in stage {stage}, which leaves out "
                f"{_named(expected, names)}; add it before"
            )
        if index < expected:
            raise ConfigError(
                f"expected each layer in one stage, got {_named(index, names)} a second time, in stage {stage}; "
                "take it away"
            )
    return given


def _index(stage: int, given: Any, expected: int, names: Sequence[str]) -> int:
    """Return which layer is meant: of several with the same text, the next one."""
    found = list(_meant(given, names))
    if not found:
        known = f"texts or indices of the network's layers, 0 to {len(names) - 2}, or {COST!r}"
        raise ConfigError(f"expected the layers of stage {stage} to be {known}, got {shown(given)}")
    return next((index for index in found if index >= expected), found[-1])


def _meant(given: Any, names: Sequence[str]) -> Iterator[int]:
    if isinstance(given, int) and not isinstance(given, bool):
        yield from range(given, given + 1) if 0 <= given < len(names) else ()
    else:
        yield from (index for index, name in enumerate(names) if name == given)


def _named(index: int, names: Sequence[str]) -> str:
    return "the cost" if index == len(names) - 1 else f"layer {index} ({names[index]})"
