"""What a layer was given when it failed, as files from which the piece can be repeated alone, in another process.

``failures/layer-1-forward-step-7-microbatch-1.json`` says what failed and how. Beside it are the arrays, as
safetensors: the message, the messages before it that it depends on, and the state of the stage at the last step that it
had finished. Neither holds anything that could run. The rest of what the piece depends on, layers, seed, optimizer and
schedule, is in the run's ``config.toml`` and ``network.json``.

The arrays are missing where they are not whole (see `annex_actors.protocol.given`), and of arrays of more than 256 MiB
there are not even the files. Then the piece can be repeated from a checkpoint and the data.

A process that ends in a piece can hand nothing over. So the next incarnation does, before it repeats the piece.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from safetensors.numpy import save

from annex_actors.base.errors import DataError, message_of
from annex_actors.base.files import SMALL, check_folder, read_file, reading
from annex_actors.base.types import Array, Parameters
from annex_actors.peers.stage_state import CostLog, LayerState, StageState
from annex_actors.protocol.given import Given
from annex_actors.protocol.messages import Message, WithArray, freeze
from annex_actors.runs.failure_records import FailureRecord, MessageRecord
from annex_actors.runtimes.handed_over import Failure
from annex_actors.training.array_files import arrays_in
from annex_actors.training.atomic_files import write_whole

MOST = 5
"""How many different failures of a run are kept: the first ones that were raised, and the first ends of processes."""

_NAME = re.compile(r"layer-[0-9]+-[a-z_]+-step-[0-9]+(-microbatch-[0-9]+)?\.(json|safetensors)")

_MESSAGE, _BEFORE, _STATE, _STASH, _COSTS = "message", "before.{}", "state", "stash", "costs"


@dataclass(frozen=True, eq=False)
class KeptFailure:
    """A failure as it was kept.

    Args:
        record: what failed.
        message: what it was given, with arrays.
        before: what the stage had been given before.
        state: of the stage, at ``record.version`` steps.
    """

    record: FailureRecord
    message: Message
    before: tuple[Message, ...]
    state: StageState


class FailureFiles:
    """The failures that are kept in a run's folder.

    Args:
        path: the folder; made with the first failure.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @staticmethod
    def is_own(name: str) -> bool:
        """Return whether a file of this name is one of these files."""
        return _NAME.fullmatch(name) is not None

    def records(self) -> list[FailureRecord]:
        """Return the failures, the first one first.

        Raises:
            DataError: a file is damaged, or cannot be read.
        """
        with reading(self._path):
            names = [each.name for each in self._path.iterdir()] if self._path.is_dir() else []
        found = [self._record(name) for name in names if self.is_own(name) and name.endswith(".json")]
        return sorted(found, key=lambda record: record.number)

    def keep(self, failure: Failure, layer: int, stage: int, stages: int) -> None:
        """Write a failure, unless it is kept already, or enough others are.

        Args:
            failure: what was handed over.
            layer: the index of the layer that failed.
            stage: which of the run's stages failed, in their order, all replicas counted.
            stages: how many they are.

        Raises:
            OSError: the folder cannot be written, or the disk is full; what was kept before is whole.
            DataError: what is in the folder is damaged.
        """
        known = {record.name: record for record in self.records()}
        number = 1 + max((each.number for each in known.values()), default=0)
        record = FailureRecord.of(failure, layer, stage, stages, number)
        same = known.get(record.name)
        if same is None and sum(each.has_raised == record.has_raised for each in known.values()) >= MOST:
            return
        merged = record if same is None else _merged(same, record)
        if merged == same:
            return
        check_folder(self._path)
        self._path.mkdir(exist_ok=True)
        if record.has_arrays and (same is None or not same.has_arrays):
            write_whole(self._path / f"{record.name}.safetensors", save(_arrays(failure.given)))
        write_whole(self._path / f"{record.name}.json", merged.model_dump_json(indent=2) + "\n")

    def read(self, record: FailureRecord, initial: StageState) -> KeptFailure:
        """Return a failure with its arrays, which it has.

        Args:
            record: what failed.
            initial: the state of the stage before its first step, which says what arrays to expect.

        Raises:
            DataError: its arrays are missing or damaged.
        """
        path = self._path / f"{record.name}.safetensors"
        with reading(path):
            content = read_file(path)
        try:
            arrays, _ = arrays_in(content)
            return KeptFailure(
                record,
                record.message.message(_stack(arrays, _MESSAGE, record.message)),
                tuple(
                    each.message(_stack(arrays, _BEFORE.format(index), each))
                    for index, each in enumerate(record.before)
                ),
                _state(arrays, record.versions, initial),
            )
        except (DataError, KeyError, ValueError) as error:
            raise DataError(f"{path}: expected the arrays of a failure, got: {message_of(error)}") from error

    def _record(self, name: str) -> FailureRecord:
        path = self._path / name
        with reading(path):
            content = read_file(path, limit=SMALL)
        try:
            record = FailureRecord.model_validate_json(content)
        except ValidationError as error:
            why = error.errors()[0]["msg"]
            raise DataError(f"{path}: expected a failure that a run has kept, got: {why}; delete the file") from error
        if f"{record.name}.json" != name:
            raise DataError(f"{path}: expected the failure that its name says, got {record.name}; delete the file")
        return record


