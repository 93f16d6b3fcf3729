"""``annex-actors resume``: go on with a run that was cut off."""

from __future__ import annotations

from typing import Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import report, say
from annex_actors.cli.training import end, progress_of


def resume(
    run_dir: shared.RunDir,
    runtime: Annotated[
        str | None, typer.Option(help="Let the layers live elsewhere now; the weights are the same.")
    ] = None,
    quiet: shared.Quiet = False,
    json: shared.Json = False,
    debug: shared.Debug = False,
) -> int:
    """Go on with a run that was killed, interrupted or has failed, to the bits that it would have come to."""
    from annex_actors.runs.recorded_run import resume_recorded
    from annex_actors.runs.saved_run import SavedRun

    saved = SavedRun.open(run_dir)
    before = saved.report
    if before is not None and before.status == "finished":
        done = f"{run_dir} has finished after {before.steps} steps; nothing is left to do"
        say(before.model_dump_json() if json else done)
        return 0
    config = saved.config if runtime is None else saved.config.elsewhere(runtime)
    learner, dataset = config.learner(), config.load()
    with progress_of(config, dataset, quiet=quiet) as observers:
        note = (lambda line: None) if quiet else report
        run = resume_recorded(saved, config, learner, dataset, observers=observers, note=note)
    return end(run, json=json, quiet=quiet, debug=debug)
