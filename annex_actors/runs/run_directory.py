"""The folder that a run leaves behind: everything to look at it, to predict with it, and to repeat it.

```
runs/digits-20250131T235959Z/
├── config.toml           every setting; `annex-actors train config.toml` repeats the run
├── environment.json      versions, platform, BLAS and its kernel
├── network.json          layers, shapes, parameter counts, classes, where the data came from
├── metrics.jsonl         a line for each epoch, while it runs
├── log.txt               what the supervisors logged: the traceback of every crash; only where there was one
├── checkpoints/          the newest of every so many steps: what `annex-actors resume` goes on from
├── lock                  while a job works on the run
├── weights.safetensors   weights at the last step that every layer committed
├── state.safetensors     optimizer slots at that step, and the cost of every step (float64, named costs)
└── result.json           how it ended: status, hashes, metrics; what `--json` prints
```

The first three are written before the run, the last three when it has ended: well, by Ctrl-C, or by a failure. Whatever
the instant at which it is killed, each of these files is whole or not there, and a run that has not finished can be
resumed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from annex_actors.data.reading import one_line, reading
from annex_actors.base.errors import ConfigError, DataError, UserError
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.runs.config import RunConfig
from annex_actors.training.atomic_files import write_whole
from annex_actors.training.learner import Learner
from annex_actors.runs.records import EpochRecord, NetworkRecord, RunReport
from annex_actors.runs.run_lock import RunLock
from annex_actors.runs.toml_settings import read_settings
from annex_actors.base.types import Array

_Record = TypeVar("_Record", bound=BaseModel)

CONFIG, ENVIRONMENT, NETWORK = "config.toml", "environment.json", "network.json"
CHECKPOINTS = "checkpoints"
METRICS, WEIGHTS, STATE, RESULT, LOG = (
    "metrics.jsonl",
    "weights.safetensors",
    "state.safetensors",
    "result.json",
    "log.txt",
)

_OPTIMIZER, _COSTS = "optimizer.", "costs"


class RunDirectory:
    """A run's folder, to be written or read.

    Args:
        path: the folder; see `create`, `create_named` and `open`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path) -> RunDirectory:
        """Make a new folder.

        Raises:
            ConfigError: there is one already, or it cannot be made.
        """
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            raise ConfigError(
                f"expected a new folder for the run, got {path}, which exists; "
                "choose another with --run-dir, or delete it"
            ) from None
        except OSError as error:
            why = error.strerror or error
            raise ConfigError(
                f"expected a folder that can be made, got {path}: {why}; choose another with --run-dir"
            ) from None
        return cls(path)

    @classmethod
    def create_named(cls, dataset: str, *, root: Path = Path("runs"), now: datetime | None = None) -> RunDirectory:
        """Make a new folder with a name of its own: data set, UTC time, and a number where that is taken.

        Raises:
            ConfigError: it cannot be made.
        """
        name = f"{dataset}-{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        for number in count(1):
            path = root / (name if number == 1 else f"{name}-{number}")
            if not path.exists():
                return cls.create(path)
        raise AssertionError("numbers do not end")

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Return the folder of a run that was made before.

        Raises:
            DataError: this is none.
        """
        if not all((path / name).is_file() for name in (CONFIG, ENVIRONMENT, NETWORK)):
            got = "a folder without a run" if path.is_dir() else "a file" if path.exists() else "none"
            raise DataError(f"expected a folder that `annex-actors train` made at {path}, got {got}; check the path")
        return cls(path)

    def lock(self) -> RunLock:
        """Return the lock that whoever works on the run must hold."""
        return RunLock(self.path)

    def checkpoints(self, config: RunConfig) -> Checkpoints:
        """Return the run's checkpoints."""
        return Checkpoints(self.path / CHECKPOINTS, **config.checkpoints.model_dump())

    # Writing

    def begin(self, config: RunConfig, network: NetworkRecord, environment: Mapping[str, str]) -> None:
        """Write what is known before the run."""
        self._write(NETWORK, network.model_dump_json(indent=2) + "\n")
        self._write(ENVIRONMENT, json.dumps(environment, indent=2) + "\n")
        self._write(CONFIG, config.to_toml())

    def append(self, epoch: EpochRecord) -> None:
        """Add a line to the metrics."""
        with (self.path / METRICS).open("ab", buffering=0) as file:  # a line is one write, so that none is ever half
            file.write(_line(epoch).encode())

    def sweep(self) -> None:
        """Delete what a job left behind that was killed while it wrote, and what an end before this one said."""
        for path in self.path.glob(".*"):
            path.unlink()
        (self.path / RESULT).unlink(missing_ok=True)

    def end(self, report: RunReport, checkpoint: Checkpoint, epochs: Iterable[EpochRecord]) -> None:
        """Write what the run came to."""
        slots = {f"{_OPTIMIZER}{name}": array for name, array in checkpoint.optimizer.items()}
        costs = {_COSTS: np.array(checkpoint.costs, np.float64)}
        metadata = {"step": str(checkpoint.step), **checkpoint.hashes}
        self._write(METRICS, "".join(_line(epoch) for epoch in epochs))
        self._write(WEIGHTS, save(checkpoint.weights, metadata))
        self._write(STATE, save({**slots, **costs}, metadata))
        self._write(RESULT, report.model_dump_json(indent=2) + "\n")

    def remove(self) -> None:
        """Delete the folder: of a run that did not begin, nothing is left."""
        shutil.rmtree(self.path)

    # Reading

    def config(self) -> RunConfig:
        """Return every setting of the run.

        Raises:
            DataError: a damaged file.
        """
        try:
            return RunConfig.model_validate(read_settings(self.path / CONFIG))
        except UserError as error:
            raise DataError(str(error)) from error
        except ValidationError as error:
            raise DataError(_damaged(self.path / CONFIG, error)) from error

    def environment(self) -> dict[str, str]:
        """Return versions and platform.

        Raises:
            DataError: a damaged file.
        """
        path = self.path / ENVIRONMENT
        try:
            return {str(name): str(value) for name, value in json.loads(_text(path)).items()}
        except (ValueError, AttributeError) as error:
            raise DataError(_damaged(path, error)) from error

    def network(self) -> NetworkRecord:
        """Return what was trained.

        Raises:
            DataError: a damaged file.
        """
        return _parsed(NetworkRecord, self.path / NETWORK, _text(self.path / NETWORK))

    def epochs(self) -> list[EpochRecord]:
        """Return the finished epochs, in order, each once; a line that is still being written is left out.

        Raises:
            DataError: a damaged file.
        """
        path = self.path / METRICS
        lines = _text(path).splitlines(keepends=True) if path.exists() else []
        whole = [_parsed(EpochRecord, path, line) for line in lines if line.endswith("\n")]
        return [*{record.epoch: record for record in whole}.values()]

    def report(self) -> RunReport | None:
        """Return what the run came to; None while it runs, or where it was killed.

        Raises:
            DataError: a damaged file.
        """
        path = self.path / RESULT
        return _parsed(RunReport, path, _text(path)) if path.exists() else None

    def checkpoint(self) -> Checkpoint:
        """Return the weights, optimizer slots and costs of the last step that was committed.

        Raises:
            DataError: a missing or damaged file, or arrays that are not those that were written.
        """
        config, learner = self.config(), self.config().learner()
        blank = Checkpoint.initial(learner.network, self.network().input_shape, learner.optimizer, config.training.seed)
        weights, metadata = self._arrays(WEIGHTS)
        state, state_metadata = self._arrays(STATE)
        slots = {name.removeprefix(_OPTIMIZER): array for name, array in state.items() if name != _COSTS}
        with _naming(self.path):
            checkpoint = Checkpoint.from_arrays(
                blank,
                step=int(metadata.get("step", "0")),
                weights=weights,
                optimizer=slots,
                costs=state.get(_COSTS, np.zeros(0)).tolist(),
            )
            written = {"step": str(checkpoint.step), **checkpoint.hashes}
            for file, found in ((WEIGHTS, metadata), (STATE, state_metadata)):
                _check_hashes(file, found, written)
        return checkpoint

    def learner(self) -> Learner:
        """Return the learner as it was when the run ended, ready to predict.

        Raises:
            DataError: see `checkpoint`.
        """
        learner = self.config().learner()
        learner.checkpoint = self.checkpoint()
        return learner

    def _write(self, name: str, content: bytes | str) -> None:
        write_whole(self.path / name, content)

    def _arrays(self, name: str) -> tuple[dict[str, Array], dict[str, str]]:
        path = self.path / name
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


def _line(epoch: EpochRecord) -> str:
    return epoch.model_dump_json() + "\n"


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
    why = " ".join([*map(str, problem["loc"]), problem["msg"]]) if problem else one_line(error)
    return f"{path}: expected what `annex-actors train` wrote, got: {why}; the file is damaged"


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
