"""``annex-actors train``: train a network, and keep the run in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.training import print_outcome, progress_of

_DATA = "A name in `annex-actors datasets`, or the path of your own .npz or .csv file or of a .toml config file."
_STAGES = "layer: an actor for each layer and the cost; or a number of actors, among which their work is divided."
_CRASH = "Make a layer raise once: layer=1,step=7,microbatch=2,at=backward. Repeatable."
_RATE = "The optimizer's step size; or a rule: inverse_time:0.003:0.01, cosine:0.003:1000, stepwise, warmup."
_COST = "mean_squared_error, softmax_cross_entropy or sigmoid_cross_entropy."
_FROM = "The folder of a run to begin with the weights of, instead of drawn ones; by default also with its layers."
_STRATEGY = "Which layers restart with a failed one: one_for_one, one_for_all or rest_for_one."


def train(
    data: Annotated[str | None, typer.Argument(metavar="DATA|CONFIG.toml", help=_DATA)] = None,
    epochs: shared.Epochs = None,
    batch_size: shared.BatchSize = None,
    microbatches: shared.Microbatches = None,
    schedule: shared.Schedule = None,
    runtime: shared.RuntimeName = None,
    stages: Annotated[str | None, typer.Option(metavar="layer|N", help=_STAGES)] = None,
    kernels: Annotated[
        str | None, typer.Option(help="numpy or torch, which compute the matrix products; the last digits differ.")
    ] = None,
    affinity: shared.Affinity = None,
    optimizer: Annotated[str | None, typer.Option(help="adam or sgd.")] = None,
    learning_rate: Annotated[str | None, typer.Option(metavar="NUMBER|RULE", help=_RATE)] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all random numbers.")] = None,
    layers: shared.Layers = None,
    cost: Annotated[str | None, typer.Option(help=_COST)] = None,
    from_: Annotated[Path | None, typer.Option("--from", metavar="RUN", help=_FROM)] = None,
    run_dir: Annotated[Path | None, typer.Option(help="The new folder to keep the run in.")] = None,
    data_dir: shared.DataDir = None,
    label: Annotated[str | None, typer.Option(help="The target's column in a .csv: name or index.")] = None,
    strategy: Annotated[str | None, typer.Option(help=_STRATEGY)] = None,
    max_restarts: Annotated[int | None, typer.Option(help="Restarts allowed within --max-seconds.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Length of that window.")] = None,
    max_attempts: Annotated[int | None, typer.Option(help="How many failures at the same message end the run.")] = None,
    hang_seconds: shared.HangSeconds = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Steps between two checkpoints on the disk; 0 for none.")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(metavar="N|all", help="How many of the newest checkpoints to keep.")
    ] = None,
    crash: Annotated[list[str] | None, typer.Option(help=_CRASH)] = None,
    set_: shared.Set = None,
    load: shared.Load = None,
    quiet: shared.Quiet = False,
    json: shared.Json = False,
    debug: shared.Debug = False,
) -> int:
    """Train a network whose layers are actors, and keep the run in a folder; by default on handwritten digits."""
    from annex_actors.runs.config import resolve
    from annex_actors.runs.recorded_run import train_recorded
    from annex_actors.runtimes import parse_crash

    settings = shared.settings_from(
        data,
        set_,
        epochs=epochs,
        batch_size=batch_size,
        microbatches=microbatches,
        schedule=schedule,
        load=shared.files(load),
        runtime=runtime,
        stages=shared.number_or_text(stages),
        kernels=kernels,
        affinity=affinity,
        seed=seed,
        optimizer=optimizer,
        learning_rate=learning_rate,
        layers=layers,
        cost=cost,
        initial_weights=None if from_ is None else str(from_),
        data_dir=data_dir,
        label=label,
        strategy=strategy,
        max_restarts=max_restarts,
        max_seconds=max_seconds,
        max_attempts=max_attempts,
        hang_seconds=hang_seconds,
        checkpoint_every=checkpoint_every,
        keep=shared.number_or_text(keep),
    )
    crashes = [parse_crash(text) for text in crash or []]
    config, learner, dataset = resolve(settings)
    with progress_of(config, dataset, quiet=quiet) as observers:
        run = train_recorded(config, learner, dataset, run_dir=run_dir, crashes=crashes, observers=observers)
    return print_outcome(run, json=json, quiet=quiet, debug=debug)
