"""Commands that list what a table holds, with the settings that each entry takes, or tell all of one entry.

``annex-actors layers``, ``initializers``, ``costs``, ``optimizers`` and ``rates``: all made from the code.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_lines, print_result, print_table

if TYPE_CHECKING:
    from annex_actors.base.tables import Table

Entry: TypeAlias = Annotated[str | None, typer.Argument(metavar="NAME", help="The one to tell all of.")]


def layers(
    name: Entry = None,
    load: shared.Load = None,
    debug: shared.Debug = False,
) -> None:
    """List the layers: the arguments of each with their defaults, and what it does."""
    from annex_actors.base.user_files import run_user_files
    from annex_actors.layers import LAYERS

    run_user_files(load or [])
    print_entries(
        "layer",
        LAYERS,
        name,
        closing='Arguments follow the name:\nannex-actors train --layers "dense:128:initializer=he relu dense:10"',
    )


def initializers(
    name: Entry = None,
    load: shared.Load = None,
    debug: shared.Debug = False,
) -> None:
    """List the initializers, which draw the weights of layers: the numbers of each with their defaults."""
    from annex_actors.base.user_files import run_user_files
    from annex_actors.layers import INITIALIZERS

    run_user_files(load or [])
    print_entries(
        "initializer",
        INITIALIZERS,
        name,
        skip=3,
        closing='Numbers follow the name, with commas:\nannex-actors train --layers "dense:10:initializer=normal,0.02"',
    )


def costs(
    name: Entry = None,
    load: shared.Load = None,
    debug: shared.Debug = False,
) -> None:
    """List the costs: the settings of each with their defaults, and what it is."""
    from annex_actors.base.user_files import run_user_files
    from annex_actors.costs import COSTS

    run_user_files(load or [])
    print_entries(
        "cost",
        COSTS,
        name,
        closing="Settings follow the name:\nannex-actors train --cost softmax_cross_entropy:label_smoothing=0.1",
    )


def optimizers(
    name: Entry = None,
    load: shared.Load = None,
    debug: shared.Debug = False,
) -> None:
    """List the optimizers: the settings of each with their defaults, and its formula."""
    from annex_actors.base.user_files import run_user_files
    from annex_actors.optimizers import OPTIMIZERS

    run_user_files(load or [])
    print_entries(
        "optimizer",
        OPTIMIZERS,
        name,
        closing="annex-actors train --optimizer adamw --set optimizer.weight_decay=0.1\n"
        "annex-actors settings optimizer: what each setting means",
    )


def rates(
    name: Entry = None,
    load: shared.Load = None,
    debug: shared.Debug = False,
) -> None:
    """List the rules for the learning rate: the arguments of each with their defaults, and its formula."""
    from annex_actors.base.user_files import run_user_files
    from annex_actors.optimizers import LEARNING_RATES

    run_user_files(load or [])
    print_entries(
        "rule",
        LEARNING_RATES,
        name,
        closing="Arguments follow the name, and a warm-up comes before any rule:\n"
        'annex-actors train --learning-rate "warmup:100 cosine:0.003:1000:minimum=1e-5"',
    )


def print_entries(
    title: str, table: Table[Callable[..., Any]], name: str | None, *, skip: int = 0, closing: str
) -> None:
    """Print a table of constructors by name, with the settings that each takes and what it makes; or all of one.

    Args:
        title: what an entry is, such as ``cost``.
        table: what makes them, by name.
        name: of the one to tell all of; None: list them.
        skip: how many first parameters are no settings.
        closing: how an entry is used, which follows the list.

    Raises:
        ConfigError: there is no entry of that name.
    """
    from annex_actors.base.docstrings import noun_of

    if name is not None:
        print_page(name, table, skip=skip)
        return
    rows = [[name, _settings(constructor, skip), noun_of(constructor)] for name, constructor in table.items()]
    print_table([title, "settings", "what it is"], rows)
    print_result(f"\n{closing}")


def print_page(name: str, table: Table[Callable[..., Any]], *, skip: int = 0) -> None:
    """Print all that the code says of one entry: its settings, formula, shapes, errors and source.

    Args:
        name: of the entry.
        table: what makes entries, by name.
        skip: how many first parameters are no settings.

    Raises:
        ConfigError: there is no entry of that name.
    """
    from annex_actors.base.columns import width_of
    from annex_actors.base.docstrings import page_of

    constructor = table.find(name)
    page = f"{name} {_settings(constructor, skip)}".strip() + f"\n\n{page_of(constructor)}"
    width = width_of(sys.stdout)
    for line in page.split("\n"):
        hanging = " " * 8 if line.startswith(" ") else ""
        print_lines(wrap(line, width, subsequent_indent=hanging, break_on_hyphens=False) or [""])


def _settings(constructor: Callable[..., Any], skip: int) -> str:
    from annex_actors.base.calls import signature_of

    parameters = list(signature_of(constructor).parameters.values())[skip:]
    return " ".join(map(_setting, parameters))


def _setting(parameter: inspect.Parameter) -> str:
    from annex_actors.base.calls import argument_text

    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"{parameter.name}..."
    has_default = parameter.default is not parameter.empty
    return f"{parameter.name}={argument_text(parameter.default)}" if has_default else parameter.name
