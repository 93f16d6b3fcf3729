"""``annex-actors profile``: measure what each layer of a network costs on this machine, and what a message does."""

from __future__ import annotations

import json as text
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annex_actors.base import columns
from annex_actors.base.errors import ConfigError
from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_lines, print_note, print_result, print_table

if TYPE_CHECKING:
    from annex_actors.placement.cluster import Cluster
    from annex_actors.placement.profile import LayerProfile, Profile, Timing

_PARTS = "Into how many microbatches to cut a step, such as 1,2,4; the table is for the first."
_RUNTIMES = "Whose hops to measure."
_SECONDS = "About how long to measure; it ends sooner where times are known within a percent."
_OUT = "The file to write the profile to, as JSON."
_ADDRESS = "Of a Ray cluster, whose nodes and links are measured, too."
_CLUSTER = "The file to write the nodes and links to, for `annex-actors plan --cluster`, in JSON."
_NO_COPY = 50
"""Gigabytes a second; no message that is copied is as fast."""
KNOWN = "What `annex-actors profile --out` wrote; by default it is found or measured."
"""The help of ``--profile``, of other commands."""

_ROUGH = 0.5
"""A spread at which a note says that the machine was not quiet."""


def profile(
    data: Annotated[str | None, typer.Argument(metavar="DATA|CONFIG.toml", help="As of `annex-actors train`.")] = None,
    layers: shared.Layers = None,
    cost: shared.CostName = None,
    optimizer: shared.OptimizerName = None,
    dtype: shared.Dtype = None,
    batch_size: shared.BatchSize = None,
    microbatches: Annotated[str | None, typer.Option(metavar="N,...", help=_PARTS)] = None,
    schedule: shared.Schedule = None,
    runtimes: Annotated[str, typer.Option(metavar="NAME,...", help=_RUNTIMES)] = "schedulers,threads,processes",
    seconds: Annotated[float, typer.Option(help=_SECONDS)] = 5.0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again what is known of this machine.")] = False,
    out: Annotated[Path | None, typer.Option(help=_OUT)] = None,
    ray_address: Annotated[str | None, typer.Option(metavar="HOST:PORT", envvar="RAY_ADDRESS", help=_ADDRESS)] = None,
    cluster: Annotated[Path | None, typer.Option(metavar="FILE.json", help=_CLUSTER)] = None,
    data_dir: shared.DataDir = None,
    label: shared.Label = None,
    task: shared.Task = None,
    set_: shared.Set = None,
    load: shared.Load = None,
    json: Annotated[bool, typer.Option("--json", help="Print the profile as JSON.")] = False,
    debug: shared.Debug = False,
) -> None:
    """Measure a network: what each layer costs on this machine, in time and in bytes, and what a message does."""
    from annex_actors.runs.config import resolve
    from annex_actors.training.cluster_profiles import check_installed, profile_cluster
    from annex_actors.training.profiles import profile as measured

    settings = shared.settings_from(
        data,
        set_,
        layers=layers,
        cost=cost,
        optimizer=optimizer,
        dtype=dtype,
        batch_size=batch_size,
        schedule=schedule,
        data_dir=data_dir,
        label=label,
        task=task,
        load=shared.files(load),
    )
    if cluster is not None and ray_address is None:
        raise ConfigError(f"expected --ray-address with --cluster {cluster}, got none; add it, or set RAY_ADDRESS")
    if ray_address is not None:
        check_installed()  # refused before this machine is measured
    config, learner, dataset = resolve(settings)
    found = measured(
        learner.spec,
        dataset,
        batch_size=config.training.batch_size,
        microbatches=_numbers(microbatches),
        runtimes=shared.names(runtimes) or [],
        seconds=seconds,
        fresh=fresh,
    )
    nodes = None
    if ray_address is not None:
        nodes = profile_cluster(
            learner.spec,
            dataset,
            ray_address=ray_address,
            batch_size=config.training.batch_size,
            seconds=seconds,
        )
    written = {path: each.to_json() for path, each in ((out, found), (cluster, nodes)) if path and each}
    for path, content in written.items():
        _write(path, content)
    if json:
        more = {} if nodes is None else {"cluster": text.loads(nodes.to_json())}
        print_json(text.dumps(text.loads(found.to_json()) | more))
        return
    _show(found)
    if nodes is not None:
        print_result("")
        print_lines(cluster_lines(nodes))
    for path in written:
        print_result(f"wrote {path}")


