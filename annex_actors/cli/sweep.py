"""``annex-actors sweep``: predict a network's step for many stages, microbatches and schedules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_result, print_table
from annex_actors.cli.profile import KNOWN, read_profile

if TYPE_CHECKING:
    from annex_actors.experiments.sweep import Swept

_AXES = "What varies: stages=1..6 microbatches=1,2,4 schedule=*."
_OUT = "The file to write all combinations to, as CSV."
_REPORT = "The file for a page with the heat maps and the best combinations, such as sweep.html."
_PICTURE = "The file for a heat map, .png, .svg or .pdf (extra `plots`)."


def sweep(
    axes: Annotated[list[str], typer.Argument(metavar="NAME=VALUES...", help=_AXES)],
    data: Annotated[str | None, typer.Option(metavar="DATA|CONFIG.toml", help="As of `annex-actors train`.")] = None,
    profile: Annotated[Path | None, typer.Option(metavar="FILE.json", help=KNOWN)] = None,
    out: Annotated[Path | None, typer.Option(help=_OUT)] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help=_REPORT)] = None,
    picture: Annotated[Path | None, typer.Option(help=_PICTURE)] = None,
    layers: shared.Layers = None,
    cost: shared.CostName = None,
    optimizer: shared.OptimizerName = None,
    dtype: shared.Dtype = None,
    batch_size: shared.BatchSize = None,
    runtime: shared.RuntimeName = None,
    data_dir: shared.DataDir = None,
    label: shared.Label = None,
    task: shared.Task = None,
    set_: shared.Set = None,
    load: shared.Load = None,
    debug: shared.Debug = False,
) -> None:
    """Predict a step for each combination of stages, microbatches and schedules, and show the best of them."""
    from annex_actors.base.files import writing
    from annex_actors.experiments import sweep as sweeps
    from annex_actors.page.sweep_page import sweep_page
    from annex_actors.runs.config import resolve
    from annex_actors.runs.curves import format_of
    from annex_actors.training.atomic_files import write_whole

    settings = shared.settings_from(
        data,
        set_,
        layers=layers,
        cost=cost,
        optimizer=optimizer,
        dtype=dtype,
        batch_size=batch_size,
        runtime=runtime,
        data_dir=data_dir,
        label=label,
        task=task,
        load=shared.files(load),
    )
    picture_format = None if picture is None else format_of(picture)
    if picture is not None:
        sweeps.drawing()  # refused before the sweep
    config, learner, dataset = resolve(settings)
    points = sweeps.sweep(
        learner.spec,
        dataset,
        sweeps.parse_axes(axes),
        batch_size=config.training.batch_size,
        known=read_profile(profile),
    )
    best = sweeps.front(points)
    print_table(["schedule", "stages", "microbatches", "ms a step", "bubble", "memory"], [_row(each) for each in best])
    print_result(f"\nof {counted(len(points), 'combination')}, those that no other beats in time and in memory")
    if out is not None:
        with writing(out):
            write_whole(out, sweeps.as_csv(points))
        print_result(f"wrote {out}")
    if report is not None:
        with writing(report):
            write_whole(report, sweep_page(points))
        print_result(f"wrote {report}")
    if picture is not None and picture_format is not None:
        content = sweeps.heat_map(points, picture_format)
        with writing(picture):
            write_whole(picture, content)
        print_result(f"wrote {picture}")


def _row(point: Swept) -> list[object]:
    bubble = f"{point.prediction.bubble:.0%}"
    memory = f"{point.memory / 1e6:.3g} MB"
    return [point.schedule, point.stages, point.microbatches, f"{1e3 * point.seconds:.3g}", bubble, memory]
