"""Options that several commands share: the help of each, and the setting that it sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from typer.core import TyperCommand, TyperOption

if TYPE_CHECKING:
    from annex_actors.runs.reference import Setting
    from annex_actors.runs.toml_settings import Settings

_LOAD = "A Python file of yours to run first, so that what it registers has a name. Repeatable."
_LOAD_INSTEAD = "A Python file of yours to run instead of those that the folder names. Repeatable."
_RUN_HERE = "The folder of a run; by default the one that goes on here, or the newest in runs/."
_SET = "Any setting, such as optimizer.momentum=0.9; see `annex-actors settings`. Repeatable; overrides other options."
_TRACE = "Record each message and piece of work: of all steps, of one in a hundred, or of the first STEPS."
_PLAN = "A file that says which layers share an actor, and what it has; instead of --stages. A run keeps what it says."
_PROGRESS = "Print the line of every so many epochs; by default about 50 in all. metrics.jsonl has every epoch."

# Options that are settings have no help here: `SettingsCommand` shows the setting's.
Epochs: TypeAlias = Annotated[int | None, typer.Option()]
BatchSize: TypeAlias = Annotated[int | None, typer.Option()]
Microbatches: TypeAlias = Annotated[int | None, typer.Option()]
Schedule: TypeAlias = Annotated[str | None, typer.Option()]
RuntimeName: TypeAlias = Annotated[str | None, typer.Option()]
Affinity: TypeAlias = Annotated[bool | None, typer.Option("--affinity")]
RayAddress: TypeAlias = Annotated[str | None, typer.Option(metavar="HOST:PORT")]
CommitCopies: TypeAlias = Annotated[int | None, typer.Option()]
Layers: TypeAlias = Annotated[str | None, typer.Option()]
Dtype: TypeAlias = Annotated[str | None, typer.Option(metavar="float32|float64")]
Stages: TypeAlias = Annotated[str | None, typer.Option(metavar="layer|N|N,N,...")]
PlanFile: TypeAlias = Annotated[Path | None, typer.Option("--plan", metavar="FILE.toml|FILE.json", help=_PLAN)]
CostName: TypeAlias = Annotated[str | None, typer.Option("--cost")]
OptimizerName: TypeAlias = Annotated[str | None, typer.Option("--optimizer")]
Seed: TypeAlias = Annotated[int | None, typer.Option()]
Label: TypeAlias = Annotated[str | None, typer.Option()]
Task: TypeAlias = Annotated[str | None, typer.Option(metavar="classification|regression")]
Drop: TypeAlias = Annotated[str | None, typer.Option(metavar="NAME,...")]
Group: TypeAlias = Annotated[str | None, typer.Option(metavar="NAME")]
Time: TypeAlias = Annotated[str | None, typer.Option(metavar="NAME")]
Split: TypeAlias = Annotated[str | None, typer.Option(metavar="NAME")]
Header: TypeAlias = Annotated[bool | None, typer.Option("--header/--no-header")]
DataDir: TypeAlias = Annotated[str | None, typer.Option()]
HangSeconds: TypeAlias = Annotated[float | None, typer.Option()]
Load: TypeAlias = Annotated[list[Path] | None, typer.Option(help=_LOAD)]
LoadInstead: TypeAlias = Annotated[list[Path] | None, typer.Option("--load", help=_LOAD_INSTEAD)]
Set: TypeAlias = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=_SET)]
RunDir: TypeAlias = Annotated[Path, typer.Argument(help="The folder of a run.")]
RunHere: TypeAlias = Annotated[Path | None, typer.Argument(metavar="[RUN]", help=_RUN_HERE)]
Trace: TypeAlias = Annotated[str | None, typer.Option(metavar="all|sample|STEPS", help=_TRACE)]
ProgressEvery: TypeAlias = Annotated[int | None, typer.Option(help=_PROGRESS)]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors (and --json).")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")]
Debug: TypeAlias = Annotated[bool, typer.Option("--debug", help="Show whole tracebacks.")]

_DIGITS = 18
"""The most digits of a number: more are a mistake, which the setting refuses as text."""
_FEW = 130
"""Letters of all the names that a setting can have; more names are left to `annex-actors settings`."""

_SETTING_OF = {
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "halt": "training.halt",
    "validation": "training.validation",
    "metrics": "training.metrics",
    "evaluate_every": "training.evaluate_every",
    "microbatches": "training.microbatches",
    "schedule": "training.schedule",
    "load": "training.load",
    "clipping": "training.clipping",
    "ema_momentum": "training.ema_momentum",
    "reduce_on_plateau": "training.reduce_on_plateau",
    "stages": "training.stages",
    "kernels": "training.kernels",
    "seed": "training.seed",
    "class_weight": "training.class_weight",
    "from_": "training.initial_weights",
    "runtime": "runtime.name",
    "affinity": "runtime.affinity",
    "ray_address": "runtime.ray_address",
    "commit_copies": "runtime.commit_copies",
    "optimizer": "optimizer.name",
    "learning_rate": "optimizer.learning_rate",
    "layers": "network.layers",
    "dtype": "network.dtype",
    "cost": "cost",
    "data_dir": "data.data_dir",
    "label": "data.label",
    "task": "data.task",
    "drop": "data.drop",
    "group": "data.group",
    "time": "data.time",
    "split": "data.split",
    "header": "data.header",
    "strategy": "supervision.strategy",
    "max_restarts": "supervision.max_restarts",
    "max_seconds": "supervision.max_seconds",
    "max_attempts": "supervision.max_attempts",
    "hang_seconds": "supervision.hang_seconds",
    "checkpoint_every": "checkpoints.every",
    "keep": "checkpoints.keep",
}
"""The setting that each option sets, by the option's name."""

