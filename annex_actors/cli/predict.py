"""``annex-actors predict``: predict new samples with a trained network."""

from __future__ import annotations

import json as text
import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_note, print_table

if TYPE_CHECKING:
    from annex_actors.base.types import Floats


def predict(
    run_dir: Annotated[Path, typer.Argument(help="The folder of a run, or a file that `Learner.save` wrote.")],
    samples: Annotated[Path, typer.Argument(help="A .npy file: an array (samples, ...), scaled as in training.")],
    out: Annotated[Path | None, typer.Option(help="Write the outputs to this .npy file as well.")] = None,
    load: shared.LoadInstead = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: shared.Debug = False,
) -> None:
    """Predict with a trained network, by actors as in training: classes and probabilities, or amounts."""
    from annex_actors.data.npz import read_npy
    from annex_actors.runs.predictions import described
    from annex_actors.runs.saved_run import SavedRun
    from annex_actors.training.learner import Learner

    if os.path.isfile(run_dir):
        learner = Learner.load(run_dir, load=load or [])
    else:
        learner = SavedRun.open(run_dir).learner(load or [], print_note)
    classes = learner.classes
    outputs = learner.predict(read_npy(samples))
    rows = described(outputs, classes, learner.spec.cost)
    if out is not None:
        _write(out, outputs)
    if json:
        print_json(
            text.dumps({"run_dir": str(run_dir), "classes": classes, "predictions": rows, "outputs": outputs.tolist()})
        )
        return
    print_table(["sample", *rows[0]], [[index, *map(_cell, row.values())] for index, row in enumerate(rows)])


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.4f}"


def _write(path: Path, outputs: Floats) -> None:
    import numpy as np

    from annex_actors.base.files import writing
    from annex_actors.training.atomic_files import write_whole

    content = BytesIO()
    np.save(content, outputs)
    with writing(path, "--out to be a file"):
        write_whole(path, content.getvalue())
