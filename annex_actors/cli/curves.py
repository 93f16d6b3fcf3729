"""``annex-actors curves``: learning curves of runs as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from annex_actors.cli import options as shared


def curves(
    run_dirs: Annotated[list[Path], typer.Argument(metavar="RUN_DIR", help="The folder of a run; each has a colour.")],
    out: Annotated[Path, typer.Option(help="The picture: a .png, .svg or .pdf file.")],
    debug: shared.Debug = False,
) -> None:
    """Draw the learning curves of runs: costs and metrics by epoch (extra `plots`)."""
    from annex_actors.base.files import writing
    from annex_actors.runs.curves import drawn, format_of
    from annex_actors.runs.saved_run import SavedRun
    from annex_actors.training.atomic_files import write_whole

    picture_format = format_of(out)
    picture = drawn([SavedRun.open(each) for each in run_dirs], picture_format)
    with writing(out, "--out to be a file"):
        write_whole(out, picture)
