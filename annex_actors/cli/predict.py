"""``annex-actors predict``: predict new samples with a trained network."""

from __future__ import annotations

import json as text
import os
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_note, print_result, print_table

if TYPE_CHECKING:
    from annex_actors.base.types import Floats
    from annex_actors.runs.questions import Question
    from annex_actors.training.learner import Learner

_FILE = "What to predict: a table as in training; an .npz file or a folder of pictures; or an .npy file, an array "
_FILE += "(samples, ...), scaled as in training."
_OUT = "Write the predictions to this file: .csv, .parquet, .json, .jsonl; or the outputs to an .npy file."


def predict(
    run_dir: Annotated[Path, typer.Argument(help="The folder of a run, or a file that `Learner.save` wrote.")],
    samples: Annotated[Path, typer.Argument(metavar="FILE", help=_FILE)],
    out: Annotated[Path | None, typer.Option(help=_OUT)] = None,
    keep_columns: Annotated[bool, typer.Option("--keep-columns", help="Write the table's columns as well.")] = False,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether a table's first line holds names.")
    ] = None,
    load: shared.LoadInstead = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: shared.Debug = False,
) -> None:
    """Predict with a trained network, by actors as in training: classes and probabilities, or amounts.

    Rows of a table go through the transforms of the training. Where the label is there, metrics are shown.
    """
    from annex_actors.base.figures import number
    from annex_actors.runs.predictions import Meaning
    from annex_actors.runs.questions import Question

    learner, names = _learner(run_dir, load or [])
    question = Question.read(samples, learner, header=header)
    outputs = _predicted(learner, question, out, keep_columns=keep_columns)
    metrics = _metrics(learner, question, outputs, names)
    if json:
        rows = Meaning.of(learner).described(outputs)
        answer = {"classes": learner.classes, "predictions": rows, "metrics": metrics, "outputs": outputs.tolist()}
        print_json(text.dumps({"run_dir": str(run_dir), **answer}))
        return
    if out is None or out.suffix == ".npy":
        rows = Meaning.of(learner).described(outputs)
        print_table(["sample", *rows[0]], [[index, *map(_cell, row.values())] for index, row in enumerate(rows)])
    else:
        print_result(f"{counted(len(outputs), 'prediction')} in {out}")
    if metrics:
        print_result(", ".join(f"{name} {number(value)}" for name, value in metrics.items()))


def _learner(run_dir: Path, load: list[Path]) -> tuple[Learner, list[str]]:
    """Return what is asked, and the metrics that its training named."""
    from annex_actors.runs.saved_run import SavedRun
    from annex_actors.training.learner import Learner

    if os.path.isfile(run_dir):
        return Learner.load(run_dir, load=load), []
    saved = SavedRun.open(run_dir)
    return saved.learner(load, print_note), saved.config.training.metrics


def _predicted(learner: Learner, question: Question, out: Path | None, *, keep_columns: bool) -> Floats:
    """Return the outputs; write what they mean, piece by piece."""
    import numpy as np

    from annex_actors.runs.prediction_files import beside, predictions_to
    from annex_actors.runs.predictions import Meaning
    from annex_actors.runs.questions import PIECE

    meaning, found = Meaning.of(learner), []
    with ExitStack() as stack:
        is_array = out is not None and out.suffix == ".npy"
        write = None if out is None or is_array else stack.enter_context(predictions_to(out))
        ask = learner.predict if len(question) <= PIECE else stack.enter_context(learner.serving())
        for inputs, rows in question.pieces(learner.preparation):
            found.append(ask(inputs))
            if write is not None:
                kept = {column.name: column for column in rows or ()} if keep_columns else {}
                write(beside(kept, meaning.columns(found[-1], every_class=True)))
    outputs = found[0] if len(found) == 1 else np.concatenate(found)
    if out is not None and is_array:
        _write(out, outputs)
    return outputs


def _metrics(learner: Learner, question: Question, outputs: Floats, names: list[str]) -> dict[str, Any]:
    """Return metrics where the label is there, those of the training; a note says why there are none although it is."""
    from annex_actors.metrics import chosen, evaluate

    if question.problem is not None:
        print_note(f"no metrics: {question.problem}")
    targets = question.targets
    if targets is None:
        return {}
    units = None if learner.preparation is None else learner.preparation.units
    if units is not None:
        outputs, targets = units.restored(outputs), units.restored(targets)
    return dict(evaluate(outputs, targets, learner.classes, chosen(names or None, learner.classes)))


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
