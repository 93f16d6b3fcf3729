"""``annex-actors simulate``: draw a schedule's order of work, and measure it on a virtual clock."""

from __future__ import annotations

import json as text
import re
import reprlib
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.base.columns import width_of
from annex_actors.base.errors import ConfigError
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_lines, print_result, print_table

if TYPE_CHECKING:
    from annex_actors.experiments.simulation import Simulation
    from annex_actors.runtimes.cost_model import LayerTimes

_TIMES = "Times of F, B and W of a microbatch at a stage, and of the update: 1,1,1 or 1,1.5,1,0.25."
_CLIPPING = "How gradients are clipped: by global_norm:LIMIT the stages wait for each other at the end of a step."
_STYLES = {r"F\d*'*-*": "green", r"B\d*'*-*": "yellow", r"W\d*'*-*": "blue"}
_LEGEND = "F forward, B backward, W weight gradient, with the microbatch's number; · idle"
_PRIMES = "F0' is of the worker's second stage, F0'' of its third"


def simulate(
    schedule: Annotated[str, typer.Option(help="The order of work; see `annex-actors schedules`.")] = "1f1b",
    stages: Annotated[int, typer.Option(help="S, how many stages the pipeline has.")] = 4,
    microbatches: Annotated[int, typer.Option(help="m, how many parts a batch is cut into.")] = 8,
    steps: Annotated[int, typer.Option(help="How many steps; asynchronous schedules overlap them.")] = 1,
    times: Annotated[str, typer.Option(help=_TIMES)] = "1,1,1",
    latency: Annotated[str, typer.Option(help="Time that a message between two workers takes.")] = "0",
    clipping: Annotated[str | None, typer.Option(help=_CLIPPING, metavar="KIND:LIMIT")] = None,
    load: shared.Load = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: shared.Debug = False,
) -> None:
    """Draw a schedule's order of work on a virtual clock, and say how long it takes."""
    from annex_actors.base.user_files import run_user_files
    from annex_actors.experiments.simulation import simulate as simulated
    from annex_actors.runtimes.cost_model import CostModel

    run_user_files(load or [])
    simulation = simulated(
        schedule,
        stages=stages,
        microbatches=microbatches,
        steps=steps,
        times=_layer_times(times),
        costs=CostModel(latency=_number("latency", latency)),
        clipping=clipping,
    )
    if json:
        print_json(text.dumps(_summary(simulation)))
        return
    _show(simulation)


def _show(simulation: Simulation) -> None:
    from annex_actors.observe.timeline import draw

    lines = draw(simulation.pieces, width=width_of(sys.stdout))
    if sys.stdout.isatty():
        _paint(lines)
    else:
        print_lines(lines)
    print_result("\n" + _LEGEND + ("\n" + _PRIMES if any("'" in line for line in lines) else ""))
    units = "unit" if simulation.makespan == 1 else "units"
    print_result(
        f"{simulation.schedule}: {_plain(simulation.makespan)} {units} of time, the workers busy for "
        f"{100 * simulation.busy:.0f} %; the longest bubble {_plain(simulation.idle)}\n"
    )
    rows = [[s, each.in_flight, each.deferred, each.versions] for s, each in enumerate(simulation.stages)]
    print_table(["stage", "in flight", "waiting for W", "versions"], rows)


def _paint(lines: list[str]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line in lines:
        painted = Text(line)
        for pattern, style in _STYLES.items():
            painted.highlight_regex(pattern, style)
        console.print(painted, soft_wrap=True)  # it fits


def _summary(simulation: Simulation) -> dict[str, object]:
    return {
        "schedule": simulation.schedule,
        "makespan": float(simulation.makespan),
        "idle": float(simulation.idle),
        "busy": float(simulation.busy),
        "messages": simulation.messages,
        "stages": [
            {"in_flight": each.in_flight, "deferred": each.deferred, "versions": each.versions}
            for each in simulation.stages
        ],
    }


_NUMBER = re.compile(r"[-+]?[0-9_./]{1,30}(e[-+]?[0-9]{1,3})?", re.IGNORECASE)


def _layer_times(given: str) -> LayerTimes:
    from annex_actors.runtimes.cost_model import LayerTimes

    parts = [_number("times", part) for part in given.split(",")]
    if len(parts) not in (3, 4):
        raise ConfigError(f"expected `times` to be three or four numbers such as 1,1,1, got {reprlib.repr(given)}")
    return LayerTimes(*parts)


def _number(name: str, given: str) -> float:
    """Return an int or a Fraction, so that sums of times that should be equal are equal."""
    try:
        if not _NUMBER.fullmatch(given.strip()):  # a Fraction of 1e999999999 would take all memory
            raise ValueError
        number = Fraction(given.strip())
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f"expected `{name}` to be numbers, got {reprlib.repr(given)}") from None
    if number < 0:
        raise ConfigError(f"expected `{name}` to be at least 0, got {number}")
    return int(number) if number.denominator == 1 else number  # type: ignore[return-value]  # a Fraction serves as a float


def _plain(time: float) -> str:
    return f"{float(time):g}"
