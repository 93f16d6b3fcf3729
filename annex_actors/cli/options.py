"""Options that several commands have, each said once: its help, and where in the settings it goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

if TYPE_CHECKING:
    from annex_actors.runs.toml_settings import Settings

_LAYERS = 'The network, layers apart by spaces, arguments by colons: "dense:128 relu dropout:0.1 dense:10".'
_LOAD = "A Python file of yours to run first: what it registers has a name from then on. Repeatable."
_SET = "Any setting of the config: optimizer.momentum=0.9. Repeatable; stronger than all other options."
_RUNTIME = "schedulers, threads, processes or inline; the weights are the same."
_AFFINITY = "With --runtime processes: a core for each process."
_HANG = "A layer that is at one message for longer, and 20 times its longest, hangs."
_FASHION = "A folder that may hold the files of fashion-mnist."

Epochs: TypeAlias = Annotated[int | None, typer.Option(help="Passes over the training samples.")]
BatchSize: TypeAlias = Annotated[int | None, typer.Option(help="Samples in a step.")]
Microbatches: TypeAlias = Annotated[int | None, typer.Option(help="Parts that a batch is cut into.")]
Schedule: TypeAlias = Annotated[str | None, typer.Option(help="The order of work; see `annex-actors schedules`.")]
RuntimeName: TypeAlias = Annotated[str | None, typer.Option(help=_RUNTIME)]
Affinity: TypeAlias = Annotated[bool | None, typer.Option("--affinity", help=_AFFINITY)]
Layers: TypeAlias = Annotated[str | None, typer.Option(help=_LAYERS)]
DataDir: TypeAlias = Annotated[str | None, typer.Option(help=_FASHION)]
HangSeconds: TypeAlias = Annotated[float | None, typer.Option(help=_HANG)]
Load: TypeAlias = Annotated[list[Path] | None, typer.Option(help=_LOAD)]
Set: TypeAlias = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=_SET)]
RunDir: TypeAlias = Annotated[Path, typer.Argument(help="The folder of a run.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors (and --json).")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")]
Debug: TypeAlias = Annotated[bool, typer.Option("--debug", help="Show whole tracebacks.")]

_PLACES = {
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "microbatches": "training.microbatches",
    "schedule": "training.schedule",
    "load": "training.load",
    "stages": "training.stages",
    "kernels": "training.kernels",
    "seed": "training.seed",
    "runtime": "runtime.name",
    "affinity": "runtime.affinity",
    "optimizer": "optimizer.name",
    "learning_rate": "optimizer.learning_rate",
    "layers": "network.layers",
    "cost": "cost",
    "data_dir": "data.data_dir",
    "label": "data.label",
    "strategy": "supervision.strategy",
    "max_restarts": "supervision.max_restarts",
    "max_seconds": "supervision.max_seconds",
    "max_attempts": "supervision.max_attempts",
    "hang_seconds": "supervision.hang_seconds",
    "checkpoint_every": "checkpoints.every",
    "keep": "checkpoints.keep",
}
"""Where in the settings an option goes, by its name."""


def settings_of(data: str | None, sets: list[str] | None, **options: Any) -> Settings:
    """Return what was asked for, the weakest first: a config file, options, ``--set``.

    The settings of a file's runtime are those of that runtime: where another is asked for they are left out. (No
    runtime changes the weights. An optimizer does: settings of another one are refused and not dropped.)

    Args:
        data: a data set, or the path of a config file.
        sets: what ``--set`` was given.
        options: the other options by name, None where they were not given.
    """
    from annex_actors.runs.toml_settings import merged, placed, read_settings, setting

    is_file = data is not None and data.endswith(".toml")
    base = read_settings(Path(str(data))) if is_file else placed(["data", "name"], data) if data else {}
    given = [placed(_PLACES[name].split("."), value) for name, value in options.items() if value is not None]
    asked = merged(*given, *map(setting, sets or []))
    before, after = (_runtime_named(settings) for settings in (base, asked))
    if before != after is not None:
        base = {name: section for name, section in base.items() if name != "runtime"}
    return merged(base, asked)


def number_or_text(given: str | None) -> int | str | None:
    """Return an option that is a number or a word, such as ``--keep 2`` or ``--keep all``."""
    return int(given) if given and given.isdecimal() else given


def files(given: list[Path] | None) -> list[str] | None:
    """Return paths as settings hold them."""
    return [str(path) for path in given] if given else None


def _runtime_named(settings: Settings) -> object:
    section = settings.get("runtime")
    return section.get("name") if isinstance(section, dict) else None
