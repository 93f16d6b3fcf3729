"""``annex-actors train``: a run, from its settings to its folder."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annex_actors.base.errors import UserError
from annex_actors.cli.output import report, say

if TYPE_CHECKING:
    from annex_actors.runs.recorded_run import RecordedRun
    from annex_actors.runs.records import RunReport
    from annex_actors.runs.toml_settings import Settings

_DATA = "A data set of `annex-actors datasets`, a path to your own .npz or .csv, or to a config file .toml."
_LAYERS = 'The network, layers apart by spaces, arguments by colons: "dense:128 relu dropout:0.1 dense:10".'
_STAGES = "layer: an actor for each layer and the cost; or a number of actors that share them by their work."
_CRASH = "Make a layer raise, once: layer=1,step=7,microbatch=2,at=backward. Repeatable."
_LOAD = "A Python file of yours to run first; it may register schedules. Repeatable."
_SET = "Any setting of the config: optimizer.learning_rate=0.01. Repeatable; stronger than all other options."


def train(
    data: Annotated[str | None, typer.Argument(metavar="DATA|CONFIG.toml", help=_DATA)] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training samples.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples in a step.")] = None,
    microbatches: Annotated[int | None, typer.Option(help="Parts that a batch is cut into.")] = None,
    schedule: Annotated[str | None, typer.Option(help="The order of work; see `annex-actors schedules`.")] = None,
    runtime: Annotated[
        str | None, typer.Option(help="schedulers, threads, processes or inline; the weights are the same.")
    ] = None,
    stages: Annotated[str | None, typer.Option(metavar="layer|N", help=_STAGES)] = None,
    kernels: Annotated[
        str | None, typer.Option(help="numpy or torch: who computes the matrix products, and so the last digits.")
    ] = None,
    affinity: Annotated[
        bool | None, typer.Option("--affinity", help="With --runtime processes: a core for each process.")
    ] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam or sgd.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The optimizer's step size.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
    layers: Annotated[str | None, typer.Option(help=_LAYERS)] = None,
    cost: Annotated[
        str | None, typer.Option(help="mean_squared_error, softmax_cross_entropy or sigmoid_cross_entropy.")
    ] = None,
    run_dir: Annotated[Path | None, typer.Option(help="The folder to keep the run in; a new one.")] = None,
    data_dir: Annotated[str | None, typer.Option(help="A folder that may hold the files of fashion-mnist.")] = None,
    label: Annotated[str | None, typer.Option(help="The target's column in a .csv: name or index.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Whom a layer's end concerns: one_for_one, one_for_all or rest_for_one.")
    ] = None,
    max_restarts: Annotated[int | None, typer.Option(help="Restarts allowed within --max-seconds.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Length of that window.")] = None,
    max_attempts: Annotated[int | None, typer.Option(help="Failures at the same message that end the run.")] = None,
    hang_seconds: Annotated[
        float | None, typer.Option(help="A layer that is at one message for longer, and 20 times its longest, hangs.")
    ] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Steps from one checkpoint on the disk to the next; 0 for none.")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(metavar="N|all", help="How many of the newest checkpoints to keep.")
    ] = None,
    crash: Annotated[list[str] | None, typer.Option(help=_CRASH)] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=_SET)] = None,
    load: Annotated[list[Path] | None, typer.Option(help=_LOAD)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors (and --json).")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show whole tracebacks.")] = False,
) -> int:
    """Train a network, every layer an actor, and keep the run in a folder. Without arguments: handwritten digits."""
    from annex_actors.data import Batches
    from annex_actors.observe import progress
    from annex_actors.runs.config import resolve
    from annex_actors.runs.recorded_run import train_recorded
    from annex_actors.runtimes import parse_crash

    options = {
        "training.epochs": epochs,
        "training.batch_size": batch_size,
        "training.microbatches": microbatches,
        "training.schedule": schedule,
        "training.load": [str(path) for path in load] if load else None,
        "training.runtime": runtime,
        "training.stages": int(stages) if stages and stages.isdecimal() else stages,
        "training.kernels": kernels,
        "training.affinity": affinity,
        "training.seed": seed,
        "optimizer.name": optimizer,
        "optimizer.learning_rate": learning_rate,
        "network.layers": layers,
        "cost": cost,
        "data.data_dir": data_dir,
        "data.label": label,
        "supervision.strategy": strategy,
        "supervision.max_restarts": max_restarts,
        "supervision.max_seconds": max_seconds,
        "supervision.max_attempts": max_attempts,
        "supervision.hang_seconds": hang_seconds,
        "checkpoints.every": checkpoint_every,
        "checkpoints.keep": int(keep) if keep and keep.isdecimal() else keep,
    }
    settings = settings_of(data, options, set_ or [])
    crashes = [parse_crash(text) for text in crash or []]
    config, learner, dataset = resolve(settings)
    training = config.training
    steps = training.epochs * Batches(len(dataset.train), training.batch_size, training.seed).steps_per_epoch
    with ExitStack() as shown:
        observers = [] if quiet else [shown.enter_context(progress(sys.stderr, epochs=training.epochs, steps=steps))]
        run = train_recorded(config, learner, dataset, run_dir=run_dir, crashes=crashes, observers=observers)
    return end(run, json=json, quiet=quiet, debug=debug)


def end(run: RecordedRun, *, json: bool, quiet: bool, debug: bool) -> int:
    """Say what a run came to; return the exit code."""
    if json:
        say(run.report.model_dump_json())
    elif run.error is None and not quiet:
        say(_summary(run.report))
    return _exit_code(run, debug=debug)


def settings_of(data: str | None, options: dict[str, Any], sets: list[str]) -> Settings:
    """Return what was asked for, the weakest first: a config file, options, ``--set``."""
    from annex_actors.runs.toml_settings import merged, placed, read_settings, setting

    is_file = data is not None and data.endswith(".toml")
    base = read_settings(Path(str(data))) if is_file else placed(["data", "name"], data) if data else {}
    given = [placed(path.split("."), value) for path, value in options.items() if value is not None]
    return merged(base, *given, *map(setting, sets))


def _summary(result: RunReport) -> str:
    from annex_actors.observe.lines import metric_parts

    costs = {"test cost": result.test_cost, "train cost": result.train_cost}
    metrics = {f"test {name}": value for name, value in result.test_metrics.items()}
    lines = [
        ", ".join(metric_parts({**metrics, **costs})),
        f"{result.steps:,} steps of {result.stages} actors in {result.seconds:.1f} s, "
        f"{result.samples_per_second:,.0f} samples/s, restarts {result.restarts}",
        f"weights {result.weights_sha256}",
        f"saved in {result.run_dir}",
    ]
    return "\n".join(lines)


def _exit_code(run: RecordedRun, *, debug: bool) -> int:
    error, where = run.error, f"{run.report.steps} committed steps are saved in {run.directory.path}"
    if error is None:
        return 0
    if isinstance(error, KeyboardInterrupt):
        again = f"annex-actors resume {run.directory.path}"
        raise KeyboardInterrupt(f"interrupted; {where}; `{again}` goes on from there")
    from annex_actors.cli.failures import failure_text

    report(failure_text(error, where, debug=debug))
    return 2 if isinstance(error, UserError) else 1