def cluster_lines(cluster: Cluster, width: int | None = None) -> list[str]:
    """Return the nodes and the links of a cluster as two tables."""
    width = columns.width_of(sys.stdout) if width is None else width
    rows = [
        [each.name, f"{each.speed:.2f}", str(each.workers), "" if each.memory is None else _size(each.memory)]
        for each in cluster.nodes
    ]
    ends = [
        [
            " – ".join(each.between),
            f"{each.latency * 1e6:.0f}",
            "" if each.bandwidth is None else f"{_size(each.bandwidth)}/s",
        ]
        for each in cluster.links
    ]
    return [
        *columns.table(["node", "speed", "workers", "memory"], rows, width),
        "",
        *columns.table(["link", "latency µs", "bandwidth"], ends, width),
    ]


def read_profile(path: Path | None) -> Profile | None:
    """Return the profile in a file; None if none is named.

    Raises:
        DataError: there is none.
    """
    from annex_actors.base.files import SMALL, read_file, reading
    from annex_actors.placement.profile import Profile

    if path is None:
        return None
    with reading(path):
        return Profile.from_json(read_file(path, limit=SMALL))


def _numbers(given: str | None) -> list[Any] | None:
    """Return numbers with commas between them; what is no number stays text, which the profile refuses."""
    return None if given is None else [_number(each) for each in given.split(",")]


def _number(given: str) -> int | str:
    return int(given) if re.fullmatch(r"\s*[0-9]{1,9}\s*", given) else given


def _write(path: Path, content: str) -> None:
    from annex_actors.base.files import user_path, writing
    from annex_actors.training.atomic_files import write_whole

    with writing(path):
        write_whole(user_path(path), content + "\n")


def _show(found: Profile) -> None:
    headers = ["layer", "F ms", "B ms", "W ms", "update", "spread", "output", "saved", "weights"]
    print_table(headers, [_row(each) for each in found.layers])
    print_result("")
    rows = [
        [name, f"{hop.latency * 1e6:.1f}", f"{found.overhead(name) * 1e6:.1f}", _rate(hop.per_byte)]
        for name, hop in found.hops.items()
    ]
    print_table(["runtime", "hop µs", "piece µs", "bandwidth"], rows)
    machine = [found.machine[name] for name in ("processor", "cores", "blas") if name in found.machine]
    print_result(
        f"\nof microbatches of {counted(found.rows, 'sample')}, the update of a step; the trainer takes "
        f"{_ms(found.trainer)} ms\non {', '.join(machine)}"
    )
    largest = max(found.layers, key=_work)
    if largest.forward.spread > _ROUGH:
        print_note(
            f"the times of {largest.name} differ by {largest.forward.spread:.0%}: other work disturbs them; measure "
            "again with --fresh when the machine is quiet"
        )


def _row(layer: LayerProfile) -> list[object]:
    times = layer.forward, layer.backward, layer.weight_gradient, layer.update
    sizes = layer.output_bytes, layer.saved_bytes + layer.factor_bytes, layer.parameter_bytes
    longest = max(times, key=lambda each: each.median)
    return [layer.name, *map(_ms, times), f"{longest.spread:.0%}", *map(_size, sizes)]


def _work(layer: LayerProfile) -> float:
    return layer.forward.median + layer.backward.median + layer.weight_gradient.median


def _ms(timing: Timing) -> str:
    return f"{timing.median * 1e3:.3f}"


def _size(number: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number} B"


def _rate(per_byte: float) -> str:
    return f"{1e-9 / per_byte:.1f} GB/s" if per_byte > 1e-9 / _NO_COPY else "no copy"
