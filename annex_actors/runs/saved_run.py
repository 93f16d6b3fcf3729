"""A saved run: its folder, read as a value."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from annex_actors.base import checks
from annex_actors.base.errors import DataError, UserError, message_of
from annex_actors.base.files import SMALL, read_file, reading
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed
from annex_actors.base.types import Array
from annex_actors.base.user_files import user_files
from annex_actors.data.transforms import Preparation
from annex_actors.runs.config import RunConfig
from annex_actors.runs.loaded_files import changes, check_permitted
from annex_actors.runs.records import EpochRecord, NetworkRecord, RunReport
from annex_actors.runs.run_directory import (
    CONFIG,
    COSTS,
    ENVIRONMENT,
    IDENTITY,
    METRICS,
    NETWORK,
    OPTIMIZER,
    PREPARATION,
    PREPARATION_ARRAYS,
    RESULT,
    STATE,
    WEIGHTS,
    RunDirectory,
)
from annex_actors.runs.toml_settings import read_settings
from annex_actors.training.array_files import arrays_in
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.fingerprints import arrays_sha256
from annex_actors.training.identity import PREPARED, Identity
from annex_actors.training.learner import Learner
from annex_actors.training.wholeness import check_costs

_Record = TypeVar("_Record")

_ENVIRONMENT = dict[str, str]

_METRICS_BYTES = 16 * SMALL
"""The most bytes of metrics: a million epochs."""

_STEP_DIGITS = 18
"""The most digits of a step, a number of 64 bits."""


@dataclass(frozen=True, eq=False)
class SavedRun:
    """A run's folder; each file is read when it is first asked for, and then kept.

    So a damaged file harms only what needs it. Reading runs no code; `learner` runs the files that `config_for`
    permits.

    Args:
        directory: the folder.
    """

    directory: RunDirectory

    def __post_init__(self) -> None:
        checks.instance("directory", self.directory, RunDirectory, "the folder of a run; write SavedRun.open(path)")

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Return the run in a folder.

        Raises:
            DataError: ``path`` is not the folder of a run.
        """
        path = checks.path("path", path)
        with reading(path):
            is_run = all(_exists(path / name) for name in (CONFIG, ENVIRONMENT, NETWORK))
        if not is_run:
            got = "a folder without a run" if os.path.isdir(path) else "a file" if os.path.exists(path) else "none"
            raise DataError(f"expected a folder that `annex-actors train` made at {path}, got {got}; check the path")
        return cls(RunDirectory(path))

    @property
    def path(self) -> Path:
        """The folder's path."""
        return self.directory.path

    @cached_property
    def config(self) -> RunConfig:
        """Every setting.

        Raises:
            DataError: here and in the properties below: the file is missing or damaged; the message names it.
        """
        return _config(self.path / CONFIG)

    @cached_property
    def network(self) -> NetworkRecord:
        """What was trained."""
        return _parsed(NetworkRecord, self.path / NETWORK)

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """Versions and platform."""
        return _parsed(_ENVIRONMENT, self.path / ENVIRONMENT)

    @cached_property
    def preparation(self) -> Preparation | None:
        """What makes numbers of raw rows; None: the run was not trained on a table, or by an older version."""
        path, identity = self.path / PREPARATION, self.identity
        recorded = None if identity is None else identity.settings.get(PREPARED)
        if recorded is None and (identity is not None or not os.path.lexists(path)):
            return None
        try:
            found = Preparation.from_bytes(
                _content(path, _METRICS_BYTES).decode(errors="replace"), _content(self.path / PREPARATION_ARRAYS)
            )
        except DataError as error:
            raise DataError(_damaged(path, error)) from error
        if recorded not in (None, found.sha256):
            raise DataError(f"{path}: expected the preparation of this run, {recorded}, got {found.sha256}")
        return found

    @cached_property
    def identity(self) -> Identity | None:
        """What decides its bits; None: an older version made the run, which can predict but not go on."""
        path = self.path / IDENTITY
        return _identity(path) if os.path.lexists(path) else None

    @cached_property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """The finished epochs, in order, each once; a line that is still being written is left out."""
        return _epochs(self.path / METRICS)

    @cached_property
    def report(self) -> RunReport | None:
        """The outcome; None while the run goes on, or if it was killed."""
        path = self.path / RESULT
        return _parsed(RunReport, path) if os.path.lexists(path) else None

    @property
    def checkpoints(self) -> Checkpoints:
        """The checkpoints that were written during the run."""
        return self.directory.checkpoints(self.config)

    @cached_property
    def costs(self) -> tuple[float, ...]:
        """The cost of every step until the last committed one; read without running any code of the run's."""
        state, _ = _arrays(self.path / STATE)
        with _naming(self.path):
            return tuple(_costs(state.get(COSTS, np.zeros(0))))

    def weights(self) -> dict[str, Array]:
        """Return the weights at the last committed step by name, read without running any code of the run's.

        Raises:
            DataError: the file is missing or damaged.
        """
        arrays, metadata = _arrays(self.path / WEIGHTS)
        with _naming(self.path):
            _check_hashes(WEIGHTS, metadata, {"weights_sha256": arrays_sha256(arrays)})
        return arrays

    def config_for(self, load: Sequence[str | Path] = (), note: Callable[[str], None] = lambda line: None) -> RunConfig:
        """Return the settings to make a learner from, whose ``load`` names only files that may run.

        Args:
            load: the user's Python files to run, in place of those that the folder names.
            note: called with a warning if these are not the files that the run was trained with.

        Raises:
            ConfigError: ``load`` is no list of paths; or it is empty, and the folder names files that no run of this
                user recorded, or that have changed since; the message says how to permit them.
        """
        named = [str(path) for path in user_files(load)]
        checks.function("note", note, 1)
        wanted = self.config.training.load
        if not named:
            if wanted:
                check_permitted(wanted, self.path / CONFIG)
            return self.config
        for warning in changes(named, self.path):
            note(warning)
        return self.config.model_copy(update={"training": self.config.training.model_copy(update={"load": named})})

    def checkpoint(self, load: Sequence[str | Path] = ()) -> Checkpoint:
        """Return the weights, optimizer slots and costs at the last committed step.

        They can predict; to go on with the run takes one of its `checkpoints`, which have the history too.

        Args:
            load: see `config_for`.

        Raises:
            DataError: a file is missing or damaged, or its arrays do not have their fingerprints.
            ConfigError: see `config_for`.
        """
        return self._checkpoint(self.config_for(load).learner())

    def learner(
        self,
        load: Sequence[str | Path] = (),
        note: Callable[[str], None] = lambda line: None,
        *,
        runtime: str | None = None,
    ) -> Learner:
        """Return the learner with the weights at the end of the run, ready to predict.

        Args:
            load: see `config_for`.
            note: see `config_for`.
            runtime: where its layers live, by name; None: where they did in training.

        Raises:
            UserError: see `checkpoint`.
        """
        config = self.config_for(load, note)
        learner = (config if runtime is None else config.on_runtime(checks.text("runtime", runtime))).learner()
        learner.checkpoint, learner.classes = self._checkpoint(learner), self.network.classes
        learner.preparation = self.preparation
        return learner

    def _checkpoint(self, learner: Learner) -> Checkpoint:
        spec = learner.spec
        weights, metadata = _arrays(self.path / WEIGHTS)
        state, state_metadata = _arrays(self.path / STATE)
        slots = {name.removeprefix(OPTIMIZER): array for name, array in state.items() if name != COSTS}
        with _naming(self.path):
            checkpoint = Checkpoint.from_arrays(
                spec.initial(self.network.input_shape),
                step=_step(metadata),
                weights=weights,
                optimizer=slots,
                costs=_costs(state.get(COSTS, np.zeros(0))),
            )
            check_costs(checkpoint)
            written = {"step": str(checkpoint.step), **checkpoint.hashes}
            for file, found in ((WEIGHTS, metadata), (STATE, state_metadata)):
                _check_hashes(file, found, written)
        return checkpoint


