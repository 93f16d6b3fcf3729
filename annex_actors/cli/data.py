"""``annex-actors data``: show what is in a table, before training on it."""

from __future__ import annotations

import json as text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_result, print_table

if TYPE_CHECKING:
    from annex_actors.data.tables.summary import TableSummary

_MOST = 10
"""Classes that are shown."""


def data(
    file: Annotated[Path, typer.Argument(help="A table: .csv or .tsv, packed (.gz) or not.")],
    label: Annotated[str | None, typer.Option(help="The column to predict; by default the last.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: shared.Debug = False,
) -> None:
    """Show what is in a table: kind, missing cells and values of each column, doubles, classes, suspicious columns."""
    from dataclasses import asdict

    from annex_actors.data.tables import read_table
    from annex_actors.data.tables.summary import summary_of

    summary = summary_of(read_table(file, label=label), label=label)
    if json:
        print_json(text.dumps(asdict(summary)))
        return
    _show(summary)


def _show(summary: TableSummary) -> None:
    print_table(
        ["column", "kind", "missing", "distinct", "range or most frequent", "remark"],
        [
            [each.name, each.kind, f"{each.missing:,}", f"{each.distinct:,}", each.values, each.suspicion]
            for each in summary.columns
        ],
    )
    print_result(f"\n{counted(summary.rows, 'row')}, {summary.duplicated:,} of them duplicated")
    if summary.classes is None:
        print_result(f"{summary.label}: amounts or dates")
        return
    most = list(summary.classes.items())[:_MOST]
    print_result(f"{summary.label}: {counted(len(summary.classes), 'class')}")
    print_table(("class", "rows", "share"), [[name, f"{rows:,}", f"{rows / summary.rows:.1%}"] for name, rows in most])
