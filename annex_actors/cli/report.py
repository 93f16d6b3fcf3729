"""``annex-actors report``: a run as a page in one file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_lines


def report(
    run_dir: shared.RunDir,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file, such as run.html; by default standard output.")
    ] = None,
    debug: shared.Debug = False,
) -> None:
    """Print a run as a page in one HTML file, which works offline; that of a failed run opens at the first cause.

    It shows what `train --observe` showed: the tree, the timeline, the curves with each death, the events.
    """
    from annex_actors.base.errors import ConfigError
    from annex_actors.base.files import writing
    from annex_actors.page.report import report_of
    from annex_actors.training.atomic_files import write_whole

    if out is None and sys.stdout.isatty():
        raise ConfigError("expected a file for the page, got a terminal; write `> run.html`, or give --out run.html")
    page = report_of(run_dir)
    if out is None:
        print_lines([page])
        return
    with writing(out, "--out to be a file"):
        write_whole(out, page)
