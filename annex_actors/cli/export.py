"""``annex-actors export``: carry a run away, as a network for other programs, or as a log of its epochs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_note, print_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annex_actors.training.learner import Learner

_NETWORKS = {"onnx": ".onnx", "torch": ".pt2", "safetensors": ".safetensors"}
_LOGS = {"csv": ".csv", "tensorboard": "-tensorboard"}
"""The forms, and the ending of what is written by default."""

_RUN = "The folder of a run; for a network also a file that `Learner.save` wrote."
_OUT = "The file to write, of TensorBoard the folder; by default the run's name with the form's ending, here."
_INPUTS = "Let an ONNX model take the numbers that the transforms make, and not raw columns."


def export(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help=_RUN)],
    to: Annotated[str, typer.Option(metavar="|".join((*_NETWORKS, *_LOGS)), help="The form.")],
    out: Annotated[Path | None, typer.Option(help=_OUT)] = None,
    without_transforms: Annotated[bool, typer.Option("--without-transforms", help=_INPUTS)] = False,
    load: shared.LoadInstead = None,
    debug: shared.Debug = False,
) -> None:
    """Export a trained network or the log of its epochs, for other programs.

    An ONNX model (extra `onnx`) takes the raw columns of a table, and gives labels or amounts; a program of torch is a
    .pt2 file for torch.export.load; safetensors are the weights by name, with the layers in the metadata. The weights
    are those that predictions use. CSV and TensorBoard's events (extra `tensorboard`) have a line for each epoch.
    """
    from annex_actors.base import checks
    from annex_actors.base.errors import ConfigError
    from annex_actors.base.files import writing
    from annex_actors.base.words import counted
    from annex_actors.training.atomic_files import write_whole

    forms = _NETWORKS | _LOGS
    if to not in forms:
        checks.unknown("--to", to, forms)
    if without_transforms and to != "onnx":
        raise ConfigError(f"expected --without-transforms with --to onnx only, got --to {to}; leave it out")
    path = _target(run_dir, out, forms[to])
    if to in _LOGS:
        content = _log(run_dir, to)
    else:
        content = _network(_learner(run_dir, load or []), to, source=str(run_dir), transforms=not without_transforms)
    with writing(path, f"--out to be a {'folder' if to == 'tensorboard' else 'file'}"):
        write_whole(_file(path) if to == "tensorboard" else path, content)
    print_result(f"wrote {path}, {counted(len(content), 'byte')}")


def _target(run_dir: Path, out: Path | None, ending: str) -> Path:
    """Return where to write: by default the run's name in the current folder; never in the run itself."""
    from annex_actors.base.errors import ConfigError

    own = Path(os.path.realpath(run_dir))
    path = Path(f"{own.stem if own.is_file() else own.name}{ending}") if out is None else out
    target = Path(os.path.realpath(path))
    if own in (target, *target.parents):
        raise ConfigError(
            f"expected --out to be a path outside of the run, which stays as it is, got {path}; change it"
        )
    return path


def _learner(run_dir: Path, load: Sequence[Path]) -> Learner:
    from annex_actors.runs.saved_run import SavedRun
    from annex_actors.training.learner import Learner

    if os.path.isfile(run_dir):
        return Learner.load(run_dir, load=load)
    return SavedRun.open(run_dir).learner(load, print_note)


def _network(learner: Learner, to: str, *, source: str, transforms: bool) -> bytes:
    from annex_actors.export import onnx_model, safetensors_file, torch_program

    if to == "onnx":
        content: bytes = onnx_model(learner, transforms=transforms, source=source).SerializeToString()
        return content
    return torch_program(learner) if to == "torch" else safetensors_file(learner, source=source)


def _log(run_dir: Path, to: str) -> bytes:
    from annex_actors.base.errors import DataError
    from annex_actors.observe.csv_log import csv_text
    from annex_actors.observe.tensorboard_log import events_file
    from annex_actors.runs.run_directory import METRICS
    from annex_actors.runs.saved_run import SavedRun

    run = SavedRun.open(run_dir)
    if not run.epochs:
        raise DataError(f"expected a run with a finished epoch, got none in {run.path}; wait, or `resume` it")
    if to == "csv":
        return csv_text(run.epochs).encode()
    return events_file(run.epochs, (run.path / METRICS).stat().st_mtime)


def _file(folder: Path) -> Path:
    from annex_actors.observe.tensorboard_log import EVENTS_FILE

    folder.mkdir(parents=True, exist_ok=True)
    return folder / EVENTS_FILE
