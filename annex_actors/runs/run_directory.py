"""The folder of a run: everything to inspect it, to predict with it, to resume it and to repeat it.

```
runs/digits-20250131T235959Z/
├── config.toml           every setting; `annex-actors train config.toml` repeats the run
├── environment.json      versions, platform, BLAS and its kernel
├── identity.json         everything that decides the run's bits, compared when it is resumed
├── network.json          layers, shapes, parameter counts, classes, where the data came from
├── preparation.json, preparation.safetensors       what makes numbers of a table's rows; only if there is a table
├── loaded.json           your own Python files that the run needs, with their SHA-256, signed; only if there are any
├── metrics.jsonl         a line for each epoch, added during the run
├── events.jsonl          a line for each start of the run and each event but the ends of steps, added during the run
├── output.txt            what a detached run printed
├── log.txt               what the supervisors logged: the traceback of every crash; only if there was one
├── failures/             what the first layers that failed were given, for `annex-actors replay`; only if one failed
├── fingerprints.txt      a line for each piece of work, added during the run; only with `train --fingerprints`
├── trace.json, trace.records       each message and piece of work, in binary; only with `--trace`
├── checkpoints/          the newest checkpoints, which `annex-actors resume` goes on from
├── lock                  while a process works on the run
├── control               the socket on which that process answers `annex-actors status` and others
├── weights.safetensors   weights at the last step that every layer committed
├── state.safetensors     optimizer slots at that step, and the cost of every step (float64, named costs)
├── result.json           how it ended: status, hashes, metrics; what `--json` prints
└── report.html           the run as a page; only if it was asked for
```

What stands before the metrics is written before the run, the last three when it has ended: finished, interrupted or
failed. At whatever instant the run is killed, each of these files is whole or missing, and a run that has not finished
can be resumed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.files import check_folder, check_in_place, check_replaceable, open_in_place, reason, writing
from annex_actors.data.transforms import Preparation
from annex_actors.runs.config import RunConfig
from annex_actors.runs.failure_files import FailureFiles
from annex_actors.runs.loaded_files import LOADED, LoadedFiles
from annex_actors.runs.records import EpochRecord, NetworkRecord, RunReport
from annex_actors.runs.run_lock import RunLock
from annex_actors.training.atomic_files import sweep, write_whole
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.identity import Identity

CONFIG, ENVIRONMENT, IDENTITY, NETWORK = "config.toml", "environment.json", "identity.json", "network.json"
CHECKPOINTS, FAILURES = "checkpoints", "failures"
PREPARATION, PREPARATION_ARRAYS = "preparation.json", "preparation.safetensors"
METRICS, EVENTS, WEIGHTS, STATE, RESULT, LOG, FINGERPRINTS, OUTPUT = (
    "metrics.jsonl",
    "events.jsonl",
    "weights.safetensors",
    "state.safetensors",
    "result.json",
    "log.txt",
    "fingerprints.txt",
    "output.txt",
)
TRACE, TRACE_RECORDS = "trace.json", "trace.records"
REPORT = "report.html"

_WHOLE = (
    CONFIG,
    ENVIRONMENT,
    IDENTITY,
    NETWORK,
    PREPARATION,
    PREPARATION_ARRAYS,
    LOADED,
    TRACE,
    METRICS,
    WEIGHTS,
    STATE,
    RESULT,
    REPORT,
)
"""The files that are replaced as a whole."""

_IN_PLACE = (METRICS, EVENTS, LOG, FINGERPRINTS, TRACE_RECORDS, OUTPUT)
"""The files that grow during a run."""

OPTIMIZER, COSTS = "optimizer.", "costs"
"""Names of arrays in ``state.safetensors``: the prefix of every optimizer slot, and the costs."""


class RunDirectory:
    """Writes a run's folder; `SavedRun` reads it.

    Args:
        path: the folder; see `create` and `create_named`.

    Raises:
        ConfigError: no path.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = checks.path("path", path)

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r})"

    @classmethod
    def create(cls, path: str | Path) -> RunDirectory:
        """Make a new folder, with its parents.

        Raises:
            ConfigError: the folder exists, or it cannot be made.
        """
        path = checks.path("path", path)
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            raise ConfigError(
                f"expected a new folder for the run, got {path}, which exists; "
                "choose another with --run-dir, or delete it"
            ) from None
        except (OSError, ValueError) as error:
            why = reason(error) if isinstance(error, OSError) else "no folder can have that name"
            raise ConfigError(
                f"expected a folder that can be made, got {path}: {why}; choose another with --run-dir"
            ) from None
        return cls(path)

    @classmethod
    def create_named(
        cls, dataset: str, *, root: str | Path = Path("runs"), now: datetime | None = None
    ) -> RunDirectory:
        """Make a new folder, named after the data set and the UTC time, with a number if that name is taken.

        Args:
            dataset: the name of the data set.
            root: where to make it.
            now: the time; by default the current time.

        Raises:
            ConfigError: the folder cannot be made.
        """
        dataset, root = checks.text("dataset", dataset), checks.path("root", root)
        now = datetime.now(UTC) if now is None else checks.instance("now", now, datetime, "a time")
        name = f"{dataset}-{now:%Y%m%dT%H%M%SZ}"
        names = chain([name], (f"{name}-{number}" for number in count(2)))
        return cls.create(next(root / each for each in names if not os.path.lexists(root / each)))

    def lock(self) -> RunLock:
        """Return the lock to hold while working on the run."""
        return RunLock(self.path)

    def checkpoints(self, config: RunConfig) -> Checkpoints:
        """Return the run's folder of checkpoints, with the config's policy.

        Raises:
            ConfigError: it is something else than a folder of the run's own, such as a link to elsewhere.
        """
        self._check_folders()
        return Checkpoints(self.path / CHECKPOINTS, **config.checkpoints.model_dump())

    def failures(self) -> FailureFiles:
        """Return what is kept of the run's failures."""
        return FailureFiles(self.path / FAILURES)

    def begin(
        self,
        config: RunConfig,
        network: NetworkRecord,
        environment: Mapping[str, str],
        identity: Identity,
        preparation: Preparation | None = None,
    ) -> None:
        """Write what is known before the run."""
        self._write(IDENTITY, json.dumps(dict(identity.settings), indent=2) + "\n")
        if preparation is not None:
            text, arrays = preparation.to_bytes()
            self._write(PREPARATION_ARRAYS, arrays)
            self._write(PREPARATION, text)
        if config.training.load:
            self._write(LOADED, LoadedFiles.of(config.training.load).model_dump_json(indent=2) + "\n")
        self._write(NETWORK, network.model_dump_json(indent=2) + "\n")
        self._write(ENVIRONMENT, json.dumps(environment, indent=2) + "\n")
        self.record(config)

    def record(self, config: RunConfig) -> None:
        """Write the settings, when the run begins or when it is to have another number of epochs."""
        self._write(CONFIG, config.to_toml())

    def append(self, epoch: EpochRecord) -> None:
        """Add an epoch's line to the metrics."""
        self._append(METRICS, _line(epoch).encode())

    def add_events(self, lines: bytes) -> None:
        """Add lines to the events.

        Raises:
            ConfigError: the file cannot be written.
        """
        self._append(EVENTS, lines)

    def sweep(self) -> None:
        """Delete the temporary files of a job that was killed while writing, and the result of an earlier end.

        What is not the run's own is left alone.

        Raises:
            ConfigError: where the run will write is something else than a file, such as a folder or a pipe.
        """
        self._check_folders()
        for name in _WHOLE:
            with writing(self.path / name, "a file of the run"):
                check_replaceable(self.path / name)
        for name in _IN_PLACE:
            with writing(self.path / name, "a file of the run's own"):
                check_in_place(self.path / name)
        with writing(self.path, "a folder"):
            sweep(self.path, _WHOLE.__contains__)
            sweep(self.path / FAILURES, FailureFiles.is_own)
            (self.path / RESULT).unlink(missing_ok=True)

    def end(self, report: RunReport, checkpoint: Checkpoint, epochs: Iterable[EpochRecord]) -> None:
        """Write the outcome: weights, state, result, and the metrics of all finished epochs."""
        slots = {f"{OPTIMIZER}{name}": array for name, array in checkpoint.optimizer.items()}
        costs = {COSTS: np.array(checkpoint.costs, np.float64)}
        metadata = {"step": str(checkpoint.step), **checkpoint.hashes}
        self._write(METRICS, "".join(_line(epoch) for epoch in epochs))
        self._write(WEIGHTS, save(checkpoint.weights, metadata))
        self._write(STATE, save({**slots, **costs}, metadata))
        self._write(RESULT, report.model_dump_json(indent=2) + "\n")

    def remove(self) -> None:
        """Delete the folder of a run that did not start; why it did not matters more than a rest that stays."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _check_folders(self) -> None:
        for name, what in ((CHECKPOINTS, "a folder of checkpoints"), (FAILURES, "a folder of the run's own")):
            with writing(self.path / name, what):
                check_folder(self.path / name)

    def _append(self, name: str, content: bytes) -> None:
        path = self.path / name
        with writing(path):
            fd = open_in_place(path, os.O_WRONLY | os.O_APPEND)
            with open(fd, "ab", buffering=0) as file:  # unbuffered: one write for all whole lines
                file.write(content)

    def _write(self, name: str, content: bytes | str) -> None:
        with writing(self.path / name):
            write_whole(self.path / name, content)


def _line(epoch: EpochRecord) -> str:
    return epoch.model_dump_json() + "\n"
