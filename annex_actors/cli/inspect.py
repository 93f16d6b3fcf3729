"""``annex-actors inspect``: show a saved run, or what differs between several."""

from __future__ import annotations

import json as text
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_facts, print_json, print_result, print_table

if TYPE_CHECKING:
    from annex_actors.runs.records import EpochRecord, NetworkRecord, RunReport
    from annex_actors.runs.saved_run import SavedRun

_UNFINISHED = "running, or killed: `annex-actors resume` goes on from"


def inspect(
    run_dirs: Annotated[
        list[Path], typer.Argument(metavar="RUN_DIR", help="The folder of a run; several are compared.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: shared.Debug = False,
) -> None:
    """Show a run: layers, shapes, parameters, config, metrics, versions, restarts, and how it ended.

    Of several runs, show the settings that differ, and beside them how each run ended.
    """
    from annex_actors.runs.saved_run import SavedRun

    saved = [SavedRun.open(each) for each in run_dirs]
    if json:
        looked = [_contents(each) for each in saved]
        one_or_all = {"runs": looked, "differences": _differences(saved)} if len(saved) > 1 else looked[0]
        print_json(text.dumps(one_or_all))
    elif len(saved) > 1:
        _compare(saved)
    else:
        _show(saved[0])


def _show(saved: SavedRun) -> None:
    from annex_actors.runs.toml_settings import flat, toml_value

    # All is read before the first line is printed.
    network, config, epochs, facts = saved.network, saved.config, saved.epochs, dict(saved.environment)
    told = _followed(saved)
    end = _end(saved.report) if saved.report else {"status": f"{_UNFINISHED} {_newest(saved)}"}
    _show_network(network)
    print_result("")
    print_table(["setting", "value"], [(key, toml_value(value)) for key, value in flat(config.model_dump()).items()])
    print_result("")
    _show_epochs(epochs)
    print_result("")
    print_facts(facts)
    print_result("")
    print_facts(end)
    for line in told:
        print_result(line)


def _compare(runs: Sequence[SavedRun]) -> None:
    from annex_actors.runs.toml_settings import toml_value

    differences = {
        key: ["-" if value is None else toml_value(value) for value in values]
        for key, values in _differences(runs).items()
    }
    figures = [_figures(run) for run in runs]
    names = list(dict.fromkeys(name for each in figures for name in each))
    outcomes = {name: [each.get(name, "-") for each in figures] for name in names}
    print_table(
        ["", *(str(run.path) for run in runs)],
        [[name, *values] for name, values in (differences | outcomes).items()],
    )
    if not differences:
        print_result("The settings are the same.")


def _differences(runs: Sequence[SavedRun]) -> dict[str, list[Any]]:
    """Return the settings that differ, by key, with the value of each run; None where it is not set."""
    from annex_actors.runs.toml_settings import flat

    settings = [flat(run.config.model_dump()) for run in runs]
    keys = dict.fromkeys(key for each in settings for key in each)
    values = {key: [each.get(key) for each in settings] for key in keys}
    return {key: each for key, each in values.items() if any(value != each[0] for value in each)}


def _figures(run: SavedRun) -> dict[str, object]:
    """Return how a run ended; of one that has not, how far it was."""
    from annex_actors.base.figures import number

    report = run.report
    if report is None:
        return {"status": "unfinished", "epochs": len(run.epochs)}
    costs = {"cost": report.train_cost, "validation cost": report.validation_cost, "test cost": report.test_cost}
    return {
        "status": report.status,
        "epochs": report.epochs,
        "steps": report.steps,
        **{name: number(value) for name, value in (costs | dict(report.test_metrics)).items() if value is not None},
        "seconds": f"{report.seconds:.1f}",
        "restarts": report.restarts,
        "weights": report.weights_sha256[:12],
    }


def _contents(saved: SavedRun) -> dict[str, Any]:
    report = saved.report
    return {
        "run_dir": str(saved.path),
        "status": report.status if report else "unfinished",
        "network": saved.network.model_dump(mode="json"),
        "config": saved.config.model_dump(mode="json", exclude_none=True),
        "metrics": [epoch.model_dump(mode="json") for epoch in saved.epochs],
        "environment": dict(saved.environment),
        "result": report.model_dump(mode="json") if report else None,
    }


def _show_network(network: NetworkRecord) -> None:
    print_result(f"{network.dataset}: {network.source}\n")
    print_table(
        ["layer", "", "input", "output", "parameters"],
        [
            [each.layer, each.spec, each.input_shape, each.output_shape, f"{each.parameters:,}"]
            for each in network.layers
        ],
    )
    print_result(counted(network.parameters, "parameter"))


def _show_epochs(epochs: Sequence[EpochRecord]) -> None:
    from annex_actors.base.figures import number

    names = list(dict.fromkeys(name for epoch in epochs for name in epoch.metrics))
    evaluated = "validation_cost" if any(epoch.validation_cost is not None for epoch in epochs) else "test_cost"
    print_table(
        ["epoch", "step", "cost", f"{evaluated.replace('_', ' ')}", *names, "samples/s", "restarts"],
        [
            [
                epoch.epoch,
                epoch.steps,
                number(epoch.train_cost),
                number(getattr(epoch, evaluated)),
                *(number(epoch.metrics.get(name)) for name in names),
                f"{epoch.samples_per_second:,.0f}",
                epoch.restarts,
            ]
            for epoch in epochs
        ],
    )


def _followed(saved: SavedRun) -> list[str]:
    """Return what failed in the run, one line each, without the error that it ended with, which stands above."""
    from annex_actors.runs.event_log import read_events
    from annex_actors.runs.story import story

    error = saved.report.error if saved.report else None
    return story(read_events(saved.path), error)[1 if error else 0 :]


def _newest(saved: SavedRun) -> str:
    steps = saved.checkpoints.steps()
    return f"step {steps[-1]}, the newest of {counted(len(steps), 'checkpoint')}" if steps else "the beginning"


def _end(report: RunReport) -> dict[str, object]:
    return {
        "status": report.status + (f": {report.error}" if report.error else ""),
        "steps": f"{report.steps} committed by every layer",
        "restarts": report.restarts,
        "seconds": f"{report.seconds:.2f}",
        "weights": report.weights_sha256,
        "state": report.state_sha256,
        "costs": report.cost_log_sha256,
    }
