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
    from annex_actors.data.tables.summary import ColumnSummary, TableSummary

_FILE = (
    "A table: .csv, .tsv, .txt, .data (packed, .gz, or not), .arff, .json, .jsonl, .parquet, .feather, .arrow, or "
    "sqlite:FILE#QUERY."
)
_MOST = 10
"""Classes that are shown."""

_LONGEST_NAME = 24
"""Characters of a column's name."""


def data(
    file: Annotated[Path, typer.Argument(help=_FILE)],
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
    from annex_actors.data.transforms.preview import preview

    try:
        preparation = preview(table, labels)
    except UserError as error:
        return {}, message_of(error)
    return dict.fromkeys(labels, "to predict") | {
        name: each.use for each in preparation.features for name in each.columns
    }, ""


def _show(summary: TableSummary, used: dict[str, str], labels: tuple[str, ...]) -> None:
    from annex_actors.data.transforms.preview import SAMPLE

    headers = ["column", "kind", "missing", "distinct", "range or most frequent", "use", "remark"]
    rows = [_row(each, used.get(each.name, "")) for each in summary.columns]
    shown = [index for index in range(len(headers)) if any(row[index] for row in rows)]
    print_table([headers[index] for index in shown], [[row[index] for index in shown] for row in rows])
    print_result(f"\n{counted(summary.rows, 'row')}, {summary.duplicated:,} of them duplicated")
    if used and summary.rows > SAMPLE:
        print_result(f"use: decided by all rows; the counts in parentheses are those of a sample of {SAMPLE:,}")
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


def _row(column: ColumnSummary, use: str) -> list[str]:
    """Return what is shown of a column; no remark on one that is left out, since its use says why."""
    remark = "" if use.startswith("drop") else column.suspicion
    name, counts = shortened(column.name, _LONGEST_NAME), (f"{column.missing:,}", f"{column.distinct:,}")
    return [name, column.kind, *counts, column.values, use, remark]
