"""``annex-actors chaos``: inject faults into a training while it runs, and check that the result is the same."""

from __future__ import annotations

import json as text
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_note, print_result, table

if TYPE_CHECKING:
    from annex_actors.experiments.chaos import Recovery, Round, Verdict
    from annex_actors.experiments.chaos_runtime import Kind

_KINDS = "Kinds of faults, separated by commas; by default all."

HANG_SECONDS = 1.0
"""Less than the default of `annex-actors train`, since recovery from every stopped layer takes this long."""

_HANGS = f"See `annex-actors train`; here {HANG_SECONDS:g} by default."


def chaos(
    data: Annotated[str | None, typer.Argument(metavar="DATA|CONFIG.toml", help="See `annex-actors train`.")] = None,
    blows: Annotated[int, typer.Option(help="How many faults to inject at least.")] = 50,
    pause: Annotated[float, typer.Option(help="Mean seconds between two faults.")] = 0.1,
    kinds: Annotated[str | None, typer.Option(help=_KINDS)] = None,
    chaos_seed: Annotated[int, typer.Option(help="Seed of the faults: their kinds, targets and times.")] = 0,
    epochs: shared.Epochs = None,
    batch_size: shared.BatchSize = None,
    microbatches: shared.Microbatches = None,
    schedule: shared.Schedule = None,
    runtime: Annotated[str | None, typer.Option(help="schedulers, threads or processes.")] = None,
    layers: shared.Layers = None,
    hang_seconds: Annotated[float | None, typer.Option(help=_HANGS)] = None,
    data_dir: shared.DataDir = None,
    set_: shared.Set = None,
    load: shared.Load = None,
    json: shared.Json = False,
) -> int:
    """Train undisturbed, then again and again with faults, and compare the bits; exit with 0 if all are equal.

    The faults (--kinds):
    exception: a layer raises an exception
    kill: kill -9 of a layer's process; the closest equivalent for a thread
    stop: SIGSTOP of a layer's process; a thread that never returns
    slow: a layer takes far longer than ever before
    flood: a layer's mailbox is full
    pair: two neighbouring layers are killed at once
    store: the store refuses a layer's next commit
    trainer: the trainer is killed, not a layer
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
        layers=layers,
        data_dir=data_dir,
        hang_seconds=hang_seconds,
    )
    patience = nested(["supervision", "hang_seconds"], HANG_SECONDS)
    config, learner, dataset = resolve(merged(patience, settings))
    wanted = _kinds(kinds)
    with tempfile.TemporaryDirectory() as folder, logging_to(Path(folder) / "log.txt"):
        verdict = run_chaos(
            learner,
            dataset,
            epochs=config.training.epochs,
            batch_size=config.training.batch_size,
            blows=blows,
            pause_s=pause,
            seed=chaos_seed,
            kinds=wanted,
            on_round=lambda round: print_note(_line(round)),
        )
    if json:
        names = {"runtime": learner.spec.runtime.name, "schedule": learner.spec.schedule.name}
        print_result(text.dumps({**names, **_summary(verdict)}))
    else:
        _show(verdict)
    return 0 if verdict.identical else 1


def _kinds(given: str | None) -> list[Kind]:
    from annex_actors.base import checks
    from annex_actors.experiments.chaos_runtime import Kind

    known = {kind.value: kind for kind in Kind}
    if given is None:
        return list(known.values())
    return [known[name] if name in known else checks.unknown("kinds", name, known) for name in given.split(",")]


def _line(round: Round) -> str:
    redone = sum(round.redone.values())
    outcome = round.error or ("the same bits" if round.identical else "OTHER BITS")
    return f"{len(round.damage.blows)} blows, {redone} pieces of work repeated: {outcome}"


def _show(verdict: Verdict) -> None:
    rows = []
    for kind, count in verdict.blows.items():
        rows.append([kind.value, count, *_columns(verdict.recovery(kind))])
    rows.append(["all", verdict.blows.total(), *_columns(verdict.recovery())])
    table(["blow", "times", "deaths", "recovery p50", "p99", "longest"], rows)
    per_step = verdict.pieces / verdict.steps
    survivors = sum(each.survivors_redid for each in verdict.rounds)
    trainings = f"{len(verdict.rounds)} training{'s' if len(verdict.rounds) > 1 else ''}"
    print_result(
        f"\n{trainings} of {verdict.steps} steps; work repeated: {verdict.redone / per_step:.1f} "
        f"steps, by layers that never died {survivors}; kept for others at most {verdict.most_kept_bytes:,} bytes"
    )
    print_result(f"weights {verdict.hashes['weights_sha256']}")
    print_result("verdict: " + ("identical" if verdict.identical else "DIFFERENT"))


def _columns(recovery: Recovery | None) -> list[str]:
    if recovery is None:
        return ["0", "-", "-", "-"]
    times = (recovery.p50, recovery.p99, recovery.most)
    return [str(recovery.count), *(f"{1000 * seconds:,.1f} ms" for seconds in times)]


def _summary(verdict: Verdict) -> dict[str, object]:
    def figures(recovery: Recovery | None) -> dict[str, float] | None:
        if recovery is None:
            return None
        return {"deaths": recovery.count, "p50_s": recovery.p50, "p99_s": recovery.p99, "longest_s": recovery.most}

    return {
        "identical": verdict.identical,
        "blows": {kind.value: count for kind, count in verdict.blows.items()},
        "recovery": {kind.value: figures(verdict.recovery(kind)) for kind in verdict.blows},
        "recovery_of_all": figures(verdict.recovery()),
        "trainings": len(verdict.rounds),
        "steps": verdict.steps,
        "steps_redone": verdict.redone / (verdict.pieces / verdict.steps),
        "redone_by_survivors": sum(each.survivors_redid for each in verdict.rounds),
        "most_kept_bytes": verdict.most_kept_bytes,
        "errors": [each.error for each in verdict.rounds if each.error],
        **verdict.hashes,
    }
