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
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from annex_actors.base.errors import ConfigError
from annex_actors.runs.config import RunConfig
from annex_actors.runs.records import EpochRecord, NetworkRecord, RunReport
from annex_actors.runs.run_lock import RunLock
from annex_actors.training.atomic_files import write_whole
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.checkpoint_files import Checkpoints

CONFIG, ENVIRONMENT, NETWORK = "config.toml", "environment.json", "network.json"
CHECKPOINTS = "checkpoints"
METRICS, WEIGHTS, STATE, RESULT, LOG = (
    "metrics.jsonl",
    "weights.safetensors",
    "state.safetensors",
    "result.json",
    "log.txt",
)

OPTIMIZER, COSTS = "optimizer.", "costs"
"""Names in the file of the state: a prefix of every slot's, and that of the costs."""


class RunDirectory:
    """A run's folder, to be written; `SavedRun` reads it.

    Args:
        path: the folder; see `create` and `create_named`.
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
        names = chain([name], (f"{name}-{number}" for number in count(2)))
        return cls.create(next(root / each for each in names if not (root / each).exists()))

    def lock(self) -> RunLock:
        """Return the lock to hold while one works on the run."""
        return RunLock(self.path)

    def checkpoints(self, config: RunConfig) -> Checkpoints:
        """Return the run's checkpoints."""
        return Checkpoints(self.path / CHECKPOINTS, **config.checkpoints.model_dump())

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
        slots = {f"{OPTIMIZER}{name}": array for name, array in checkpoint.optimizer.items()}
        costs = {COSTS: np.array(checkpoint.costs, np.float64)}
        metadata = {"step": str(checkpoint.step), **checkpoint.hashes}
        self._write(METRICS, "".join(_line(epoch) for epoch in epochs))
        self._write(WEIGHTS, save(checkpoint.weights, metadata))
        self._write(STATE, save({**slots, **costs}, metadata))
        self._write(RESULT, report.model_dump_json(indent=2) + "\n")

    def remove(self) -> None:
        """Delete the folder: of a run that did not begin, nothing is left."""
        shutil.rmtree(self.path)

    def _write(self, name: str, content: bytes | str) -> None:
        write_whole(self.path / name, content)


def _line(epoch: EpochRecord) -> str:
    return epoch.model_dump_json() + "\n"
