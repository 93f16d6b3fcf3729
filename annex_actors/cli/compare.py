"""``annex-actors compare``: what plans of a network are predicted to come to, and what they do."""

from __future__ import annotations

import json as text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annex_actors.base.errors import ConfigError
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_result, print_table
from annex_actors.cli.profile import KNOWN, read_profile

if TYPE_CHECKING:
    from annex_actors.experiments.comparison import Compared, Comparison
    from annex_actors.runtimes.slowed_layers import SlowedLayers

_PLANS = "Plans: each as of --stages, such as 1, layer or 3,2,2, or a TOML file as of --plan."
_MEASURE = "Train with each plan, in rounds of one block after another, and compare times and weights."
_ROUNDS = "How many rounds count; one more warms up."
_SECONDS = "About how long to measure in all."
_LINK = "How much later messages between stages arrive, such as 1ms,100MB/s."
_SLOW = "By how many times a layer is slower than here, by waiting: 0:3,2:1.5."


def compare(
    plans: Annotated[list[str], typer.Argument(metavar="PLAN...", help=_PLANS)],
    data: Annotated[str | None, typer.Option(metavar="DATA|CONFIG.toml", help="As of `annex-actors train`.")] = None,
    measure: Annotated[bool, typer.Option("--measure", help=_MEASURE)] = False,
    rounds: Annotated[int, typer.Option(help=_ROUNDS)] = 7,
    seconds: Annotated[float, typer.Option(help=_SECONDS)] = 10.0,
    slow: Annotated[str | None, typer.Option(metavar="LAYER:TIMES,...", help=_SLOW)] = None,
    link: Annotated[str | None, typer.Option(metavar="TIME,BYTES/s", help=_LINK)] = None,
    profile: Annotated[Path | None, typer.Option(metavar="FILE.json", help=KNOWN)] = None,
    layers: shared.Layers = None,
    cost: shared.CostName = None,
    optimizer: shared.OptimizerName = None,
    dtype: shared.Dtype = None,
    batch_size: shared.BatchSize = None,
    microbatches: shared.Microbatches = None,
    schedule: shared.Schedule = None,
    runtime: shared.RuntimeName = None,
    data_dir: shared.DataDir = None,
    label: shared.Label = None,
    task: shared.Task = None,
    set_: shared.Set = None,
    load: shared.Load = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: shared.Debug = False,
) -> None:
    """Compare plans: what a step is predicted to take with each, and with --measure what it takes."""
    from annex_actors.cli.links import parse_link
    from annex_actors.experiments.comparison import compare as compared
    from annex_actors.placement.plan_files import read_plan
    from annex_actors.runs.config import resolve
    from annex_actors.runtimes.delayed_links import DelayedLinks

    settings = shared.settings_from(
        data,
        set_,
        layers=layers,
        cost=cost,
        optimizer=optimizer,
        dtype=dtype,
        batch_size=batch_size,
        microbatches=microbatches,
        schedule=schedule,
        runtime=runtime,
        data_dir=data_dir,
        label=label,
        task=task,
        load=shared.files(load),
    )
    config, learner, dataset = resolve(settings)
    names = [layer.spec() for layer in learner.spec.network.layers]
    found = compared(
        learner.spec,
        dataset,
        [read_plan(Path(each), names) if each.endswith(".toml") else each for each in plans],
        batch_size=config.training.batch_size,
        measure=measure,
        rounds=rounds,
        seconds=seconds,
        slowed=_slowed(slow),
        delayed=None if link is None else DelayedLinks(*parse_link(link)),
        known=read_profile(profile),
    )
    if json:
        print_json(text.dumps({"plans": [_summary(each) for each in found.plans], "winner": found.winner.name}))
        return
    _show(found, learner.spec.runtime.name)


def _slowed(given: str | None) -> SlowedLayers | None:
    from annex_actors.runtimes.slowed_layers import SlowedLayers

    if given is None:
        return None
    try:
        pairs = [each.split(":") for each in given.split(",")]
        return SlowedLayers({int(layer): float(factor) for layer, factor in pairs})
    except ConfigError:
        raise
    except ValueError:
        raise ConfigError(f"expected `slow` as LAYER:TIMES,..., such as 0:3,2:1.5, got {given!r}") from None


def _summary(each: Compared) -> dict[str, Any]:
    measured = each.measured
    return {
        "name": each.name,
        "plan": str(each.plan),
        "predicted": each.predicted.seconds,
        "measured": None if measured is None else measured.median,
        "low": None if measured is None else measured.low,
        "high": None if measured is None else measured.high,
        "error": each.error,
        "memory": list(each.predicted.memory),
        "busy": list(each.predicted.busy),
        "weights_sha256": each.weights_sha256,
    }


def _show(found: Comparison, runtime: str) -> None:
    headers = ["plan", "predicted", "measured", "p10 to p90", "error", "memory", "busy %", "weights"]
    print_table(headers, [_row(each) for each in found.plans])
    best = found.winner
    others = sorted(each.seconds for each in found.plans if each is not best)
    ahead = f", the next takes {others[0] / best.seconds - 1:.0%} more" if others else ""
    noise = "" if found.is_clear or not others else "; their rounds overlap, so another round may say otherwise"
    print_result(
        f"\nwinner on {runtime}: {best.name}, {_ms(best.seconds)} ms a step{ahead}{noise}\n"
        "times in ms a step; memory of the stage that keeps most; how busy each worker is predicted to be"
    )


def _row(each: Compared) -> list[str]:
    measured, error = each.measured, each.error
    busy = ",".join(f"{100 * part:.0f}" for part in each.predicted.busy)
    memory = _megabytes(max(each.predicted.memory))
    if measured is None or error is None:
        return [each.name, _ms(each.predicted.seconds), "-", "-", "-", memory, busy, "-"]
    spread = f"{_ms(measured.low)} to {_ms(measured.high)}"
    times = [_ms(each.predicted.seconds), _ms(measured.median), spread, f"{error:+.0%}"]
    return [each.name, *times, memory, busy, str(each.weights_sha256)[:6]]


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.3g} MB"
