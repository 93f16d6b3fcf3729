"""``annex-actors summary``: show what a network is made of, before it is trained."""

from __future__ import annotations

import json as text
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_lines


def summary(
    data: Annotated[str | None, typer.Argument(metavar="DATA|CONFIG.toml", help="As of `annex-actors train`.")] = None,
    layers: shared.Layers = None,
    dtype: shared.Dtype = None,
    batch_size: shared.BatchSize = None,
    microbatches: shared.Microbatches = None,
    schedule: shared.Schedule = None,
    runtime: shared.RuntimeName = None,
    stages: shared.Stages = None,
    plan: shared.PlanFile = None,
    data_dir: shared.DataDir = None,
    label: shared.Label = None,
    task: shared.Task = None,
    set_: shared.Set = None,
    load: shared.Load = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: shared.Debug = False,
) -> None:
    """Show a network: for each layer its output shape, parameters, work, bytes a message, actor and place."""
    from annex_actors.base.columns import width_of
    from annex_actors.runs.config import resolve

    settings = shared.settings_from(
        data,
        set_,
        layers=layers,
        dtype=dtype,
        batch_size=batch_size,
        microbatches=microbatches,
        schedule=schedule,
        runtime=runtime,
        stages=shared.number_or_text(stages),
        data_dir=data_dir,
        label=label,
        task=task,
        load=shared.files(load),
    )
    config, learner, dataset = resolve(settings, plan=shared.plan_of(plan, stages))
    found = learner.summary(dataset.input_shape, batch_size=config.training.batch_size)
    if json:
        print_json(text.dumps(asdict(found)))
        return
    print_lines(found.lines(width_of(sys.stdout)))
