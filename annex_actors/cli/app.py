"""The program and its commands."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from annex_actors.cli.chaos import chaos
from annex_actors.cli.datasets import datasets
from annex_actors.cli.inspect import inspect
from annex_actors.cli.output import print_result
from annex_actors.cli.predict import predict
from annex_actors.cli.resume import resume
from annex_actors.cli.schedules import schedules
from annex_actors.cli.simulate import simulate
from annex_actors.cli.train import train

USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
"""Click's UsageError, from the copy of click inside typer, which does not export it."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
for each in (train, resume, predict, inspect, datasets, schedules, simulate, chaos):
    app.command()(each)


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


command = typer.main.get_command(app)
