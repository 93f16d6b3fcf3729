"""``annex-actors inspect``: show a saved run."""

from __future__ import annotations

import json as text
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_facts, print_json, print_result, print_table

if TYPE_CHECKING:
    from annex_actors.runs.records import EpochRecord, NetworkRecord, RunReport
    from annex_actors.runs.saved_run import SavedRun

_UNFINISHED = "running, or killed: `annex-actors resume` goes on from"


def inspect(
    run_dir: shared.RunDir,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: shared.Debug = False,
) -> None:
    """Show a run: layers, shapes, parameters, config, metrics, versions, restarts, and how it ended."""
    from annex_actors.runs.saved_run import SavedRun
    from annex_actors.runs.toml_settings import flat, toml_value

    saved = SavedRun.open(run_dir)
    if json:
        print_json(_json(saved))
        return
    # All is read before the first line is printed.
    network, config, epochs, facts = saved.network, saved.config, saved.epochs, dict(saved.environment)
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


def _json(saved: SavedRun) -> str:
    report = saved.report
    return text.dumps(
        {
            "run_dir": str(saved.path),
            "status": report.status if report else "unfinished",
            "network": saved.network.model_dump(mode="json"),
            "config": saved.config.model_dump(mode="json", exclude_none=True),
            "metrics": [epoch.model_dump(mode="json") for epoch in saved.epochs],
            "environment": dict(saved.environment),
            "result": report.model_dump(mode="json") if report else None,
        }
    )


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
    from annex_actors.observe.lines import number

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
