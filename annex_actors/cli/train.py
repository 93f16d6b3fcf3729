"""``annex-actors train``: train a network, and keep the run in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.detach import Detach, departures, detached
from annex_actors.cli.page import Observe, ObserveControl, Report, pages_of
from annex_actors.cli.training import print_outcome, print_trials, progress_of, scope_of

_DATA = "A name in `annex-actors datasets`, your own table, .npz, .jsonl, folder of pictures, or .toml config file."
_LOG = "Write each epoch to this CSV file too, or to this folder as events of TensorBoard. Repeatable."
_FINGERPRINTS = "Record a fingerprint of each piece of work, which `annex-actors replay` compares with."
_CRASH = "Make a layer raise once: layer=1,step=7,microbatch=2,at=backward. Repeatable."


def train(
    context: typer.Context,
    data: Annotated[str | None, typer.Argument(metavar="DATA|CONFIG.toml", help=_DATA)] = None,
    epochs: shared.Epochs = None,
    batch_size: shared.BatchSize = None,
    halt: Annotated[list[str] | None, typer.Option(metavar="CONDITION")] = None,
    validation: Annotated[float | None, typer.Option(metavar="FRACTION")] = None,
    metrics: Annotated[str | None, typer.Option(metavar="NAME,...")] = None,
    evaluate_every: Annotated[int | None, typer.Option()] = None,
    microbatches: shared.Microbatches = None,
    schedule: shared.Schedule = None,
    runtime: shared.RuntimeName = None,
    stages: shared.Stages = None,
    plan: shared.PlanFile = None,
    kernels: Annotated[str | None, typer.Option()] = None,
    affinity: shared.Affinity = None,
    ray_address: shared.RayAddress = None,
    commit_copies: shared.CommitCopies = None,
    optimizer: shared.OptimizerName = None,
    learning_rate: Annotated[str | None, typer.Option(metavar="NUMBER|RULE")] = None,
    clipping: Annotated[str | None, typer.Option(metavar="KIND:LIMIT")] = None,
    ema_momentum: Annotated[float | None, typer.Option()] = None,
    reduce_on_plateau: Annotated[str | None, typer.Option(metavar="SETTINGS")] = None,
    seed: shared.Seed = None,
    layers: shared.Layers = None,
    dtype: shared.Dtype = None,
    cost: shared.CostName = None,
    class_weight: Annotated[str | None, typer.Option(metavar="balanced|CLASS=WEIGHT,...")] = None,
    from_: Annotated[Path | None, typer.Option("--from", metavar="RUN|FILE")] = None,
    run_dir: Annotated[Path | None, typer.Option(help="The new folder to keep the run in.")] = None,
    data_dir: shared.DataDir = None,
    label: shared.Label = None,
    task: shared.Task = None,
    drop: shared.Drop = None,
    group: shared.Group = None,
    time: shared.Time = None,
    split: shared.Split = None,
    header: shared.Header = None,
    strategy: Annotated[str | None, typer.Option()] = None,
    max_restarts: Annotated[int | None, typer.Option()] = None,
    max_seconds: Annotated[float | None, typer.Option()] = None,
    max_attempts: Annotated[int | None, typer.Option()] = None,
    hang_seconds: shared.HangSeconds = None,
    checkpoint_every: Annotated[int | None, typer.Option()] = None,
    keep: Annotated[str | None, typer.Option(metavar="N|all")] = None,
    crash: Annotated[list[str] | None, typer.Option(help=_CRASH)] = None,
    fingerprints: Annotated[bool, typer.Option("--fingerprints", help=_FINGERPRINTS)] = False,
    set_: shared.Set = None,
    load: shared.Load = None,
    progress_every: shared.ProgressEvery = None,
    quiet: shared.Quiet = False,
    json: shared.Json = False,
    log: Annotated[list[Path] | None, typer.Option(metavar="FILE.csv|FOLDER", help=_LOG)] = None,
    trace: shared.Trace = None,
    observe: Observe = False,
    observe_control: ObserveControl = False,
    report: Report = False,
    detach: Detach = False,
    debug: shared.Debug = False,
) -> int:
    """Train a network whose layers are actors, and keep the run in a folder; by default on handwritten digits."""
    if detach:
        return detached(context.obj, as_json=json)
    from annex_actors.control.server import control
    from annex_actors.observe import log_at
    from annex_actors.runs.config import resolve
    from annex_actors.runs.recorded_run import train_recorded
    from annex_actors.runtimes import parse_crash

    settings = shared.settings_from(
        data,
        set_,
        epochs=epochs,
        batch_size=batch_size,
        halt=halt or None,
        validation=validation,
        metrics=shared.names(metrics),
        evaluate_every=evaluate_every,
        microbatches=microbatches,
        schedule=schedule,
        load=shared.files(load),
        runtime=runtime,
        stages=shared.number_or_text(stages),
        kernels=kernels,
        affinity=affinity,
        ray_address=ray_address,
        commit_copies=commit_copies,
        seed=seed,
        optimizer=optimizer,
        learning_rate=learning_rate,
        clipping=clipping,
        ema_momentum=ema_momentum,
        reduce_on_plateau=reduce_on_plateau,
        layers=layers,
        dtype=dtype,
        cost=cost,
        class_weight=class_weight,
        from_=None if from_ is None else str(from_),
        data_dir=data_dir,
        label=label,
        task=task,
        drop=shared.names(drop),
        group=group,
        time=time,
        split=split,
        header=header,
        strategy=strategy,
        max_restarts=max_restarts,
        max_seconds=max_seconds,
        max_attempts=max_attempts,
        hang_seconds=hang_seconds,
        checkpoint_every=checkpoint_every,
        keep=shared.number_or_text(keep),
    )
    crashes = [parse_crash(text) for text in crash or []]
    scope = scope_of(trace, observed=observe or observe_control)
    config, learner, dataset = resolve(settings, plan=shared.plan_of(plan, stages))
    logs = [log_at(path) for path in log or []]
    with (
        pages_of(config.runtime.name, observe=observe, control=observe_control, report=report) as pages,
        progress_of(config, dataset, quiet=quiet, every=progress_every) as observers,
    ):
        run = train_recorded(
            config,
            learner,
            dataset,
            run_dir=run_dir,
            crashes=crashes,
            observers=[*observers, *logs],
            attendants=[control(config.runtime.name), *pages.attendants, *departures()],
            fingerprints=fingerprints,
            trace=scope,
            on_trials=None if quiet else print_trials,
        )
        pages.end(run)
    return print_outcome(run, json=json, quiet=quiet, debug=debug)
