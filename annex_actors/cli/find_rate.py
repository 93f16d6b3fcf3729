"""``annex-actors find-rate``: find a learning rate by a short training in which it rises."""

from __future__ import annotations

import json as text
from typing import Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_result, print_table

_LOWEST, _HIGHEST = "The learning rate of the first step.", "The learning rate of the last step."
_SHOWN = 20


def find_rate(
    data: Annotated[str | None, typer.Argument(metavar="DATA|CONFIG.toml", help="As of `annex-actors train`.")] = None,
    lowest: Annotated[float, typer.Option(help=_LOWEST)] = 1e-6,
    highest: Annotated[float, typer.Option(help=_HIGHEST)] = 10.0,
    steps: Annotated[int, typer.Option(help="How many steps it takes to rise.")] = 100,
    layers: shared.Layers = None,
    cost: shared.CostName = None,
    optimizer: shared.OptimizerName = None,
    dtype: shared.Dtype = None,
    batch_size: shared.BatchSize = None,
    microbatches: shared.Microbatches = None,
    schedule: shared.Schedule = None,
    runtime: shared.RuntimeName = None,
    stages: shared.Stages = None,
    plan: shared.PlanFile = None,
    seed: shared.Seed = None,
    data_dir: shared.DataDir = None,
    label: shared.Label = None,
    task: shared.Task = None,
    set_: shared.Set = None,
    load: shared.Load = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: shared.Debug = False,
) -> None:
    """Find a learning rate: train for some steps with one that rises, and show where the cost falls fastest."""
    from annex_actors.base.figures import number
    from annex_actors.runs.config import resolve

    settings = shared.settings_from(
        data,
        set_,
        layers=layers,
        cost=cost,
        optimizer=optimizer,
        dtype=dtype,
        batch_size=batch_size,
        microbatches=microbatches,
        schedule=schedule,
        runtime=runtime,
        stages=shared.number_or_text(stages),
        seed=seed,
        data_dir=data_dir,
        label=label,
        task=task,
        load=shared.files(load),
    )
    config, learner, dataset = resolve(settings, plan=shared.plan_of(plan, stages))
    found = learner.find_learning_rate(
        dataset, lowest=lowest, highest=highest, steps=steps, batch_size=config.training.batch_size
    )
    if json:
        print_json(text.dumps({**found.columns, "suggestion": found.suggestion, "exploded": found.exploded}))
        return
    rows = list(zip(*found.columns.values(), strict=True))
    shown = rows[:: max(1, len(rows) // _SHOWN)]
    print_table(["step", "learning rate", "cost", "smoothed"], [[step, *map(number, each)] for step, *each in shown])
    end = "the cost exploded" if found.exploded else "the cost did not explode"
    suggestion = "none: it falls nowhere" if found.suggestion is None else f"{found.suggestion:.3g}"
    print_result(f"{end}; suggested learning rate {suggestion}")
