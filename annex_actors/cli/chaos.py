"""``annex-actors chaos``: harm a training while it runs, and see that nothing comes of it."""

from __future__ import annotations

import json as text
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import report, say, table

if TYPE_CHECKING:
    from annex_actors.experiments.chaos import Recovery, Round, Verdict
    from annex_actors.experiments.chaos_runtime import Kind

_KINDS = "What may befall a layer, apart by commas; everything where nothing is said."

HANG_SECONDS = 1.0
"""Less than a training's own default: every layer that is stopped is waited for so long."""

_HANGS = f"See `annex-actors train`; {HANG_SECONDS:g} where nothing is said."


def chaos(
    data: Annotated[str | None, typer.Argument(metavar="DATA|CONFIG.toml", help="As of `annex-actors train`.")] = None,
    blows: Annotated[int, typer.Option(help="How many must fall at least.")] = 50,
    pause: Annotated[float, typer.Option(help="Mean seconds from one blow to the next.")] = 0.1,
    kinds: Annotated[str | None, typer.Option(help=_KINDS)] = None,
    chaos_seed: Annotated[int, typer.Option(help="Of what befalls whom, and when.")] = 0,
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
    """Train undisturbed, then again and again under blows, and compare the bits: the exit code is 0 if all are equal.

    What may befall a layer (--kinds):
    exception: it raises
    kill: kill -9 of its process; of a thread what comes nearest
    stop: SIGSTOP of its process; a thread that never comes back
    slow: it takes far longer than ever
    flood: its mailbox is full
    pair: two neighbours are killed at once
    store: its next commit is refused
    trainer: not a layer, but the trainer is killed
    """
    from annex_actors.experiments.chaos import chaos as wreak
    from annex_actors.runs.config import resolve
    from annex_actors.runs.recorded_run import logged_to
    from annex_actors.runs.toml_settings import merged, placed

    settings = shared.settings_of(
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
    patience = placed(["supervision", "hang_seconds"], HANG_SECONDS)
    config, learner, dataset = resolve(merged(patience, settings))
    wanted = _kinds(kinds)
    with tempfile.TemporaryDirectory() as folder, logged_to(Path(folder) / "log.txt"):
        verdict = wreak(
            learner,
            dataset,
            epochs=config.training.epochs,
            batch_size=config.training.batch_size,
            blows=blows,
            pause_s=pause,
            seed=chaos_seed,
            kinds=wanted,
            on_round=lambda round: report(_line(round)),
        )
    if json:
        names = {"runtime": learner.spec.runtime.name, "schedule": learner.spec.schedule.name}
        say(text.dumps({**names, **_summary(verdict)}))
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
    came = round.error or ("the same bits" if round.identical else "OTHER BITS")
    return f"{len(round.damage.blows)} blows, {redone} pieces of work repeated: {came}"


def _show(verdict: Verdict) -> None:
    rows = []
    for kind, count in verdict.blows.items():
        rows.append([kind.value, count, *_columns(verdict.recovery(kind))])
    rows.append(["all", verdict.blows.total(), *_columns(verdict.recovery())])
    table(["blow", "times", "deaths", "recovery p50", "p99", "longest"], rows)
    per_step = verdict.pieces / verdict.steps
    survivors = sum(each.survivors_redid for each in verdict.rounds)
    trainings = f"{len(verdict.rounds)} training{'s' if len(verdict.rounds) > 1 else ''}"
    say(
        f"\n{trainings} of {verdict.steps} steps; work repeated: {verdict.redone / per_step:.1f} "
        f"steps, by layers that never died {survivors}; kept for others at most {verdict.most_kept_bytes:,} bytes"
    )
    say(f"weights {verdict.hashes['weights_sha256']}")
    say("verdict: " + ("identical" if verdict.identical else "DIFFERENT"))


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
