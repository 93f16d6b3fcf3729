"""``annex-actors datasets``: list the data sets known by name."""

from __future__ import annotations

import json as text
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_result, print_table


def datasets(
    data_dir: Annotated[
        Path | None, typer.Option(help="A folder that may hold the files of data sets; searched first.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
    debug: shared.Debug = False,
) -> None:
    """List the data sets: name, task, samples, features, whether they are available, and where they come from."""
    from annex_actors.data import catalog

    entries = catalog(data_dir=data_dir)
    if json:
        print_json(text.dumps([asdict(entry) for entry in entries]))
        return
    print_table(
        ["name", "task", "samples", "features", "available", "from"],
        [
            [
                entry.name,
                entry.task,
                f"{entry.samples:,}",
                entry.features,
                "yes" if entry.available else "no",
                entry.where,
            ]
            for entry in entries
        ],
    )
    print_result(
        "\nYour own data: annex-actors train FILE.npz (arrays inputs and targets),\n"
        "or annex-actors train FILE.csv --label COLUMN (.tsv and .csv.gz too),\n"
        "or annex-actors train FILE.jsonl (a sequence, tokens or a text, and a label a line),\n"
        "or annex-actors train FOLDER/ (in it a folder of pictures for each class)."
    )
