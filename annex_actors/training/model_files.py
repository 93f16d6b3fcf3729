"""A trained network in one file: a checkpoint, and what makes its learner again, as safetensors and JSON.

Only names are kept of layers, costs, optimizers and schedules: a file holds nothing that could run. Where the layers
live (runtime, supervision) is a matter of the program that loads it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError, UserError, message_of
from annex_actors.base.files import read_file, reading, writing
from annex_actors.base.settings import settings_of
from annex_actors.base.types import Array, Shape
from annex_actors.costs import cost, spec_of
from annex_actors.data.transforms import Preparation
from annex_actors.layers import parse_layers
from annex_actors.optimizers import optimizer
from annex_actors.schedules.table import discipline
from annex_actors.training.array_files import arrays_in
from annex_actors.training.atomic_files import write_whole
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.checkpoint_files import packed, unpacked
from annex_actors.training.class_weights import text_of
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.stages import anywhere, stages_setting

_FORMAT = 1
_MODEL = "model"
"""The key of the description in the file's metadata."""

_PREPARATION = "preparation"
"""The key of what makes numbers of a table's rows: of its text in the metadata, and of its arrays, as bytes."""


@dataclass(frozen=True, eq=False)
class ModelFile:
    """What is in a file.

    Args:
        path: the file.
        settings: the arguments of `Learner`, but for those of the place where its layers live.
        input_shape: of one sample.
        classes: their names; None for regression.
        preparation: what made numbers of a table's rows; None: nothing did.
        arrays: of the checkpoint.
        metadata: of the checkpoint.
    """

    path: Path
    settings: Mapping[str, Any]
    input_shape: Shape
    classes: tuple[str, ...] | None
    preparation: Preparation | None
    arrays: Mapping[str, Array]
    metadata: Mapping[str, str]

    def checkpoint(self, spec: LearnerSpec) -> Checkpoint:
        """Return the weights and optimizer slots, given the settings of the learner that was made.

        Raises:
            DataError: they are damaged, or of another network.
        """
        try:
            return unpacked(self.arrays, self.metadata, spec.initial(self.input_shape))
        except (UserError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(_damaged(self.path, error)) from error


def save_model(
    spec: LearnerSpec,
    checkpoint: Checkpoint,
    classes: tuple[str, ...] | None,
    path: Path,
    preparation: Preparation | None = None,
) -> None:
    """Write a file; see `Learner.save`."""
    description = {
        "format": _FORMAT,
        "network": spec.network.spec(),
        "cost": spec_of(spec.cost),
        "class_weight": text_of(spec.class_weight),
        "optimizer": {"name": spec.optimizer.name, **settings_of(spec.optimizer)},
        "clipping": spec.clipping.spec() if spec.clipping else None,
        "ema_momentum": spec.ema_momentum,
        "reduce_on_plateau": spec.reduce_on_plateau.spec() if spec.reduce_on_plateau else None,
        "schedule": spec.schedule.name,
        "microbatches": spec.microbatches,
        "stages": stages_setting(anywhere(spec.stages)),
        "kernels": spec.kernels.name,
        "dtype": spec.dtype.name,
        "seed": spec.seed,
        "input_shape": checkpoint.input_shape,
        "classes": classes,
    }
    _check_is_found(spec, _settings(description))
    text = {_MODEL: json.dumps(description)}
    arrays = {}
    if preparation is not None:
        text[_PREPARATION], content = preparation.to_bytes()
        arrays[_PREPARATION] = np.frombuffer(content, np.uint8)
    with writing(path):
        write_whole(path, packed(checkpoint, arrays, **text))


def load_model(path: Path) -> ModelFile:
    """Read a file; see `Learner.load`."""
    if os.path.isdir(path):
        cure = "of a run's folder, `SavedRun.open(path).learner()` makes the learner"
        raise DataError(f"expected a file that `Learner.save` wrote at {path}, got a folder; {cure}")
    with reading(path):
        content = read_file(path)
    try:
        arrays, metadata = arrays_in(content)
        description = json.loads(metadata[_MODEL])
        if description["format"] != _FORMAT:
            got = f"{description['format']}; a newer annex-actors wrote it"
            raise DataError(f"expected format {_FORMAT}, got {got}")
        settings = _settings(description)
        shape = checks.sizes("input_shape", description["input_shape"], "the shape of a sample")
        names = description["classes"]
        classes = None if names is None else tuple(checks.text("classes", name) for name in names)
        preparation = _preparation(arrays, metadata)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except (DataError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(_damaged(path, error)) from error
    return ModelFile(path, settings, shape, classes, preparation, arrays, metadata)


def _preparation(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> Preparation | None:
    text = metadata.get(_PREPARATION)
    return None if text is None else Preparation.from_bytes(text, arrays[_PREPARATION].tobytes())


def _settings(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `Learner` that a description stands for.

    Raises:
        ConfigError: a name is not found.
    """
    same = ("microbatches", "stages", "kernels", "seed", "clipping", "ema_momentum", "reduce_on_plateau")
    return {
        "network": parse_layers(description["network"]),
        "cost": cost(description["cost"]),
        "optimizer": optimizer(**description["optimizer"]),
        "schedule": discipline(description["schedule"]),
        "dtype": description.get("dtype", "float32"),  # older files do not say so
        "class_weight": description.get("class_weight"),
        **{name: description[name] for name in same if name in description},  # an older file has fewer
    }


def _check_is_found(spec: LearnerSpec, found: Mapping[str, Any]) -> None:
    """Refuse to write what could not be read: names that stand for something else."""
    layers = [type(layer) for layer in spec.network.layers]
    if [type(layer) for layer in found["network"].layers] != layers or found["network"].spec() != spec.network.spec():
        raise ConfigError(f"expected layers that their text makes again, got {spec.network}; register them")
    for name in ("cost", "optimizer", "schedule"):
        own = getattr(spec, name)
        if found[name] != own:
            raise ConfigError(
                f"expected `{name}` to be the one that is registered as {own.name!r}, got another; register it, "
                "and give it a text for each of its settings"
            )


def _damaged(path: Path, error: Exception) -> str:
    return f"expected what `Learner.save` wrote at {path}, got: {message_of(error)}"
