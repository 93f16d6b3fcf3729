"""``annex-actors chaos``: inject faults into a training while it runs, and check that the result is the same."""

from __future__ import annotations

import json as text
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.base.errors import ConfigError
from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import StatusLine, print_json, print_note, print_result, print_table

if TYPE_CHECKING:
    from annex_actors.experiments.chaos import Recovery, Verdict

_KINDS = "Kinds of faults, separated by commas; by default all."

_PAUSE = "Mean seconds between two faults; by default 0.1, or a tenth of the undisturbed training if that is less."

_NODES = "With ray: start a cluster of so many nodes on this machine, and kill nodes too."

HANG_SECONDS = 1.0
"""Less than the default of a training: every layer that is stopped is waited for so long."""

_HANGS = f"See `annex-actors train`; by default {HANG_SECONDS:g}."


def chaos(
    data: Annotated[str | None, typer.Argument(metavar="DATA|CONFIG.toml", help="As of `annex-actors train`.")] = None,
    faults: Annotated[int, typer.Option(help="How many faults must strike at least.")] = 50,
    pause: Annotated[float | None, typer.Option(help=_PAUSE)] = None,
    kinds: Annotated[str | None, typer.Option(help=_KINDS)] = None,
    chaos_seed: Annotated[int, typer.Option(help="Seed of the faults: their kinds, layers and times.")] = 0,
    epochs: shared.Epochs = None,
    batch_size: shared.BatchSize = None,
    microbatches: shared.Microbatches = None,
    schedule: shared.Schedule = None,
    runtime: Annotated[str | None, typer.Option(help="schedulers, threads, processes or ray.")] = None,
    nodes: Annotated[int, typer.Option(help=_NODES)] = 0,
    stages: shared.Stages = None,
    plan: shared.PlanFile = None,
    layers: shared.Layers = None,
    hang_seconds: Annotated[float | None, typer.Option(help=_HANGS)] = None,
    data_dir: shared.DataDir = None,
    set_: shared.Set = None,
    load: shared.Load = None,
    json: shared.Json = False,
    debug: shared.Debug = False,
) -> int:
    """Inject faults into trainings, and compare the bits with those of an undisturbed one: exit 0 if all are equal.

    The kinds of faults are exception (a layer raises), kill (kill -9 of its process; for a thread, an exception raised
    in it), stop (SIGSTOP of its process; for a thread, code that never returns), slow (it takes far longer than ever
    before), flood (its mailbox is filled with stale messages), pair (two neighbours are killed at once), store (its
    next commit is refused), trainer (the trainer is killed), move (it moves to another process or thread) and, with
    --nodes, node (all processes of its node are killed, and another node joins).
    """
    from annex_actors.experiments.chaos import chaos as run_chaos
    from annex_actors.runs.config import resolve
    from annex_actors.runs.recorded_run import logging_to
    from annex_actors.runs.toml_settings import merged, nested

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
        layers=layers,
        data_dir=data_dir,
        hang_seconds=hang_seconds,
    )
    defaults = nested(["supervision", "hang_seconds"], HANG_SECONDS)
    config, learner, dataset = resolve(merged(defaults, settings), plan=shared.plan_of(plan, stages))
    if config.training.initial_weights is not None:
        raise ConfigError(
            "expected `training.initial_weights` to be left out, since chaos trains from drawn weights, "
            f"got {config.training.initial_weights}"
        )
    status = StatusLine()
    with tempfile.TemporaryDirectory() as folder, logging_to(Path(folder) / "log.txt"), status:
        verdict = run_chaos(
            learner,
            dataset,
            epochs=config.training.epochs,
            batch_size=config.training.batch_size,
            faults=faults,
            pause_s=pause,
            seed=chaos_seed,
            kinds=None if kinds is None else kinds.split(","),
            nodes=nodes,
            note=status.show,
        )
    if json:
        names = {"runtime": learner.spec.runtime.name, "schedule": learner.spec.schedule.name}
        print_json(text.dumps({**names, **_summary(verdict)}))
    else:
        _show(verdict)
    return 0 if verdict.identical else 1


def _show(verdict: Verdict) -> None:
    rows = []
    for kind, count in verdict.faults.items():
        rows.append([kind.value, count, *_columns(verdict.recovery(kind))])
    rows.append(["all", verdict.faults.total(), *_columns(verdict.recovery())])
    print_table(["fault", "times", "deaths", "recovery p50", "p99", "longest"], rows)
    per_step = verdict.pieces / verdict.steps
    survivors = sum(each.redone_by_survivors for each in verdict.rounds)
    trainings = f"{counted(len(verdict.rounds), 'training')} of {counted(verdict.steps, 'step')}"
    print_result(f"\n{trainings}; kept for others at most {counted(verdict.most_kept_bytes, 'byte')}")
    print_result(f"steps repeated: {verdict.redone / per_step:.1f}, by layers that never died {survivors}")
    for problem in dict.fromkeys(each.error or "other bits" for each in verdict.rounds if not each.identical):
        print_note(f"a training with faults gave: {problem}")
    print_result(f"weights {verdict.hashes['weights_sha256']}")
    print_result("verdict: " + ("identical" if verdict.identical else "DIFFERENT"))


def _columns(recovery: Recovery | None) -> list[str]:
    if recovery is None:
        return ["0", "-", "-", "-"]
    times = (recovery.p50, recovery.p99, recovery.longest)
    return [str(recovery.count), *(f"{1000 * seconds:,.1f} ms" for seconds in times)]


def _summary(verdict: Verdict) -> dict[str, object]:
    def figures(recovery: Recovery | None) -> dict[str, float] | None:
        if recovery is None:
            return None
        return {"deaths": recovery.count, "p50_s": recovery.p50, "p99_s": recovery.p99, "longest_s": recovery.longest}

    return {
        "identical": verdict.identical,
        "faults": {kind.value: count for kind, count in verdict.faults.items()},
        "recovery": {kind.value: figures(verdict.recovery(kind)) for kind in verdict.faults},
        "recovery_of_all": figures(verdict.recovery()),
        "trainings": len(verdict.rounds),
        "steps": verdict.steps,
        "steps_redone": verdict.redone / (verdict.pieces / verdict.steps),
        "redone_by_survivors": sum(each.redone_by_survivors for each in verdict.rounds),
        "most_kept_bytes": verdict.most_kept_bytes,
        "errors": [each.error for each in verdict.rounds if each.error],
        **verdict.hashes,
    }
