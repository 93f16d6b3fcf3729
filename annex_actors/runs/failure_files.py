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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.numpy import save

from annex_actors.base.errors import DataError, message_of
from annex_actors.base.files import SMALL, check_folder, read_file, reading
from annex_actors.base.types import Array, Parameters
from annex_actors.peers.stage_state import CostLog, LayerState, StageState
from annex_actors.protocol.messages import Backward, Forward, Message, Part, Target, WeightGradient, WithArray, freeze
from annex_actors.protocol.norms import GlobalNorm, SquaredNorm
from annex_actors.runtimes.handed_over import Failure
from annex_actors.training.array_files import arrays_in
from annex_actors.training.atomic_files import write_whole

MOST = 5
"""How many different failures of a run are kept: the first ones that were raised, and the first ends of processes."""

_NAME = re.compile(r"layer-[0-9]+-[a-z_]+-step-[0-9]+(-microbatch-[0-9]+)?\.(json|safetensors)")

_MESSAGE, _BEFORE, _STATE, _STASH, _COSTS = "message", "before.{}", "state", "stash", "costs"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartRecord(_Record):
    """See `Part`."""

    microbatches: int
    samples: int
    rate_factor: float
    penalty: float


class MessageRecord(_Record):
    """A message without its arrays.

    Args:
        kind: such as ``forward``.
        step: from 0.
        microbatch: from 0; -1 for a message about a whole step.
        edge: on which it travelled.
        arrays: how many it has.
        part: of a forward.
        number: of a message about a norm.
    """

    kind: str
    step: int
    microbatch: int
    edge: int
    arrays: int = 0
    part: PartRecord | None = None
    number: float | None = None

    @classmethod
    def of(cls, message: Message) -> Self:
        """Return the record of a message."""
        part, number = getattr(message, "part", None), getattr(message, "number", None)
        return cls(
            kind=message.kind,
            step=message.step,
            microbatch=message.microbatch,
            edge=message.edge,
            arrays=len(message.stack) if isinstance(message, WithArray) else 0,
            part=part and PartRecord(**{name: getattr(part, name) for name in PartRecord.model_fields}),
            number=number,
        )

    def message(self, arrays: Sequence[Array]) -> Message:
        """Return the message with these arrays.

        Raises:
            ValueError: no stage is given such a message.
        """
        head = "", self.step, self.microbatch, self.edge
        match self.kind:
            case Forward.kind if self.part is not None and arrays:
                return Forward(*head, arrays[0], Part(**self.part.model_dump()), tuple(arrays[1:]))
            case Backward.kind if arrays:
                return Backward(*head, arrays[0], tuple(arrays[1:]))
            case Target.kind if arrays:
                return Target(*head, arrays[0], arrays[1] if len(arrays) > 1 else None)
            case WeightGradient.kind:
                return WeightGradient(*head)
            case SquaredNorm.kind if self.number is not None:
                return SquaredNorm(*head, self.number)
            case GlobalNorm.kind if self.number is not None:
                return GlobalNorm(*head, self.number)
        raise ValueError(f"expected a message of a stage, got {self.kind}")


class FailureRecord(_Record):
    """A failure of a layer.

    Args:
        number: which failure of the run it was among those that are kept, from 1.
        layer: the index of the layer; the cost counts as the layer after the last.
        work: what it was doing, such as ``forward``.
        error: one line.
        traceback: the whole text; empty where the layer's process ended.
        stage: the stage that has the layer, from 0, of ``stages``.
        stages: how many there were.
        version: how many steps the weights of the stage had.
        message: what it was given.
        before: what the stage had been given before, of steps that it had not finished.
        versions: how many older versions of its weights the stage had for messages under way.
        has_arrays: whether there are arrays beside.
    """

    number: int
    layer: int
    work: str
    error: str
    traceback: str
    stage: int
    stages: int
    version: int
    message: MessageRecord
    before: tuple[MessageRecord, ...]
    versions: int
    has_arrays: bool

    @property
    def has_raised(self) -> bool:
        """Whether the layer has raised, and its process did not just end."""
        return self.traceback != ""

    @property
    def name(self) -> str:
        """The name of its files, without an ending."""
        message = self.message
        place = f"layer-{self.layer}-{self.work}-step-{message.step}"
        return place if message.microbatch < 0 else f"{place}-microbatch-{message.microbatch}"


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

    def keep(self, failure: Failure, layer: int, stages: int) -> None:
        """Write a failure, unless it is kept already, or enough others are.

        Args:
            failure: what was handed over.
            layer: the index of the layer that failed.
            stages: how many stages the run has.

        Raises:
            OSError: the folder cannot be written, or the disk is full; what was kept before is whole.
            DataError: what is in the folder is damaged.
        """
        given, known = failure.given, {record.name: record for record in self.records()}
        arrays = _arrays(given.snapshot.state, given.message, given.before) if given.is_whole else {}
        record = FailureRecord(
            number=1 + max((each.number for each in known.values()), default=0),
            layer=layer,
            work=failure.work.replace(" ", "_"),
            error=failure.error,
            traceback=failure.traceback,
            stage=failure.address.number or 0,
            stages=stages,
            version=given.snapshot.step,
            message=MessageRecord.of(given.message),
            before=tuple(map(MessageRecord.of, given.before)),
            versions=len(given.snapshot.state.stash),
            has_arrays=given.is_whole,
        )
        same = known.get(record.name)
        if same is None and sum(each.has_raised == record.has_raised for each in known.values()) >= MOST:
            return
        merged = record if same is None else _merged(same, record)
        if merged == same:
            return
        check_folder(self._path)
        self._path.mkdir(exist_ok=True)
        if record.has_arrays and (same is None or not same.has_arrays):
            write_whole(self._path / f"{record.name}.safetensors", save(arrays))
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
            return FailureRecord.model_validate_json(content)
        except ValidationError as error:
            why = error.errors()[0]["msg"]
            raise DataError(f"{path}: expected a failure that a run has kept, got: {why}; delete the file") from error


def _merged(before: FailureRecord, now: FailureRecord) -> FailureRecord:
    """Return the record of a piece that has failed again: the first one with arrays, what the first error said."""
    arrays = before if before.has_arrays or not now.has_arrays else now
    said = before if before.has_raised or not now.has_raised else now
    return arrays.model_copy(update={"number": before.number, "error": said.error, "traceback": said.traceback})


def _arrays(state: StageState, message: Message, before: Iterable[Message]) -> dict[str, Array]:
    arrays = {**_named(_MESSAGE, message), f"{_STATE}.{_COSTS}": np.array(state.cost_log.costs(), np.float64)}
    for index, each in enumerate(before):
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
