"""Every setting of a config, for people: its key, type, default and meaning, and the names that it can have.

All of it is made from the code that uses a setting: types and defaults from the sections and the classes, meanings from
the ``Args`` of their docstrings, names from the tables. Nothing is written here a second time.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from annex_actors.base import calls
from annex_actors.base.docstrings import arguments_of, summary_of
from annex_actors.costs import COSTS
from annex_actors.data import catalog
from annex_actors.data import load as load_data
from annex_actors.layers import KERNELS, LAYERS, parse_layers
from annex_actors.layers.parse import usage_of
from annex_actors.metrics import METRICS
from annex_actors.metrics import usage_of as usage_of_metric
from annex_actors.optimizers import LEARNING_RATES, OPTIMIZERS, ClipBy, LearningRate, learning_rates
from annex_actors.runs.config import RunConfig, suggested_settings
from annex_actors.runs.sections import TrainingSection
from annex_actors.runs.toml_settings import flat, toml_value
from annex_actors.runtimes import RUNTIMES, Supervision
from annex_actors.schedules.table import DISCIPLINES
from annex_actors.training import halts
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.halts import HALTS
from annex_actors.training.learner import Learner
from supervisors import Strategy

_OWNERS: Mapping[str, tuple[object, ...]] = {
    "data": (load_data,),
    "training": (Learner, Learner.train),
    "supervision": (Supervision,),
    "checkpoints": (Checkpoints,),
}
"""For each section, what its settings are arguments of."""

_RENAMED: Mapping[str, tuple[object, str]] = {
    "cost": (Learner, "cost"),
    "data.name": (load_data, "name_or_path"),
    "network.dtype": (Learner, "dtype"),
    "network.layers": (parse_layers, "text"),
    "optimizer.name": (Learner, "optimizer"),
    "runtime.name": (Learner, "runtime"),
    "training.halt": (TrainingSection, "halt"),
    "training.validation": (TrainingSection, "validation"),
    "training.initial_weights": (TrainingSection, "initial_weights"),
    "training.initial_weights_sha256": (TrainingSection, "initial_weights_sha256"),
}
"""The settings whose argument has another name."""

_CHOSEN: Mapping[str, Mapping[str, Callable[..., Any]]] = {"optimizer": OPTIMIZERS, "runtime": RUNTIMES}
"""The sections of which a class is chosen by name, whose arguments are settings too."""

_TYPES = {int: "integer", float: "number", str: "text", bool: "true or false", LearningRate: "rule"}


@dataclass(frozen=True)
class Setting:
    """A setting of a config.

    Args:
        key: as ``--set`` takes it, such as ``training.epochs``.
        type: what it is, such as ``integer``.
        default: its value if it is left out; None: none, or the data set's.
        meaning: a sentence or several.
        of: the optimizer or runtime whose setting it is; None: of every run.
        suggested: the default for each data set, by its name, where that differs.
        choices: the names that it can have, and what each means; empty: any value of the type.
    """

    key: str
    type: str
    default: Any
    meaning: str
    of: str | None = None
    suggested: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)


def settings() -> list[Setting]:
    """Return every setting, by section; those of an optimizer or a runtime after the section's own."""
    found = []
    suggestions = {entry.name: flat(suggested_settings(entry.suggested)) for entry in catalog()}
    for name, each in RunConfig.model_fields.items():
        section = each.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            found += [_setting(f"{name}.{key}", field, suggestions) for key, field in section.model_fields.items()]
            for chosen, owner in _CHOSEN.get(name, {}).items():
                found += _own(name, chosen, owner, suggestions)
        else:
            found.append(_setting(name, each, suggestions))
    return found


def default_text(setting: Setting) -> str:
    """Return the default in words: ``by default 0``, or what the data set suggests."""
    if setting.suggested:
        name, value = next(iter(setting.suggested.items()))
        return f"suggested by the data set, for {name} {toml_value(value)}"
    return "left out by default" if setting.default is None else f"by default {toml_value(setting.default)}"


_Suggestions = Mapping[str, Mapping[str, Any]]
"""The settings that each data set suggests, by its name."""


def _setting(key: str, field: Any, suggestions: _Suggestions) -> Setting:
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    return Setting(
        key,
        _type_name(field.annotation),
        default,
        _meaning(key),
        suggested=_suggested(suggestions, key),
        choices=_CHOICES[key]() if key in _CHOICES else {},
    )


def _own(section: str, chosen: str, owner: Callable[..., Any], suggestions: _Suggestions) -> Iterator[Setting]:
    """Yield the settings of an optimizer or runtime; functions cannot be given in a config."""
    meanings = arguments_of(owner)
    types = get_type_hints(owner)
    for name, each in inspect.signature(owner).parameters.items():
        type_ = types.get(name, str)
        if get_origin(type_) is not Callable and not any(get_origin(one) is Callable for one in get_args(type_)):
            yield Setting(
                f"{section}.{name}",
                _type_name(type_),
                None if each.default is each.empty else each.default,
                meanings.get(name, ""),
                of=chosen,
                suggested=_suggested(suggestions, f"{section}.{name}", of=chosen),
                choices=_rules() if LearningRate in get_args(type_) else {},
            )


def _meaning(key: str) -> str:
    section, _, name = key.rpartition(".")
    owner, argument = _RENAMED.get(key, (None, name))
    owners = (owner,) if owner is not None else _OWNERS.get(section, ())
    return next((text for each in owners if (text := arguments_of(each).get(argument))), "")


def _suggested(suggestions: _Suggestions, key: str, of: str | None = None) -> dict[str, Any]:
    """Return what data sets suggest for a setting, by their names; for ``of``, if they suggest that optimizer."""
    return {
        name: suggested[key]
        for name, suggested in suggestions.items()
        if key in suggested and of in (None, suggested["optimizer.name"])
    }


def _rules() -> dict[str, str]:
    return {learning_rates.usage_of(name): summary_of(rule) for name, rule in LEARNING_RATES.items()}


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_type_name(each) for each in get_args(annotation) if each is not NoneType)
    if get_origin(annotation) is dict:
        return f"{_type_name(get_args(annotation)[1])} by name"
    if get_origin(annotation) is list:
        return f"list of {_type_name(get_args(annotation)[0])}"
    return _TYPES.get(annotation, getattr(annotation, "__name__", str(annotation)))


_CHOICES: Mapping[str, Callable[[], dict[str, str]]] = {
    "cost": lambda: {calls.usage_of(name, made): summary_of(made) for name, made in COSTS.items()},
    "data.name": lambda: {entry.name: entry.description for entry in catalog()},
    "network.layers": lambda: {usage_of(name, made): summary_of(made) for name, made in LAYERS.items()},
    "network.dtype": lambda: {"float32": "", "float64": ""},
    "optimizer.name": lambda: {name: summary_of(owner) for name, owner in OPTIMIZERS.items()},
    "training.metrics": lambda: {usage_of_metric(name): summary_of(made) for name, made in METRICS.items()},
    "training.halt": lambda: {halts.usage_of(name): summary_of(made) for name, made in HALTS.items()},
    "training.schedule": lambda: {name: row.summary for name, row in DISCIPLINES.items()},
    "training.clipping": lambda: {f"{each.value}:LIMIT": "" for each in ClipBy},
    "training.kernels": lambda: {name: summary_of(type(each)) for name, each in KERNELS.items()},
    "runtime.name": lambda: {name: summary_of(owner) for name, owner in RUNTIMES.items()},
    "supervision.strategy": lambda: {each.value: "" for each in Strategy},
}
"""For settings that name something in a table: the names, and what each means."""
