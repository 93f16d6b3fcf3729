"""``annex-actors data``: show what is in a table, before training on it."""

from __future__ import annotations

import json as text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.base.texts import listed, shortened
from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_result, print_table

if TYPE_CHECKING:
    from annex_actors.data.tables import Table
    from annex_actors.data.tables.summary import TableSummary

_MOST = 10
"""Classes that are shown."""


def data(
    file: Annotated[Path, typer.Argument(help="A table in any form that `train` takes, such as .csv or .parquet.")],
    label: Annotated[str | None, typer.Option(help="The column to predict; by default the last.")] = None,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether the first line holds names; else found out.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: shared.Debug = False,
) -> None:
    """Show what is in a table, column by column, and what training makes of it; duplicated rows, classes, odd cells."""
    from dataclasses import asdict

    from annex_actors.data.tables import read_table
    from annex_actors.data.tables.summary import summary_of
    from annex_actors.data.transforms.choices import labels_named

    table = read_table(file, header=header, label=label)
    labels = labels_named(table, label)
    summary = summary_of(table, label=labels[0])
    used, problem = _use(table, labels)
    if json:
        print_json(text.dumps({**asdict(summary), "use": used, "problem": problem}))
        return
    _show(summary, used, labels)
    if problem:
        print_result(f"\nTraining on it fails: {problem}")


def _use(table: Table, labels: tuple[str, ...]) -> tuple[dict[str, str], str]:
    """Return what training makes of each column, or one line that says why it makes nothing."""
    from annex_actors.base.errors import UserError, message_of
    from annex_actors.data.transforms import Preparation

    try:
        preparation = Preparation.fit(table, label=labels)
    except UserError as error:
        return {}, message_of(error)
    return dict.fromkeys(labels, "to predict") | {
        name: each.use for each in preparation.features for name in each.columns
    }, ""


def _show(summary: TableSummary, used: dict[str, str], labels: tuple[str, ...]) -> None:
    print_table(
        ["column", "kind", "missing", "distinct", "range or most frequent", "use", "remark"],
        [
            [
                shortened(each.name),
                each.kind,
                f"{each.missing:,}",
                f"{each.distinct:,}",
                each.values,
                used.get(each.name, ""),
                each.suspicion,
            ]
            for each in summary.columns
        ],
    )
    print_result(f"\n{counted(summary.rows, 'row')}, {summary.duplicated:,} of them duplicated")
    named = listed(labels).replace("\n", "\\n")
    if len(labels) > 1:
        print_result(f"{named}: {counted(len(labels), 'amount')}")
        return
    if summary.classes is None:
        print_result(f"{named}: amounts or dates")
        return
    most = list(summary.classes.items())[:_MOST]
    print_result(f"{named}: {counted(len(summary.classes), 'class')}")
    print_table(("class", "rows", "share"), [[name, f"{rows:,}", f"{rows / summary.rows:.1%}"] for name, rows in most])
