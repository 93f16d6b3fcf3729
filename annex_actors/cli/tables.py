"""Commands that list what a table holds, with the settings that each entry takes: all made from the code.

``annex-actors layers``, ``initializers``, ``costs``, ``optimizers`` and ``rates``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_result, print_table


def layers(
    load: shared.Load = None,
    debug: shared.Debug = False,
) -> None:
    """List the layers: the arguments of each with their defaults, and what it does."""
    from annex_actors.base.user_files import run_user_files
    from annex_actors.layers import LAYERS

    run_user_files(load or [])
    print_constructors("layer", LAYERS)
    print_result('\nArguments follow the name:\nannex-actors train --layers "dense:128:initializer=he relu dense:10"')


def initializers(
    load: shared.Load = None,
    debug: shared.Debug = False,
) -> None:
    """List the initializers, which draw the weights of layers: the numbers of each with their defaults."""
    from annex_actors.base.user_files import run_user_files
    from annex_actors.layers import INITIALIZERS

    run_user_files(load or [])
    print_constructors("initializer", INITIALIZERS, skip=3)
    print_result(
        '\nNumbers follow the name, with commas:\nannex-actors train --layers "dense:10:initializer=normal,0.02"'
    )


def costs(
    load: shared.Load = None,
    debug: shared.Debug = False,
) -> None:
    """List the costs: the settings of each with their defaults, and what it is."""
    from annex_actors.base.user_files import run_user_files
    from annex_actors.costs import COSTS

    run_user_files(load or [])
    print_constructors("cost", COSTS)
    print_result("\nSettings follow the name:\nannex-actors train --cost softmax_cross_entropy:label_smoothing=0.1")


def optimizers(
    load: shared.Load = None,
    debug: shared.Debug = False,
) -> None:
    """List the optimizers: the settings of each with their defaults, and its formula."""
    from annex_actors.base.user_files import run_user_files
    from annex_actors.optimizers import OPTIMIZERS

    run_user_files(load or [])
    print_constructors("optimizer", OPTIMIZERS)
    print_result(
        "\nannex-actors train --optimizer adamw --set optimizer.weight_decay=0.1\n"
        "annex-actors settings optimizer: what each setting means"
    )


def rates(
    load: shared.Load = None,
    debug: shared.Debug = False,
) -> None:
    """List the rules for the learning rate: the arguments of each with their defaults, and its formula."""
    from annex_actors.base.user_files import run_user_files
    from annex_actors.optimizers import LEARNING_RATES

    run_user_files(load or [])
    print_constructors("rule", LEARNING_RATES)
    print_result(
        "\nArguments follow the name, and a warm-up comes before any rule:\n"
        'annex-actors train --learning-rate "warmup:100 cosine:0.003:1000:minimum=1e-5"'
    )


def print_constructors(title: str, table: Mapping[str, Callable[..., Any]], *, skip: int = 0) -> None:
    """Print a table of constructors by name: the settings that each takes, with defaults, and what it makes.

    Args:
        title: what an entry is, such as ``cost``.
        table: what makes them, by name.
        skip: how many first parameters are no settings.
    """
    from annex_actors.base.docstrings import noun_of

    rows = [[name, _settings(constructor, skip), noun_of(constructor)] for name, constructor in table.items()]
    print_table([title, "settings", "what it is"], rows)


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
