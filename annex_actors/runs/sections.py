"""The sections of a config: the names, types and defaults of settings, derived from the classes that use them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any, TypeAlias, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from annex_actors.base.settings import settings_of
from annex_actors.runtimes import Supervision
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.learner import Learner

_Single: TypeAlias = bool | int | float | str

_LEARNER = {name: each.default for name, each in inspect.signature(Learner).parameters.items()}


class Section(BaseModel):
    """Settings by name: immutable, of exact types, and with no other names."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield what ``repr`` shows: the settings that do not have their default."""
        for name, value in super().__repr_args__():
            known = type(self).model_fields.get(name or "")
            if known is None or value != known.get_default(call_default_factory=True):
                yield name, value


def _section_for(owner: type[Any]) -> type[Section]:
    """Return a section with the settings of a dataclass: its fields that have a default; an enum is given by its value.

    So settings, types and defaults are written once, where they are used. The dataclass checks their ranges.
    """
    types = get_type_hints(owner)
    settings: dict[str, Any] = {}
    for each in fields(owner):
        if each.default is not MISSING:
            is_enum = isinstance(each.default, Enum)
            settings[each.name] = (str, each.default.value) if is_enum else (types[each.name], each.default)
    return create_model(owner.__name__, __base__=Section, **settings)


class DataSection(Section):
    """What to train on; see `annex_actors.data.load`. All but ``name`` and ``data_dir`` is for your own files only."""

    name: str = "digits"
    label: str | int | None = None
    task: str | None = None
    drop: list[str] = Field(default_factory=list)
    group: str | None = None
    time: str | None = None
    split: str | None = None
    header: bool | None = None
    data_dir: str | None = None
    test_fraction: float = 0.2
    in_memory: bool | None = None
    size: list[int] | None = None
    color_mode: str | None = None
    transforms: dict[str, str] = Field(default_factory=dict)


class NetworkSection(Section):
    """The layers, as text, and the dtype of their numbers."""

    layers: str
    dtype: str = _LEARNER["dtype"]


class _ChosenSection(Section):
    """A name, and the settings of the class of that name, which checks them."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    name: str
    __pydantic_extra__: dict[str, _Single | list[_Single]] = Field(init=False)  # no class takes what nests deeper

    def recorded(self, instance: object) -> dict[str, Any]:
        """Return the section with every setting of the instance that was made from it."""
        return {**self.model_dump(), **settings_of(instance), "name": self.name}


class OptimizerSection(_ChosenSection):
    """The optimizer's name and settings."""


class RuntimeSection(_ChosenSection):
    """The runtime's name and settings."""

    name: str = _LEARNER["runtime"]


class TrainingSection(Section):
    """How to train; see `Learner`.

    Args:
        validation: the fraction of the training samples to set apart for validation, by the seed; left out: none, and
            the test samples are evaluated after every epoch.
        halt: conditions of which any ends the run before its last epoch.
        initial_weights: the folder of a run, or a safetensors file, with weights to begin with, instead of drawn ones;
            by default also with its layers.
        initial_weights_sha256: the fingerprint of these weights, recorded so that a repeated run begins with the same
            ones or is refused.
    """

    epochs: int
    batch_size: int
    halt: list[str] = Field(default_factory=list)
    validation: float | None = None
    metrics: list[str] = Field(default_factory=list)
    evaluate_every: int | None = None
    clipping: str | None = _LEARNER["clipping"]
    ema_momentum: float | None = _LEARNER["ema_momentum"]
    reduce_on_plateau: str | None = _LEARNER["reduce_on_plateau"]
    microbatches: int | None = _LEARNER["microbatches"]
    schedule: str = _LEARNER["schedule"]
    load: list[str] = Field(default_factory=list)
    stages: str | int = _LEARNER["stages"]
    kernels: str = _LEARNER["kernels"]
    seed: int = _LEARNER["seed"]
    class_weight: str | None = _LEARNER["class_weight"]
    initial_weights: str | None = None
    initial_weights_sha256: str | None = None


class SupervisionSection(_section_for(Supervision)):  # type: ignore[misc]  # a class made at runtime
    """How failures are handled; see `Supervision`."""


class CheckpointsSection(_section_for(Checkpoints)):  # type: ignore[misc]  # a class made at runtime
    """How often the run is saved; see `Checkpoints`."""
