"""The sections of a config: names and types of settings, made from what they are settings of where that is possible."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from annex_actors.base.settings import settings_of
from annex_actors.runtimes import Supervision
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.learner import Learner

_LEARNER = {name: each.default for name, each in inspect.signature(Learner).parameters.items()}


class Section(BaseModel):
    """Settings by name: no other than these, of these types, and unchangeable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _settings_of(owner: type[Any]) -> type[Section]:
    """Return a section of the settings that a dataclass has: its fields with a default; an enum is given by its value.

    Which settings there are, their types and their defaults are written once, where they are used; so are their ranges,
    which the dataclass checks when it is made.
    """
    types = get_type_hints(owner)
    settings: dict[str, Any] = {}
    for each in fields(owner):
        if each.default is not MISSING:
            is_enum = isinstance(each.default, Enum)
            settings[each.name] = (str, each.default.value) if is_enum else (types[each.name], each.default)
    return create_model(owner.__name__, __base__=Section, **settings)


class DataSection(Section):
    """What to learn from; see `annex_actors.data.load`. ``test_fraction`` is that of your own file."""

    name: str = "digits"
    label: str | int | None = None
    data_dir: str | None = None
    test_fraction: float = 0.2


class NetworkSection(Section):
    """The layers, as text."""

    layers: str


class _ChosenSection(Section):
    """A name, and those settings that the class of this name has."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    name: str

    def recorded(self, made: object) -> dict[str, Any]:
        """Return the section with every setting of what it made."""
        return {**self.model_dump(), **settings_of(made), "name": self.name}


class OptimizerSection(_ChosenSection):
    """The optimizer's name and settings."""


class RuntimeSection(_ChosenSection):
    """The runtime's name and settings."""

    name: str = _LEARNER["runtime"]


class TrainingSection(Section):
    """How to train; see `Learner`."""

    epochs: int
    batch_size: int
    microbatches: int | None = _LEARNER["microbatches"]
    schedule: str = _LEARNER["schedule"]
    load: list[str] = Field(default_factory=list)
    stages: str | int = _LEARNER["stages"]
    kernels: str = _LEARNER["kernels"]
    seed: int = _LEARNER["seed"]


class SupervisionSection(_settings_of(Supervision)):  # type: ignore[misc]  # a class that is made
    """How failures are met; see `Supervision`."""


class CheckpointsSection(_settings_of(Checkpoints)):  # type: ignore[misc]  # a class that is made
    """When the run is saved on its way; see `Checkpoints`."""
