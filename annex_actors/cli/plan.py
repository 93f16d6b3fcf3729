"""``annex-actors plan``: which layers should share an actor, from a profile of the network."""

from __future__ import annotations

import json as text
import re
import reprlib
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annex_actors.base.errors import ConfigError
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_lines, print_result

if TYPE_CHECKING:
    from annex_actors.placement.cluster import Cluster
    from annex_actors.placement.planner import Link, Planned, Worker

_WORKERS = "How many workers there are, each for one stage; by default as many as cores."
_MEMORY = "What a stage may need on each worker, such as 64MB."
_SPEEDS = "How fast each worker is, such as 1,1,0.5; instead of --workers."
_LINK = "Between two workers, such as 1ms,100MB/s; by default what was measured of the runtime."
_CLUSTER = "The nodes, their speeds and links, in a file; instead of --workers, --speeds, --memory and --link."
_OBJECTIVE = "What to improve: steps a second, one step alone, or the memory of the worker that needs most."
_REPLICAS = "In how many copies a stage may be, which share its microbatches."
_PARTS = "Into how many microbatches a step may be cut, such as 1,2,4; by default 1, 2, 4 and 8."
_SCHEDULE = "Only this schedule; by default all that are exact."
_SECONDS = "About how long to measure what is not known of the network and the machine."
_OUT = "The file to write the plan to, for `annex-actors train --plan`."

_USUAL_PARTS = (1, 2, 4, 8)


def plan(
    data: Annotated[str | None, typer.Argument(metavar="DATA|CONFIG.toml", help="As of `annex-actors train`.")] = None,
    workers: Annotated[str | None, typer.Option(metavar="N", help=_WORKERS)] = None,
    memory: Annotated[str | None, typer.Option(metavar="BYTES", help=_MEMORY)] = None,
    speeds: Annotated[str | None, typer.Option(metavar="N,...", help=_SPEEDS)] = None,
    link: Annotated[str | None, typer.Option(metavar="TIME,BYTES/s", help=_LINK)] = None,
    cluster: Annotated[Path | None, typer.Option(metavar="FILE.toml|FILE.json", help=_CLUSTER)] = None,
    objective: Annotated[str, typer.Option(metavar="throughput|time|memory", help=_OBJECTIVE)] = "throughput",
    replicas: Annotated[int, typer.Option(help=_REPLICAS)] = 1,
    layers: shared.Layers = None,
    cost: shared.CostName = None,
    optimizer: shared.OptimizerName = None,
    dtype: shared.Dtype = None,
    batch_size: shared.BatchSize = None,
    microbatches: Annotated[str | None, typer.Option(metavar="N,...", help=_PARTS)] = None,
    schedule: Annotated[str | None, typer.Option(help=_SCHEDULE)] = None,
    runtime: Annotated[str, typer.Option(help="Whose hops there are between workers.")] = "schedulers",
    seconds: Annotated[float, typer.Option(help=_SECONDS)] = 5.0,
    out: Annotated[Path | None, typer.Option(metavar="FILE.toml", help=_OUT)] = None,
    data_dir: shared.DataDir = None,
    label: shared.Label = None,
    task: shared.Task = None,
    set_: shared.Set = None,
    load: shared.Load = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: shared.Debug = False,
) -> None:
    """Plan which layers share an actor, with which schedule; say what bounds it, and why the second best plan lost."""
    from annex_actors.base.columns import width_of
    from annex_actors.placement.planner import Chain, LayerCosts, Link, Problem
    from annex_actors.placement.planner import plan as best
    from annex_actors.placement.planner.texts import lines
    from annex_actors.profiling.machine import cores
    from annex_actors.runs.config import resolve
    from annex_actors.training.profiles import profile

    nodes = _cluster(cluster, {"workers": workers, "speeds": speeds, "memory": memory, "link": link})
    between = _link(link)
    settings = shared.settings_from(
        data,
        set_,
        layers=layers,
        cost=cost,
        optimizer=optimizer,
        dtype=dtype,
        batch_size=batch_size,
        data_dir=data_dir,
        label=label,
        task=task,
        load=shared.files(load),
    )
    config, learner, dataset = resolve(settings)
    size = min(config.training.batch_size, len(dataset.train))
    parts = _parts(microbatches, size)
    choices: dict[str, Any] = {
        "workers": _workers(workers, speeds, memory, cores()) if nodes is None else nodes.workers,
        "objective": objective,
        "most_replicas": replicas,
        "cores": None if speeds is not None or between is not None or nodes is not None else cores(),
        **({} if schedule is None else {"schedules": [schedule]}),
        **({} if between is None else {"link": between}),
    }
    Problem({1: Chain((LayerCosts(),))}, **choices)  # what is wrong is refused before anything is measured
    measured = profile(learner.spec, dataset, batch_size=size, microbatches=parts, runtimes=[runtime], seconds=seconds)
    if nodes is not None:
        hop = measured.hop(runtime)
        choices["links"] = nodes.links_of_workers(Link(hop.latency, hop.per_byte))
    problem = Problem.of(measured, batch_size=size, microbatches=parts, runtime=runtime, **choices)
    found = best(problem)
    names = [each.name for each in measured.layers]
    if out is not None:
        _write(out, found, names)
    if json:
        print_json(text.dumps(_summary(found)))
        return
    print_lines(lines(found, names, width_of(sys.stdout)))
    chosen = f"--schedule {found.best.schedule} --microbatches {found.best.microbatches}"
    if out is None:
        print_result(f"\ntrain with --stages {shlex.quote(_stages(found))} {chosen}")
    else:
        print_result(f"\nwrote {out}; train with --plan {out} {chosen}")