def _merged(before: FailureRecord, now: FailureRecord) -> FailureRecord:
    """Return the record of a piece that has failed again: the first one with arrays, what the first error said."""
    arrays = before if before.has_arrays or not now.has_arrays else now
    said = before if before.has_raised or not now.has_raised else now
    return arrays.model_copy(update={"number": before.number, "error": said.error, "traceback": said.traceback})


def _arrays(given: Given) -> dict[str, Array]:
    state: StageState = given.snapshot.state
    costs = np.array(state.cost_log.costs(), np.float64)
    arrays = {**_named(_MESSAGE, given.message), f"{_STATE}.{_COSTS}": costs}
    for index, each in enumerate(given.before):
        arrays |= _named(_BEFORE.format(index), each)
    for index, layer in enumerate(state.layers):
        for part in ("parameters", "optimizer", "state"):
            arrays |= _prefixed(f"{_STATE}.{index}.{part}", getattr(layer, part))
    for version, weights in enumerate(state.stash):
        for index, parameters in enumerate(weights):
            arrays |= _prefixed(f"{_STASH}.{version}.{index}", parameters)
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _named(prefix: str, message: Message) -> dict[str, Array]:
    stack = message.stack if isinstance(message, WithArray) else ()
    return {f"{prefix}.{index}": array for index, array in enumerate(stack)}


def _prefixed(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def _stack(arrays: Mapping[str, Array], prefix: str, record: MessageRecord) -> list[Array]:
    return [freeze(arrays[f"{prefix}.{index}"]) for index in range(record.arrays)]


def _state(arrays: Mapping[str, Array], versions: int, initial: StageState) -> StageState:
    """Return the state in a file; names and their order are those of ``initial``.

    Raises:
        KeyError, ValueError: an array is missing, or of another shape or dtype.
    """

    def part(prefix: str, expected: Parameters) -> Parameters:
        return {name: _like(arrays[f"{prefix}.{name}"], each) for name, each in expected.items()}

    layers = tuple(
        LayerState(
            part(f"{_STATE}.{index}.parameters", layer.parameters),
            part(f"{_STATE}.{index}.optimizer", layer.optimizer),
            part(f"{_STATE}.{index}.state", layer.state),
        )
        for index, layer in enumerate(initial.layers)
    )
    stash = tuple(
        tuple(part(f"{_STASH}.{version}.{index}", weights) for index, weights in enumerate(initial.weights))
        for version in range(versions)
    )
    costs = arrays[f"{_STATE}.{_COSTS}"]
    return StageState(layers, CostLog.of(_like(costs, np.empty(costs.size)).tolist()), stash)


def _like(array: Array, expected: Array) -> Array:
    if (array.shape, array.dtype) != (expected.shape, expected.dtype):
        raise ValueError(f"expected shape {expected.shape} {expected.dtype}, got {array.shape} {array.dtype}")
    return freeze(array)
