"""Checkpoints on the disk, from which a run is resumed after all its processes were killed.

A checkpoint is one file, ``checkpoints/step-000000120.safetensors``: weights, optimizer slots, stashed weights and
costs as arrays, the finished epochs and the training's identity as JSON in its metadata. It is written under a
temporary name, flushed to the disk and then renamed, so that a file of that name is whole unless the disk itself has
lost data. A checksum over names, shapes and bytes detects that, and the checkpoint before is used. CRC-32, since it
guards against accidents and takes half the time of SHA-256. That the parts fit together is checked besides: a file may
have been edited, or copied from another run, by someone who computed the checksum as well.

`checkpoint_writer` writes them during a run.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from safetensors.numpy import save

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError, UserError, message_of
from annex_actors.base.files import read_file, reading, writing
from annex_actors.base.shown import shown
from annex_actors.base.types import Array
from annex_actors.protocol.events import EpochFinished, Evaluated
from annex_actors.training.array_files import arrays_in
from annex_actors.training.atomic_files import sweep, write_whole
from annex_actors.training.checkpoint import Checkpoint, Evaluation
from annex_actors.training.identity import Identity
from annex_actors.training.preparation import PreparedTraining

ALL = "all"
"""The policy that keeps every checkpoint."""

_NAME, _NAMES = "step-{:09}.safetensors", re.compile(r"step-([0-9]{9,18})\.safetensors")
WEIGHTS, _OPTIMIZER, _STASH, _COSTS = "weights.", "optimizer.", "stash.", "costs"
_BEST = "best."
_OF_AN_EPOCH = ("epoch", "steps", "train_cost", "test_cost", "metrics")
_ADDED_LATER = ("seconds", "validation_cost")
"""What an epoch of an older file lacks."""
_OF_AN_EVALUATION = ("epoch", "steps", "test_cost", "metrics", "seconds", "validation_cost")


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """A folder of checkpoints, and when checkpoints are added and dropped.

    Args:
        path: the folder; made with the first checkpoint.
        every: steps between two checkpoints, >= 1; or 0 for none during the run.
        keep: how many of the newest to keep, >= 1, or ``all``. With two, one is left if the other is damaged.

    Raises:
        ConfigError: a value out of range.
    """

    path: Path
    every: int = 10
    keep: int | str = 2

    def __post_init__(self) -> None:
        if isinstance(self.keep, str) and self.keep != ALL:
            raise ConfigError(f'expected `keep` to be an integer >= 1 or "{ALL}", got {shown(self.keep)}')
        checks.keep(
            self,
            path=checks.path("path", self.path),
            every=checks.whole_number("every", self.every, at_least=0),
            keep=self.keep if isinstance(self.keep, str) else checks.whole_number("keep", self.keep, at_least=1),
        )

    def check_place(self) -> None:
        """Refuse a folder that cannot be made; during a run it would be too late.

        Raises:
            ConfigError: the folder is a file, or the folder that it is to be made in does not exist.
        """
        if not os.path.isdir(self.path if os.path.lexists(self.path) else self.path.parent):
            raise ConfigError(f"expected checkpoints in a new folder of an existing one, got {self.path}; correct it")

    def write(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint, and delete the oldest if there are more than ``keep``.

        Later steps do not count: they are of another training, or damaged, and this training may still reach them.

        Raises:
            OSError: the folder cannot be written, or the disk is full; the earlier checkpoints are whole.
        """
        self.path.mkdir(exist_ok=True)
        write_whole(self._file(checkpoint.step), packed(checkpoint))
        if isinstance(self.keep, int):
            for step in [step for step in self._steps() if step <= checkpoint.step][: -self.keep]:
                self._file(step).unlink(missing_ok=True)

    def steps(self) -> list[int]:
        """Return the steps of all checkpoints, whole or damaged, in ascending order; files of other names do not count.

        Raises:
            DataError: the folder cannot be read.
        """
        with reading(self.path):
            return self._steps()

    def newest(self, training: PreparedTraining, note: Callable[[str], None]) -> Checkpoint | None:
        """Return the newest checkpoint that is whole; None if there is none.

        Args:
            training: the training that wrote them, in its settings and data.
            note: called with a message for each damaged checkpoint that is skipped.
        """
        for step in reversed(self.steps()):
            try:
                return self.at(step, training)
            except DataError as error:
                note(message_of(error))
        return None

    def at(self, step: int, training: PreparedTraining) -> Checkpoint:
        """Return the checkpoint at a step; for ``training`` see `newest`.

        Raises:
            DataError: the file is damaged, of another training, or cannot be read; the message names it.
        """
        path = self._file(step)
        with reading(path):
            content = read_file(path)
        try:
            checkpoint = unpacked(*arrays_in(content), training.initial)
            if checkpoint.step != step:
                raise DataError(f"expected step {step}, as the file's name says, got {checkpoint.step}")
            training.check(checkpoint)
        except (UserError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(f"expected a whole checkpoint at {path}, got a damaged one: {message_of(error)}") from error
        return checkpoint

    def sweep(self) -> None:
        """Delete the temporary files of a job that was killed while writing.

        Raises:
            ConfigError: the folder cannot be read or changed.
        """
        with writing(self.path, "a folder of checkpoints"):
            sweep(self.path, lambda name: _NAMES.fullmatch(name) is not None)

    def _steps(self) -> list[int]:
        try:
            with os.scandir(self.path) as entries:
                found = [_NAMES.fullmatch(each.name) for each in entries if not each.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []
        # Only the name that a step has, which 0000000000000 is not.
        return sorted(int(name[1]) for name in found if name and _NAME.format(int(name[1])) == name[0])

    def _file(self, step: int) -> Path:
        return self.path / _NAME.format(step)


def packed(checkpoint: Checkpoint, beside: Mapping[str, Array] | None = None, **more: str) -> bytes:
    """Return the content of a checkpoint's file.

    Args:
        checkpoint: what is saved.
        beside: additional arrays.
        more: additional text for the metadata.
    """
    arrays: dict[str, Array] = {**_state(checkpoint), _COSTS: np.array(checkpoint.costs, np.float64), **(beside or {})}
    best = checkpoint.best
    if best is not None:  # its costs and epochs are the first of those here
        arrays |= {_BEST + name: array for name, array in _state(best).items()}
        more |= {_BEST + "step": str(best.step)}
    names = (*_OF_AN_EPOCH, *_ADDED_LATER)
    history = [{name: getattr(epoch, name) for name in names} for epoch in checkpoint.history]
    within = [{name: getattr(each, name) for name in _OF_AN_EVALUATION} for each in checkpoint.evaluations]
    more |= {"evaluations": json.dumps(within)} if within else {}
    text = {
        "step": str(checkpoint.step),
        "history": json.dumps(history),
        "identity": (checkpoint.identity or Identity({})).to_json(),
        **more,
    }
    return save(arrays, {**text, "crc32": _checksum(arrays, text)})


def unpacked(arrays: Mapping[str, Array], metadata: Mapping[str, str], initial: Checkpoint) -> Checkpoint:
    """Return the checkpoint in a file, given its arrays and metadata, and the network before its first step.

    Raises:
        DataError: the file is damaged, or of another network.
        ValueError, KeyError, TypeError, AttributeError, RecursionError: it is damaged in such a way that they occur.
    """
    written, text = metadata["crc32"], {name: each for name, each in metadata.items() if name != "crc32"}
    if _checksum(arrays, text) != written:
        raise DataError(f"expected the checksum {written}, got another; the disk has lost something")
    costs = arrays[_COSTS]
    if costs.dtype != np.float64 or costs.ndim != 1:
        raise DataError(f"expected costs in one row of float64, got shape {costs.shape} {costs.dtype}")
    within = json.loads(metadata.get("evaluations", "[]"))
    history: tuple[Evaluation, ...] = (
        *(_epoch(fields) for fields in json.loads(metadata["history"])),
        *(Evaluated(**{name: fields[name] for name in _OF_AN_EVALUATION}) for fields in within),
    )
    whole = _from_state(initial, int(metadata["step"]), arrays, costs.tolist(), history, metadata)
    if _BEST + "step" not in metadata:
        return whole
    step = int(metadata[_BEST + "step"])
    before = tuple(each for each in history if each.steps <= step)
    best = _from_state(initial, step, _part(arrays, _BEST), costs.tolist()[:step], before, metadata)
    return replace(whole, best=best)


def _state(checkpoint: Checkpoint) -> dict[str, Array]:
    """Return the arrays of the layers' states by name."""
    return {
        **{WEIGHTS + name: array for name, array in checkpoint.weights.items()},
        **{_OPTIMIZER + name: array for name, array in checkpoint.optimizer.items()},
        **{_STASH + name: array for name, array in checkpoint.stashed.items()},
    }


def _from_state(
    initial: Checkpoint,
    step: int,
    arrays: Mapping[str, Array],
    costs: list[float],
    history: tuple[Evaluation, ...],
    metadata: Mapping[str, str],
) -> Checkpoint:
    return Checkpoint.from_arrays(
        initial,
        step=step,
        weights=_part(arrays, WEIGHTS),
        optimizer=_part(arrays, _OPTIMIZER),
        costs=costs,
        stash=_part(arrays, _STASH),
        history=history,
        identity=_identity(metadata["identity"]),
    )


def _epoch(fields: Mapping[str, Any]) -> EpochFinished:
    later = {name: fields[name] for name in _ADDED_LATER if name in fields}
    return EpochFinished(**{name: fields[name] for name in _OF_AN_EPOCH}, **later)


def _checksum(arrays: Mapping[str, Array], text: Mapping[str, str]) -> str:
    value = crc32(json.dumps(text, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        value = crc32(array.data, crc32(f"{name} {array.dtype.str} {array.shape}\n".encode(), value))
    return f"{value:08x}"


def _part(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _identity(text: str) -> Identity | None:
    """Return the identity; None of weights alone, of which `packed` writes an empty one."""
    identity = Identity.from_json(text)
    return identity if identity.settings else None
