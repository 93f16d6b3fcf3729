"""``annex-actors card``: the model card of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_lines, print_note


def card(
    run_dir: shared.RunDir,
    out: Annotated[Path | None, typer.Option(help="Write the card to this file instead.")] = None,
    load: shared.LoadInstead = None,
    debug: shared.Debug = False,
) -> None:
    """Print a model card: a page of Markdown with data, network, settings, results by class, hashes and versions.

    The saved weights are evaluated on the test samples of the run's data, if these can be loaded.
    """
    from annex_actors.base.files import writing
    from annex_actors.runs.model_card import Evaluation, model_card
    from annex_actors.runs.saved_run import SavedRun
    from annex_actors.training.atomic_files import write_whole

    saved = SavedRun.open(run_dir)
    evaluation = Evaluation.of(saved, [str(path) for path in load or []])
    page = model_card(saved, evaluation)
    if evaluation.problem is not None:
        print_note(f"the test samples were not evaluated: {evaluation.problem}")
    if out is None:
        print_lines(page.splitlines())
        return
    with writing(out, "--out to be a file"):
        write_whole(out, page.encode())