def _exists(path: Path) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _config(path: Path) -> RunConfig:
    try:
        return RunConfig.model_validate(read_settings(path))
    except UserError as error:
        raise DataError(str(error)) from error
    except ValidationError as error:
        raise DataError(_damaged(path, error)) from error


def _identity(path: Path) -> Identity:
    try:
        return Identity.from_json(_content(path, SMALL).decode())
    except (DataError, UnicodeDecodeError) as error:
        raise DataError(_damaged(path, error)) from error


def _epochs(path: Path) -> tuple[EpochRecord, ...]:
    lines = _content(path, _METRICS_BYTES).splitlines(keepends=True) if os.path.lexists(path) else []
    whole = [_parsed(EpochRecord, path, line) for line in lines if line.endswith(b"\n")]
    return tuple({record.epoch: record for record in whole}.values())


def _step(metadata: Mapping[str, str]) -> int:
    text = metadata.get("step", "0")
    if not (text.isdecimal() and len(text) <= _STEP_DIGITS):
        raise DataError(f"expected the number of a step, got {shown(text)}; the files are damaged")
    return int(text)


def _costs(array: Array) -> list[float]:
    if array.ndim != 1 or array.dtype != np.float64:
        raise DataError(f"expected costs of shape (steps,) float64, got {array.shape} {array.dtype}")
    costs: list[float] = array.tolist()
    return costs


def _arrays(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    if not os.path.lexists(path):
        raise DataError(f"expected a file at {path}, got none; the run is not at its end, or was killed before it")
    content = _content(path)
    try:
        return arrays_in(content)
    except DataError as error:
        raise DataError(_damaged(path, error)) from error


def _check_hashes(file: str, found: Mapping[str, str], computed: Mapping[str, str]) -> None:
    for name, value in computed.items():
        if found.get(name) != value:
            raise DataError(
                f"expected {name} {shown(found.get(name))} as {file} says, got {value}; "
                "the files are damaged, or of two runs"
            )


def _content(path: Path, limit: int | None = None) -> bytes:
    with reading(path):
        return read_file(path, limit=limit)


def _parsed(record: type[_Record], path: Path, content: bytes | None = None) -> _Record:
    """Return the record in a file, or in a part of its content."""
    found = _content(path, SMALL) if content is None else content
    try:
        return TypeAdapter(record).validate_json(found)
    except ValidationError as error:
        raise DataError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    problem = error.errors()[0] if isinstance(error, ValidationError) else None
    why = f"{listed(problem['loc'])} {problem['msg']}".strip() if problem else message_of(error)
    return f"{path}: expected what `annex-actors train` wrote, got: {why}; the file is damaged"


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
