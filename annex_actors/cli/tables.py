"""``annex-actors costs``: list what a table of constructors holds, with the settings that each takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_result, print_table


def costs(
    load: shared.Load = None,
    debug: shared.Debug = False,
) -> None:
    """List the costs: the settings of each with their defaults, and what it is."""
    from annex_actors.base.user_files import run_user_files
    from annex_actors.costs import COSTS

    run_user_files(load or [])
    print_constructors("cost", COSTS)
    print_result("\nSettings follow the name: annex-actors train --cost softmax_cross_entropy:label_smoothing=0.1")


def print_constructors(title: str, table: Mapping[str, Callable[..., Any]]) -> None:
    """Print a table of constructors by name: the settings that each takes, with defaults, and what it makes.

    Args:
        title: what an entry is, such as ``cost``.
        table: what makes them, by name.
    """
    from annex_actors.base.docstrings import summary_of

    rows = [[name, _settings(constructor), summary_of(constructor)] for name, constructor in table.items()]
    print_table([title, "settings", "what it is"], rows)


def _settings(constructor: Callable[..., Any]) -> str:
    from annex_actors.base.calls import argument_text

    parameters = inspect.signature(constructor).parameters.values()
    return " ".join(
        each.name if each.default is each.empty else f"{each.name}={argument_text(each.default)}" for each in parameters
    )
