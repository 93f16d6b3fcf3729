"""Weights by name in a safetensors file, with the network that they are of: what other programs can read, too.

A file of `Learner.save` holds more, so that a training can go on; of it the weights are read likewise. So are those of
a file that another program wrote, if they have the names and shapes of a network here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from safetensors.numpy import save

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, UserError
from annex_actors.base.files import read_file, reading
from annex_actors.base.types import Array, Shape
from annex_actors.training.array_files import arrays_in
from annex_actors.training.checkpoint_files import WEIGHTS
from annex_actors.training.initial_weights import with_weights
from annex_actors.training.learner import Learner

_ARCHITECTURE, _MODEL = "architecture", "model"
"""The keys of the network in the metadata: of a file of weights, and of one of `Learner.save`."""

_SHAPE = "the shape of a sample, such as (784,)"


@dataclass(frozen=True, eq=False)
class WeightFile:
    """What is in a file of weights.

    Args:
        arrays: by name, such as ``0.weight``.
        network: the layers as text; None if the file does not say.
        input_shape: of one sample; None likewise.
    """

    arrays: Mapping[str, Array]
    network: str | None = None
    input_shape: Shape | None = None


def packed_weights(arrays: Mapping[str, Array], architecture: Mapping[str, Any]) -> bytes:
    """Return the content of a file of weights.

    Args:
        arrays: by name.
        architecture: what JSON can hold; ``network`` and ``input_shape`` among it.
    """
    return save(dict(arrays), {_ARCHITECTURE: json.dumps(architecture)})


def read_weights(path: Path) -> WeightFile:
    """Read a file of weights; nothing in it can run.

    Raises:
        DataError: there is no such file, or it is no safetensors file; the message names it.
    """
    with reading(path):
        arrays, metadata = arrays_in(read_file(path))
    is_model = _MODEL in metadata
    if is_model:
        arrays = {name.removeprefix(WEIGHTS): each for name, each in arrays.items() if name.startswith(WEIGHTS)}
    return WeightFile(arrays, *_described(metadata.get(_MODEL if is_model else _ARCHITECTURE)))


def load_weights(
    learner: Learner, weights: str | Path | Mapping[str, ArrayLike], *, input_shape: Shape | None = None
) -> None:
    """Give a learner weights by name: `Learner.predict` uses them, and `Learner.train` begins with them.

    Names and shapes must be those of its network, as in `Checkpoint.weights`: ``0.weight``, ``0.bias`` and so on.

    Args:
        learner: whose own weights are replaced.
        weights: a safetensors file, such as one of ``annex-actors export RUN --to safetensors``, of `Learner.save`, or
            of another program; or arrays by name.
        input_shape: of one sample; None: as the file says, or as in the learner's last training.

    Raises:
        DataError: there is no such file, it is no safetensors file, or weights are not finite numbers.
        ShapeError: a weight is missing, too much, or of another shape; the message names it, and which one may be
            meant where it has another name.
        ConfigError: no shape of a sample, or an argument of another kind.
    """
    checks.instance("learner", learner, Learner, "a Learner")
    shape = None if input_shape is None else checks.sizes("input_shape", input_shape, _SHAPE)
    arrays: Any = weights
    if isinstance(weights, str | Path):
        file = read_weights(checks.path("weights", weights))
        arrays, shape = file.arrays, shape or file.input_shape
    if shape is None and learner.checkpoint is not None:
        shape = learner.checkpoint.input_shape
    if shape is None:
        raise ConfigError(f"expected `input_shape` to be {_SHAPE}, since the weights do not say it, got none; give it")
    spec = learner.spec
    initial = spec.initial(shape)
    learner.checkpoint = with_weights(initial, arrays, spec.network, spec.stage_optimizer, setting="weights")
    learner.result = None


def _described(text: str | None) -> tuple[str | None, Shape | None]:
    """Return the network and the shape of a sample; what another program wrote under these keys is no error."""
    try:
        known = json.loads(text or "{}")
        network = checks.text("network", known["network"])
        return network, checks.sizes("input_shape", known["input_shape"], _SHAPE)
    except (UserError, ValueError, KeyError, TypeError, RecursionError):
        return None, None
