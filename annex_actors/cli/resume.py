"""``annex-actors resume``: go on with a run that was cut off."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from annex_actors.cli.output import report, say
from annex_actors.cli.train import end


def resume(
    run_dir: Annotated[Path, typer.Argument(help="The folder of a run.")],
    runtime: Annotated[
        str | None, typer.Option(help="Let the layers live elsewhere now; the weights are the same.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors (and --json).")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show whole tracebacks.")] = False,
) -> int:
    """Go on with a run that was killed, interrupted or has failed, to the bits that it would have come to."""
    from annex_actors.data import Batches
    from annex_actors.observe import progress
    from annex_actors.runs.recorded_run import resume_recorded
    from annex_actors.runs.run_directory import RunDirectory

    directory = RunDirectory.open(run_dir)
    before = directory.report()
    if before is not None and before.status == "finished":
        done = f"{run_dir} has finished after {before.steps} steps; nothing is left to do"
        say(before.model_dump_json() if json else done)
        return 0
    config = directory.config()
    if runtime is not None:
        elsewhere = config.training.model_copy(update={"runtime": runtime, "affinity": False})
        config = config.model_copy(update={"training": elsewhere})
    learner, dataset, training = config.learner(), config.load(), config.training
    steps = training.epochs * Batches(len(dataset.train), training.batch_size, training.seed).steps_per_epoch
    with ExitStack() as shown:
        observers = [] if quiet else [shown.enter_context(progress(sys.stderr, epochs=training.epochs, steps=steps))]
        note = (lambda line: None) if quiet else report
        run = resume_recorded(directory, config, learner, dataset, observers=observers, note=note)
    return end(run, json=json, quiet=quiet, debug=debug)
