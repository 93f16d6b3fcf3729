"""The program and its commands."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from annex_actors.cli.card import card
from annex_actors.cli.chaos import chaos
from annex_actors.cli.compare import compare
from annex_actors.cli.curves import curves
from annex_actors.cli.data import data
from annex_actors.cli.datasets import datasets
from annex_actors.cli.doctor import doctor
from annex_actors.cli.explain import explain
from annex_actors.cli.export import export
from annex_actors.cli.find_rate import find_rate
from annex_actors.cli.inspect import inspect
from annex_actors.cli.kill import kill
from annex_actors.cli.learn import learn
from annex_actors.cli.logs import logs
from annex_actors.cli.metrics import metrics
from annex_actors.cli.move import move
from annex_actors.cli.options import SettingsCommand
from annex_actors.cli.output import print_result
from annex_actors.cli.plan import plan
from annex_actors.cli.predict import predict
from annex_actors.cli.profile import profile
from annex_actors.cli.replay import replay
from annex_actors.cli.report import report
from annex_actors.cli.resume import resume
from annex_actors.cli.runs import runs
from annex_actors.cli.schedules import schedules
from annex_actors.cli.serve import serve
from annex_actors.cli.settings import settings
from annex_actors.cli.simulate import simulate
from annex_actors.cli.status import status
from annex_actors.cli.step import step
from annex_actors.cli.stop import stop
from annex_actors.cli.summary import summary
from annex_actors.cli.sweep import sweep
from annex_actors.cli.tables import costs, initializers, layers, optimizers, rates
from annex_actors.cli.top import top
from annex_actors.cli.trace import trace
from annex_actors.cli.train import train

USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
"""Click's UsageError, from the copy of click inside typer, which does not export it."""


def _short_help(command: Callable[..., Any]) -> str:
    """Return the beginning of a command's docstring, which fits beside its name in the list of commands."""
    return re.split(r"[;:.]|, (?:and|then|by) ", str(command.__doc__), maxsplit=1)[0] + "."


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
_LISTS = (data, datasets, layers, initializers, costs, optimizers, rates, schedules, metrics, settings)
for each in (
    train,
    resume,
    runs,
    status,
    top,
    doctor,
    logs,
    kill,
    move,
    stop,
    predict,
    serve,
    inspect,
    card,
    curves,
    report,
    export,
    trace,
    replay,
    summary,
    profile,
    plan,
    compare,
    sweep,
    find_rate,
    *_LISTS,
    explain,
    simulate,
    step,
    chaos,
    learn,
):
    app.command(cls=SettingsCommand, short_help=_short_help(each))(each)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print_result(f"annex-actors {version('annex-actors')}")
        raise typer.Exit


@app.callback()
def annex_actors(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Train neural networks whose layers are supervised actors; a crash during the run does not change the result."""


command: TyperGroup = typer.main.get_group(app)
