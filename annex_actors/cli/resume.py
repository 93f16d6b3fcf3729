"""``annex-actors resume``: resume a run that was cut off."""

from __future__ import annotations

from typing import Annotated

import typer

from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_note, print_result
from annex_actors.cli.training import print_outcome, progress_of


def resume(
    run_dir: shared.RunDir,
    runtime: Annotated[
        str | None, typer.Option(help="Resume on this runtime instead; the weights are the same.")
    ] = None,
    quiet: shared.Quiet = False,
    json: shared.Json = False,
    debug: shared.Debug = False,
) -> int:
    """Resume a run that was killed, was interrupted or has failed; the result is the same to the bit."""
    from annex_actors.runs.recorded_run import resume_recorded
    from annex_actors.runs.saved_run import SavedRun

    saved = SavedRun.open(run_dir)
    before = saved.report
    if before is not None and before.status == "finished":
        if json:
            print_json(before.model_dump_json())
        else:
            print_result(f"{run_dir} has finished after {counted(before.steps, 'step')}; nothing is left to do")
        return 0
    config = saved.config if runtime is None else saved.config.on_runtime(runtime)
    learner, dataset = config.learner(), config.load()
    with progress_of(config, dataset, quiet=quiet) as observers:
        note = (lambda line: None) if quiet else print_note
        run = resume_recorded(saved, config, learner, dataset, observers=observers, note=note)
    return print_outcome(run, json=json, quiet=quiet, debug=debug)
