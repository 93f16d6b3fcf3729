"""A saved run: its folder, read once into a value."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open

from annex_actors.base.errors import DataError, UserError, message_of
from annex_actors.base.types import Array
from annex_actors.data.reading import reading
from annex_actors.runs.config import RunConfig
from annex_actors.runs.records import EpochRecord, NetworkRecord, RunReport
from annex_actors.runs.run_directory import (
    CONFIG,
    COSTS,
    ENVIRONMENT,
    IDENTITY,
    METRICS,
    NETWORK,
    OPTIMIZER,
    RESULT,
    STATE,
    WEIGHTS,
    RunDirectory,
)
from annex_actors.runs.toml_settings import read_settings
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.fingerprints import arrays_sha256
from annex_actors.training.identity import Identity
from annex_actors.training.learner import Learner
from annex_actors.training.wholeness import check_costs

_Record = TypeVar("_Record", bound=BaseModel)


@dataclass(frozen=True, eq=False)
class SavedRun:
    """A run's folder, as it was when it was opened; arrays are read on demand.

    Args:
        directory: the folder.
        config: every setting.
        network: what was trained.
        environment: versions and platform.
        identity: what decides its bits; None: an older version made the run, which can predict but not go on.
        epochs: the finished epochs, in order, each once; a line that is still being written is left out.
        report: the outcome; None while the run goes on, or if it was killed.
    """

    directory: RunDirectory
    config: RunConfig
    network: NetworkRecord
    environment: Mapping[str, str]
    identity: Identity | None
    epochs: tuple[EpochRecord, ...]
    report: RunReport | None

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a run's folder.

        Raises:
            DataError: ``path`` is not the folder of a run, or a file in it is damaged; the message names it.
        """
        if not all((path / name).is_file() for name in (CONFIG, ENVIRONMENT, NETWORK)):
            got = "a folder without a run" if path.is_dir() else "a file" if path.exists() else "none"
            raise DataError(f"expected a folder that `annex-actors train` made at {path}, got {got}; check the path")
        return cls(
            directory=RunDirectory(path),
            config=_config(path / CONFIG),
            network=_parsed(NetworkRecord, path / NETWORK, _text(path / NETWORK)),
            environment=_environment(path / ENVIRONMENT),
            identity=_identity(path / IDENTITY),
            epochs=_epochs(path / METRICS),
            report=_report(path / RESULT),
        )

    @property
    def path(self) -> Path:
        """The folder's path."""
        return self.directory.path

    @property
    def checkpoints(self) -> Checkpoints:
        """The checkpoints that were written during the run."""
        return self.directory.checkpoints(self.config)

    def weights(self) -> dict[str, Array]:
        """Return the weights at the last committed step by name, read without running any code of the run's.

        Raises:
            DataError: the file is missing or damaged.
        """
        arrays, metadata = _arrays(self.path / WEIGHTS)
        with _naming(self.path):
            _check_hashes(WEIGHTS, metadata, {"weights_sha256": arrays_sha256(arrays)})
        return arrays

    def checkpoint(self) -> Checkpoint:
        """Return the weights, optimizer slots and costs at the last committed step.

        They can predict; to go on with the run takes one of its `checkpoints`, which have the history too.

        Raises:
            DataError: a file is missing or damaged, or its arrays do not have their fingerprints.
        """
        return self._checkpoint(self.config.learner())

    def learner(self) -> Learner:
        """Return the learner with the weights at the end of the run, ready to predict.

        Raises:
            DataError: see `checkpoint`.
        """
        learner = self.config.learner()
        learner.checkpoint = self._checkpoint(learner)
        return learner

    def _checkpoint(self, learner: Learner) -> Checkpoint:
        spec = learner.spec
        initial = Checkpoint.initial(spec.network, self.network.input_shape, spec.optimizer, spec.seed)
        weights, metadata = _arrays(self.path / WEIGHTS)
        state, state_metadata = _arrays(self.path / STATE)
        slots = {name.removeprefix(OPTIMIZER): array for name, array in state.items() if name != COSTS}
        with _naming(self.path):
            checkpoint = Checkpoint.from_arrays(
                initial,
                step=int(metadata.get("step", "0")),
                weights=weights,
                optimizer=slots,
                costs=state.get(COSTS, np.zeros(0)).tolist(),
            )
            check_costs(checkpoint)
            written = {"step": str(checkpoint.step), **checkpoint.hashes}
            for file, found in ((WEIGHTS, metadata), (STATE, state_metadata)):
                _check_hashes(file, found, written)
        return checkpoint


def _config(path: Path) -> RunConfig:
    try:
        return RunConfig.model_validate(read_settings(path))
    except UserError as error:
        raise DataError(str(error)) from error
    except ValidationError as error:
        raise DataError(_damaged(path, error)) from error


def _environment(path: Path) -> dict[str, str]:
    try:
        return {str(name): str(value) for name, value in json.loads(_text(path)).items()}
    except (ValueError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(_damaged(path, error)) from error


def _identity(path: Path) -> Identity | None:
    try:
        return Identity.from_json(_text(path)) if path.exists() else None
    except DataError as error:
        raise DataError(_damaged(path, error)) from error


def _epochs(path: Path) -> tuple[EpochRecord, ...]:
    lines = _text(path).splitlines(keepends=True) if path.exists() else []
    whole = [_parsed(EpochRecord, path, line) for line in lines if line.endswith("\n")]
    return tuple({record.epoch: record for record in whole}.values())


def _report(path: Path) -> RunReport | None:
    return _parsed(RunReport, path, _text(path)) if path.exists() else None


def _arrays(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    if not path.exists():
        raise DataError(f"expected a file at {path}, got none; the run is not at its end, or was killed before it")
    try:
        with reading(path), safe_open(path, framework="numpy") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118 - no dict
    except SafetensorError as error:
        raise DataError(_damaged(path, error)) from error


def _check_hashes(file: str, found: Mapping[str, str], computed: Mapping[str, str]) -> None:
    for name, value in computed.items():
        if found.get(name) != value:
            raise DataError(
                f"expected {name} {found.get(name)} as {file} says, got {value}; the files are damaged, or of two runs"
            )


def _text(path: Path) -> str:
    try:
        with reading(path):
            return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(_damaged(path, error)) from error


def _parsed(record: type[_Record], path: Path, text: str) -> _Record:
    try:
        return record.model_validate_json(text)
    except ValidationError as error:
        raise DataError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    problem = error.errors()[0] if isinstance(error, ValidationError) else None
    why = " ".join([*map(str, problem["loc"]), problem["msg"]]) if problem else message_of(error)
    return f"{path}: expected what `annex-actors train` wrote, got: {why}; the file is damaged"


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
