"""``annex-actors resume``: resume a run that was cut off, or train a finished one further."""

from __future__ import annotations

from typing import Annotated

import typer

from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.detach import Detach, departures, detached
from annex_actors.cli.output import print_json, print_note, print_result
from annex_actors.cli.page import Observe, ObserveControl, Report, pages_of
from annex_actors.cli.training import print_outcome, progress_of, scope_of


def resume(
    context: typer.Context,
    run_dir: shared.RunDir,
    epochs: Annotated[
        int | None, typer.Option(help="Train to this many epochs in all, also a run that has finished.")
    ] = None,
    runtime: Annotated[
        str | None, typer.Option(help="Resume on this runtime instead; the weights are the same.")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Resume on this Ray cluster instead.")
    ] = None,
    load: shared.LoadInstead = None,
    progress_every: shared.ProgressEvery = None,
    quiet: shared.Quiet = False,
    json: shared.Json = False,
    trace: shared.Trace = None,
    observe: Observe = False,
    observe_control: ObserveControl = False,
    report: Report = False,
    detach: Detach = False,
    debug: shared.Debug = False,
) -> int:
    """Resume a run that was killed, interrupted or has failed, or train it further; the result is the same to the bit.

    With --epochs it comes to the bits of a run that was to have so many epochs from the beginning.
    """
    if detach:
        return detached(context.obj, as_json=json)
    from annex_actors.control.server import control
    from annex_actors.runs.resumption import Resumption
    from annex_actors.runs.saved_run import SavedRun

    scope = scope_of(trace, observed=observe or observe_control)
    saved = SavedRun.open(run_dir)
    note = (lambda line: None) if quiet else print_note
    config = saved.config_for(load or [], note)
    config = config if runtime is None else config.on_runtime(runtime)
    config = config if ray_address is None else config.on_cluster(ray_address)
    config = config if epochs is None else config.with_epochs(epochs)
    learner, dataset = config.learner(), config.load()
    resumption, before = Resumption.prepare(saved, config, learner, dataset), saved.report
    if before is not None and resumption.is_done:
        done = f"{run_dir} has finished after {counted(before.steps, 'step')}"
        if json:
            print_json(before.model_dump_json())
        else:
            print_result(f"{done}; nothing is left to do, --epochs trains it further")
        return 0
    with (
        pages_of(config.runtime.name, observe=observe, control=observe_control, report=report) as pages,
        progress_of(config, dataset, quiet=quiet, every=progress_every) as observers,
    ):
        run = resumption.carry_out(
            observers=observers,
            trace=scope,
            attendants=[control(config.runtime.name), *pages.attendants, *departures()],
            note=note,
        )
        pages.end(run)
    return print_outcome(run, json=json, quiet=quiet, debug=debug)