def _cluster(path: Path | None, others: dict[str, str | None]) -> Cluster | None:
    """Return the cluster in a file; refuse options that say something else of its nodes."""
    from annex_actors.placement.cluster import read_cluster

    if path is None:
        return None
    for name, value in others.items():
        if value is not None:
            raise ConfigError(f"expected --cluster without --{name}, which the file says, got both; leave one out")
    return read_cluster(path)


def _workers(count: str | None, speeds: str | None, memory: str | None, cores: int) -> list[Worker]:
    from annex_actors.base.byte_counts import byte_count
    from annex_actors.base.checks import whole_number
    from annex_actors.placement.planner import Worker

    most = None if memory is None else byte_count("memory", memory)
    each = None if speeds is None else [_speed(speed) for speed in speeds.split(",")]
    number = None if count is None else whole_number("workers", _whole(count), at_least=1, limit=10_000)
    if each is not None and number not in (None, len(each)):
        raise ConfigError(f"expected as many `speeds` as workers, {number}, got {len(each)}; leave --workers out")
    return [Worker(speed, most) for speed in each or [1.0] * (number or cores)]


def _speed(given: str) -> float:
    from annex_actors.base.checks import real_number

    try:
        speed = float(given)
    except ValueError:
        raise ConfigError(f"expected `speeds` to be numbers > 0, such as 1,1,0.5, got {reprlib.repr(given)}") from None
    return real_number("speeds", speed, above=0)


def _whole(given: str) -> int | str:
    """Return a whole number; what is none stays text, which is refused where the number is checked."""
    return int(given) if re.fullmatch(r"\s*[0-9]{1,9}\s*", given, re.ASCII) else given


def _link(given: str | None) -> Link | None:
    from annex_actors.cli.links import parse_link
    from annex_actors.placement.planner import Link

    return None if given is None else Link(*parse_link(given))


def _parts(given: str | None, size: int) -> list[Any]:
    if given is None:
        return [each for each in _USUAL_PARTS if each <= size]
    return [_whole(each) for each in given.split(",")]


def _write(path: Path, found: Planned, names: list[str]) -> None:
    from annex_actors.base.files import writing
    from annex_actors.placement.plan_files import plan_text
    from annex_actors.training.atomic_files import write_whole

    with writing(path, "--out to be a file"):
        write_whole(path, plan_text(path, found.plan, names[:-1]).encode())


def _summary(found: Planned) -> dict[str, Any]:
    """Return the result as JSON holds it: layers as lists of indices."""
    return {
        "objective": found.objective.value,
        "stages": _stages(found),
        "best": _evaluated(found.best),
        "second": None if found.second is None else _evaluated(found.second),
        "loss": None if found.loss is None else asdict(found.loss),
        "merges": [{"layers": list(each.layers), "share": each.share} for each in found.merges],
    }


def _stages(found: Planned) -> str:
    """Return the plan as `--stages` takes it: a number alone is one of actors."""
    plan = str(found.plan)
    return "1" if plan.isdecimal() else plan


def _evaluated(plan: Any) -> dict[str, Any]:
    stages = [{**asdict(each), "layers": list(each.layers)} for each in plan.stages]
    return {**asdict(plan), "stages": stages, "bottleneck": plan.bottleneck, "memory": plan.memory}