TERM_OF = {
    "microbatches": "microbatch",
    "schedule": "schedule",
    "stages": "stage",
    "runtime": "runtime",
    "strategy": "strategy",
    "max_restarts": "restart window",
    "max_attempts": "poison message",
}
"""The term that the help of an option refers to, by the option's name."""


class SettingsCommand(TyperCommand):
    """A command whose help says for each option that is a setting: its key, its default, what it means, and its term.

    They are made from the code that uses the setting, which is imported only when help is asked for.
    """

    def get_help(self, ctx: Any) -> str:
        """Return the help."""
        from annex_actors.base.docstrings import first_sentence
        from annex_actors.runs.reference import default_text, settings

        # An optimizer's setting, such as its learning rate, is shown for the optimizer that the data set suggests.
        known = {each.key: each for each in sorted(settings(), key=lambda each: bool(each.suggested))}
        for option in self.params:
            setting = known.get(_SETTING_OF.get(str(option.name), ""))
            if setting is not None and isinstance(option, TyperOption):
                meaning = option.help or first_sentence(setting.meaning) + _names(setting) + _term(str(option.name))
                option.help = f"{meaning} [{setting.key}; {default_text(setting)}]"
        return super().get_help(ctx)


def settings_from(data: str | None, sets: list[str] | None, **options: Any) -> Settings:
    """Return the settings of a command; options override a config file, and ``--set`` overrides both.

    If the options choose another runtime than the file, the settings of the file's runtime are dropped. That is safe,
    since no runtime changes the weights. An optimizer does: with another optimizer, the file's settings are refused.
    Likewise, other initial weights than the file's need not have the fingerprint that the file records.

    A config file may come from anybody: the Python files that it names run only if an option names them, or if they are
    those that a run of this user recorded beside it. Files that layers of an option name, such as
    ``torch_module:FILE.py:NAME``, are named by an option; those that layers of the config file name run no sooner.

    Args:
        data: the name of a data set, or the path of a data file or of a config file.
        sets: the values of ``--set``.
        options: the other options by name, None if not given.

    Raises:
        ConfigError: a file or an option that cannot be read, or a config that names Python files which may not run.
    """
    from annex_actors.layers import files_in
    from annex_actors.runs.loaded_files import check_permitted
    from annex_actors.runs.toml_settings import beside, merged, nested, parse_setting, read_settings

    is_file = data is not None and data.endswith(".toml")
    base = (
        beside(Path(str(data)), read_settings(Path(str(data))))
        if is_file
        else nested(["data", "name"], data)
        if data
        else {}
    )
    given = [nested(_SETTING_OF[name].split("."), value) for name, value in options.items() if value is not None]
    overrides = merged(*given, *map(parse_setting, sets or []))
    if (wanted := _load_of(base)) and not _load_of(overrides):
        check_permitted(wanted, Path(str(data)))
    if named := files_in(_layers_of(overrides)):  # what layers of an option name, the user names
        loaded = [*(_load_of(overrides) or wanted), *named]
        overrides = merged(overrides, nested(_SETTING_OF["load"].split("."), loaded))
    before, after = (_section(settings, "runtime").get("name") for settings in (base, overrides))
    if after is not None and after != before:
        base = {name: section for name, section in base.items() if name != "runtime"}
    if "initial_weights" in _section(overrides, "training"):
        kept = {key: value for key, value in _section(base, "training").items() if key != "initial_weights_sha256"}
        base = {**base, "training": kept}
    return merged(base, overrides)


def _names(setting: Setting) -> str:
    """Return the names to choose from, if they are few."""
    names = ", ".join(setting.choices)
    return f" Names: {names}." if 0 < len(names) <= _FEW else ""


def _term(option: str) -> str:
    return f" See `annex-actors explain {TERM_OF[option]}`." if option in TERM_OF else ""


def number_or_text(given: str | None) -> int | str | None:
    """Return the value of an option that is a number or a word, such as ``--keep 2`` or ``--keep all``."""
    return int(given) if given and given.isdecimal() and len(given) <= _DIGITS else given


def plan_of(plan: Path | None, stages: str | None) -> Path | None:
    """Return the file of ``--plan``.

    Raises:
        ConfigError: ``--stages`` is given, too.
    """
    from annex_actors.base.errors import ConfigError

    if plan is not None and stages is not None:
        raise ConfigError("expected --plan or --stages, got both; leave one out")
    return plan


def names(given: str | None) -> list[str] | None:
    """Return names with commas between them as a list; None if there are none."""
    return [name.strip() for name in given.split(",")] if given else None


def files(given: list[Path] | None) -> list[str] | None:
    """Return paths as text, as settings hold them; None if there are none."""
    return [str(path) for path in given] if given else None


def _section(settings: Settings, name: str) -> Settings:
    section = settings.get(name)
    return section if isinstance(section, dict) else {}


def _layers_of(settings: Settings) -> str:
    found = _section(settings, "network").get("layers")
    return found if isinstance(found, str) else ""


def _load_of(settings: Settings) -> list[str]:
    found = _section(settings, "training").get("load")
    return [str(path) for path in found] if isinstance(found, list) else []
