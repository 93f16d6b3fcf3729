"""``annex-actors explain``: list the words of this package, or explain one."""

from __future__ import annotations

from typing import Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_lines, print_result, print_table


def explain(
    term: Annotated[
        list[str] | None, typer.Argument(metavar="[TERM]", help="The one to explain, such as upstream backup.")
    ] = None,
    debug: shared.Debug = False,
) -> None:
    """Explain the words of this package, such as credit and bubble: what each means, and where it is in the code."""
    from annex_actors.glossary import TERMS

    if term is None:
        _print_all()
        return
    found = TERMS.find(" ".join(term).lower())
    print_lines(_wrapped(f"{found.name}: {found.meaning}"))
    print_result(f"\nIn the code: {found.member} in {found.file}")


def _print_all() -> None:
    from annex_actors.base.docstrings import first_sentence
    from annex_actors.glossary import GROUPS

    for title, terms in GROUPS.items():
        print_result(f"{title}:")
        print_table((), [[each.name, first_sentence(each.meaning)] for each in terms])
        print_result("")
    print_result("All of one: annex-actors explain credit")


def _wrapped(text: str) -> list[str]:
    import sys

    from annex_actors.base.columns import width_of, wrapped

    return [wrapped(text, width_of(sys.stdout))]
